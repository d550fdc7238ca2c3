"""The same lab on Incus: found by itself, applied, diagnosed, mended, a guest moved, and all undone."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.the_lab import Lab

pytestmark = pytest.mark.lab

BUILDING = 1800
SETTINGS = "for g in web db app; do incus config show $g; done; incus network show lxdbr0 | grep -v used_by"
VOLATILE = re.compile(r"^  volatile\..*\n", re.MULTILINE)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab of its own, beside the one of LXD."""
    found = Lab({"HOMELAB_LAB": f"inc{os.getpid()}", "HOMELAB_RUNTIME": "incus"})
    up = found.run("up", timeout=BUILDING)
    assert up.returncode == 0, up.stderr
    yield found
    found.run("down")


def settings(lab: Lab) -> str:
    return VOLATILE.sub("", lab.sh("host", SETTINGS))


def test_incus_is_found_and_does_all_that_lxd_does(lab: Lab) -> None:
    before = settings(lab)
    done = lab.homelab("apply", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    lab.wait_for_containers()
    assert "nothing to change" in lab.homelab("apply", "--yes").stdout
    seen = json.loads(lab.homelab("snapshot").stdout)
    assert seen["runtime"]["name"] == "incus"

    lab.sh("db", "iptables -I DOCKER-USER -d 10.90.7.0/24 -j DROP")
    found = lab.document("diagnose", codes=(1,))["findings"][0]
    assert found["fault"] == "docker-user-drop"
    assert found["fix"]["commands"][0].startswith("incus exec db -- ")
    done = lab.homelab("diagnose", "--fix")
    assert done.returncode == 0, done.stdout + done.stderr

    done = lab.homelab("destroy", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert settings(lab) == before


def test_a_guest_gets_another_address_of_incus(applied: Lab, tmp_path: Path) -> None:
    moved = tmp_path / "moved.yaml"
    text = Path("inventory/lab.yaml").read_text().replace("10.77.0.12", "10.77.0.32")
    moved.write_text(text.replace("uplink: eth0", "runtime: incus\n    uplink: eth0"))

    done = applied.host("homelab", "-i", str(moved), "apply", "--yes")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "10.77.0.32/24" in applied.sh("db", "ip -4 -o addr show dev eth0")
    applied.wait_for_containers()


def test_a_filter_of_incus_is_named_as_its_own_and_the_command_mends_it(applied: Lab) -> None:
    applied.sh("host", "incus config device set web eth0 security.ipv4_filtering=true")

    found = applied.document("diagnose", codes=(1,))["findings"][0]

    assert found["fault"] == "host-lxd-filtering"
    assert found["cause"]["owner"] == "incus"
    (line,) = found["fix"]["commands"]
    applied.sh("host", line)
    assert applied.pings("10.90.1.10", tries=5)


def test_an_inventory_that_asks_for_lxd_is_not_answered_by_incus(lab: Lab, tmp_path: Path) -> None:
    asked = tmp_path / "asked.yaml"
    text = Path("inventory/lab.yaml").read_text()
    asked.write_text(text.replace("uplink: eth0", "runtime: lxd\n    uplink: eth0"))

    seen = json.loads(lab.host("homelab", "-i", str(asked), "snapshot").stdout)

    assert seen["unread"]["host/lxd"] == "there is no LXD here; see the host's `runtime`"
