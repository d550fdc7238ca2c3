"""VLANs and virtual functions as a real kernel showed them, and what a kernel is known not to have."""

import gzip
import json
import platform
from pathlib import Path

import pytest

from homelab.load.redact import redact
from homelab.load.snapshot import dump_snapshot, parse_snapshot
from homelab.model.kernel import BridgeVlan, Link, Namespace, VirtualFunction
from homelab.model.place import HOST
from homelab.model.snapshot import Snapshot
from homelab.model.wires import CardCount
from homelab.system.kernel_features import cards, lacking
from homelab.system.parse_links import parse_links
from tests import captured_vlans

MODULES = f"lib/modules/{platform.release()}"
NONE = ("8021q", "vlan_filtering")
VLANS = "CONFIG_VLAN_8021Q=m\n"


def links(name: str, place: str) -> dict[str, Link]:
    found, _ = parse_links(json.dumps(captured_vlans.card(name)["links"][place]))
    return {each.name: each for each in found}


def test_a_vlan_aware_bridge_is_read_with_the_tables_of_its_ports() -> None:
    host = captured_vlans.snapshot("healthy").namespaces[HOST]
    found = {each.name: each for each in host.links}

    assert found["br0"].options["vlan_filtering"] == "1"
    assert found["br0"].options["vlan_default_pvid"] == "0"
    assert found["br0"].vlans == (BridgeVlan(10, 10), BridgeVlan(20, 20))
    assert found["eth0"].vlans == (BridgeVlan(10, 10),)
    assert found["vweb"].vlans == (BridgeVlan(20, 20, pvid=True, untagged=True),)


def test_a_vlan_link_is_read_with_its_id_and_its_parent() -> None:
    host = captured_vlans.snapshot("healthy").namespaces[HOST]
    found = {each.name: each for each in host.links}

    assert (found["br0.20"].kind, found["br0.20"].options["vlan_id"]) == ("vlan", "20")
    assert found["br0.20"].options["vlan_protocol"] == "802.1Q"
    assert found["br0.20"].peer == found["br0"].index


def test_the_virtual_functions_of_a_card_are_read() -> None:
    one, two = links("sriov-vf-vlan", "host")["eth0"].vfs

    assert one == VirtualFunction(0, "02:11:22:33:44:55", 30, spoof_check=True)
    assert two == VirtualFunction(1, "02:11:22:33:44:66", 0, spoof_check=False)
    assert links("sriov-vf-vlan", "guest")["eth0"].vfs == ()


def test_a_function_as_older_tools_print_it() -> None:
    """iproute2 5.10 prints ``mac`` and ``vlan`` beside each other."""
    row = {"vf": 3, "mac": "02:AA:00:00:00:01", "vlan": 20, "spoofchk": True}
    (found,) = parse_links(json.dumps([{"ifindex": 2, "ifname": "p", "vfinfo_list": [row]}]))[0]

    assert found.vfs == (VirtualFunction(3, "02:aa:00:00:00:01", 20, spoof_check=True),)


def test_a_redacted_function_still_belongs_to_its_link() -> None:
    mac = "aa:bb:cc:00:00:01"
    here = Namespace(
        links=(
            Link(2, "card", mac="aa:bb:cc:00:00:02", vfs=(VirtualFunction(0, mac),)),
            Link(3, "vf", mac=mac),
        )
    )
    shown = redact(Snapshot(namespaces={HOST: here})).namespaces[HOST]

    assert shown.links[0].vfs[0].mac == shown.links[1].mac != mac


def test_a_snapshot_keeps_what_is_new() -> None:
    here = Namespace(links=(Link(2, "p", vfs=(VirtualFunction(0, None, 20),)),))
    snapshot = Snapshot(namespaces={HOST: here}, lacks=("8021q",))

    assert parse_snapshot(dump_snapshot(snapshot).encode(), "x") == snapshot


@pytest.mark.parametrize(
    ("files", "lacks"),
    [
        ({}, ()),
        ({"proc/net/vlan/config": ""}, ()),
        ({f"boot/config-{platform.release()}": "CONFIG_VLAN_8021Q=y\n"}, ()),
        ({f"boot/config-{platform.release()}": "# CONFIG_VLAN_8021Q is not set\n"}, NONE),
        ({f"boot/config-{platform.release()}": "CONFIG_NET=y\n"}, ()),
        ({f"boot/config-{platform.release()}": "CONFIG_VLAN_8021Q=m\n"}, ()),
        ({f"{MODULES}/modules.dep": "kernel/net/8021q/8021q.ko.xz: x\n"}, ()),
        ({f"{MODULES}/modules.dep": "kernel/net/other.ko:\n"}, NONE),
        ({f"{MODULES}/modules.builtin": "kernel/net/8021q/8021q.ko\n"}, ()),
        ({f"boot/config-{platform.release()}": f"{VLANS}CONFIG_BRIDGE_VLAN_FILTERING=y\n"}, ()),
        (
            {
                f"boot/config-{platform.release()}": f"{VLANS}# CONFIG_BRIDGE_VLAN_FILTERING is not\n"
            },
            ("vlan_filtering",),
        ),
    ],
)
def test_a_kernel_is_known_not_to_have_vlans(
    tmp_path: Path, files: dict[str, str], lacks: tuple[str, ...]
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    assert lacking(tmp_path) == lacks


@pytest.mark.parametrize("packed", [True, False])
def test_a_kernel_may_tell_its_configuration_itself(tmp_path: Path, *, packed: bool) -> None:
    text = b"# CONFIG_VLAN_8021Q is not set\n"
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/config.gz").write_bytes(gzip.compress(text) if packed else b"\x1f\x8bno")

    assert lacking(tmp_path) == (NONE if packed else ())


def test_cards_are_those_that_sysfs_gives_a_number_of_functions(tmp_path: Path) -> None:
    for name, now in (("eth3", "2\n"), ("odd", "many\n")):
        folder = tmp_path / "sys/class/net" / name / "device"
        folder.mkdir(parents=True)
        (folder / "sriov_totalvfs").write_text("7\n")
        (folder / "sriov_numvfs").write_text(now)

    assert cards(tmp_path) == {"eth3": CardCount(2, 7)}
