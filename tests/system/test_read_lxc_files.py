"""Guests of plain LXC and Proxmox from written trees, also such as nobody should write."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homelab.model.lxc import Runtime, entering, starting, typed_key
from homelab.system.lxc_files import read_files
from homelab.system.parse_lxc import parse_pct, parse_plain

WEB = """\
lxc.include = /usr/share/lxc/config/nesting.conf
# lxc.net.9.type = veth
lxc.net.0.type = veth
lxc.net.0.link = lxcbr0
lxc.net.0.hwaddr = 00:16:3e:00:00:01
lxc.net.0.ipv4.address = 10.0.3.11/24 10.0.3.255
lxc.net.0.veth.vlan.id = 20
lxc.net.1.type = macvlan
lxc.net.1.name = lan
lxc.net.2.type = none
"""
CT = """\
# kept by the user interface
arch: amd64
features: keyctl=1,nesting=1
hostname: web
net0: name=eth0,bridge=vmbr0,firewall=1,gw=192.168.1.1,hwaddr=BC:24:11:00:00:01,ip=192.168.1.50/24,tag=20,type=veth
net1: name=lan,bridge=vmbr1,ip=dhcp
[before]
net0: name=eth0,bridge=vmbr9,tag=99
"""


def tree(root: Path, **files: str) -> str:
    for path, text in files.items():
        there = root / path
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_text(text)
    return str(root)


def test_a_configuration_of_liblxc_in_words_of_lxd() -> None:
    web = parse_plain("web", WEB, 7)

    assert (web.status, web.pid) == ("Running", 7)
    assert web.expanded_config == {"security.nesting": "true"}
    assert web.expanded_devices == {
        "eth0": {
            "type": "nic",
            "nictype": "bridged",
            "parent": "lxcbr0",
            "hwaddr": "00:16:3e:00:00:01",
            "ipv4.address": "10.0.3.11",
            "vlan": "20",
        },
        "lan": {"type": "nic", "nictype": "macvlan", "name": "lan"},
    }


def test_a_configuration_of_proxmox_without_its_snapshots() -> None:
    web = parse_pct("101", CT, 0)

    assert web.status == "Stopped"
    assert web.expanded_devices["eth0"]["parent"] == "vmbr0"
    assert web.expanded_devices["eth0"]["vlan"] == "20"
    assert web.expanded_devices["eth0"]["ipv4.address"] == "192.168.1.50"
    assert "ipv4.address" not in web.expanded_devices["lan"]
    assert web.expanded_config["security.nesting"] == "true"
    assert web.expanded_config["proxmox.eth0"].startswith("net0=name=eth0,bridge=vmbr0,firewall=1")


def test_guests_that_run_and_guests_that_do_not(tmp_path: Path) -> None:
    root = tree(tmp_path, **{"var/lib/lxc/web/config": WEB, "var/lib/lxc/db/config": ""})

    runtime = read_files({"web": 7, "other": 9}, root=root).runtime

    assert runtime is not None
    assert runtime.name == "lxc"
    states = {each.name: (each.status, each.pid) for each in runtime.instances}
    assert states == {"db": ("Stopped", 0), "other": ("Running", 9), "web": ("Running", 7)}


def test_proxmox_wins_over_the_files_that_it_writes_itself(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        **{
            "etc/pve/lxc/101.conf": CT,
            "etc/pve/lxc/7.conf": CT,
            "etc/pve/lxc/note.txt": "",
            "var/lib/lxc/101/config": WEB,
            "var/lib/lxc/199/config": WEB,
        },
    )

    runtime = read_files({}, root=root).runtime

    assert runtime is not None
    assert (runtime.name, [each.name for each in runtime.instances]) == ("proxmox", ["101"])
    assert read_files({}, "lxc", root).runtime != runtime


def test_a_machine_without_guests_has_no_runtime(tmp_path: Path) -> None:
    assert read_files({}, root=str(tmp_path)).runtime is None
    assert read_files({}, root=tree(tmp_path, **{"var/lib/lxc": ""})).runtime is None


def test_names_and_files_that_nobody_should_write(tmp_path: Path) -> None:
    root = tree(tmp_path, **{"var/lib/lxc/good/config": "", "var/lib/lxc/-n/config": WEB})
    bad = tmp_path / "var/lib/lxc"
    (bad / "\x1b[31mred").mkdir()
    (bad / "pipe").mkdir()
    os.mkfifo(bad / "pipe/config")
    (bad / "loop").mkdir()
    (bad / "loop/config").symlink_to("config")

    found = read_files({}, root=root)

    assert [each.name for each in found.runtime.instances] == ["good"] if found.runtime else False
    assert set(found.unread) == {"/var/lib/lxc/pipe/config", "/var/lib/lxc/loop/config"}


@pytest.mark.parametrize("value", ["$(reboot)", "a" * 16, "", "../x", "br0\x1b[2J", "br 0"])
def test_a_value_that_makes_no_sense_is_left_out(value: str) -> None:
    lines = (
        "type = veth",
        f"link = {value}",
        "ipv4.address = 10.0.3.300/24",
        "veth.vlan.id = 99999",
    )
    text = "\n".join(f"lxc.net.0.{each}" for each in lines)

    assert parse_plain("web", text, 0).devices == {"eth0": {"type": "nic", "nictype": "bridged"}}


@given(st.text())
def test_any_text_ends_in_an_instance(text: str) -> None:
    assert parse_plain("web", text, 0).name == parse_pct("web", text, 0).name


def test_what_a_person_types_is_in_the_words_of_what_runs_the_guests() -> None:
    lxc, proxmox = Runtime("lxc", ""), Runtime("proxmox", "")

    assert entering(lxc, "web") == ("lxc-attach", "-n", "web", "--")
    assert entering(proxmox, "101") == ("pct", "exec", "101", "--")
    assert entering(None, "web") == ("lxc", "exec", "web", "--")
    assert starting(lxc, "web", again=True) == ("lxc-stop", "-r", "-n", "web")
    assert starting(proxmox, "101") == ("pct", "start", "101")
    assert (
        typed_key(proxmox, "101", "security.nesting", "true") == "pct set 101 --features nesting=1"
    )
    forward = "linux.sysctl.net.ipv4.ip_forward"
    assert typed_key(lxc, "web", forward, "1") == (
        "echo 'lxc.sysctl.net.ipv4.ip_forward = 1' >>/var/lib/lxc/web/config"
    )
    assert typed_key(proxmox, "101", forward, "1") == (
        "echo 'lxc.sysctl.net.ipv4.ip_forward: 1' >>/etc/pve/lxc/101.conf"
    )
