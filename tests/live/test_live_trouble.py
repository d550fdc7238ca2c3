"""Daemons that are down, hang or cannot be asked: bounded, named, and never a traceback."""

import time

import pytest

from tests.live.test_live_main_job import look
from tests.live.the_lab import Lab

pytestmark = pytest.mark.lab


def codes(document: dict[str, list[dict[str, str]]]) -> set[tuple[str, str]]:
    return {(each["fault"], each["at"]) for each in document["findings"]}


def test_a_dockerd_that_is_down_is_named(applied: Lab) -> None:
    applied.sh("web", "kill $(cat /run/docker.pid); sleep 1")
    try:
        document = applied.document("diagnose", codes=(1, 3))

        assert ("daemon-down", "guest:web") in codes(document)
    finally:
        applied.sh("web", "dockerd-restart")
        applied.wait_for_containers()


def test_a_dockerd_that_hangs_is_named_within_seconds(applied: Lab) -> None:
    applied.sh("db", "kill -STOP $(cat /run/docker.pid)")
    try:
        begin = time.monotonic()
        done = applied.homelab("diagnose", "--no-probe")

        assert time.monotonic() - begin < 15
        assert done.returncode in (1, 3)
        assert "guest:db" in done.stdout
        assert "Traceback" not in done.stdout + done.stderr
    finally:
        applied.sh("db", "kill -CONT $(cat /run/docker.pid)")


def test_a_stopped_guest_is_named_with_the_command_that_starts_it(applied: Lab) -> None:
    applied.sh("host", "lxc stop --force app")
    try:
        done = applied.homelab("diagnose", "--no-probe")

        assert done.returncode == 1
        assert "guest-down" in done.stdout
        assert "lxc start app" in done.stdout
    finally:
        applied.sh("host", "lxc start app")
        applied.sh("app", "until docker version >/dev/null 2>&1; do sleep 0.3; done")
        assert applied.homelab("apply", "--yes").returncode == 0
        applied.wait_for_containers()


def test_without_lxd_the_host_is_still_read(applied: Lab) -> None:
    done = applied.host("env", "LXD_DIR=/nonexistent", "homelab", "diagnose", "--no-probe")

    assert done.returncode in (0, 1, 3)
    assert "Traceback" not in done.stdout + done.stderr


def test_without_permission_it_says_what_it_could_not_read(applied: Lab) -> None:
    done = applied.host("setpriv", "--bounding-set=-all", "homelab", "diagnose")

    assert done.returncode in (1, 3)
    assert "permission" in (done.stdout + done.stderr).lower()
    assert "Traceback" not in done.stdout + done.stderr


def test_a_network_with_other_options_is_recreated_only_with_consent(applied: Lab) -> None:
    """The containers keep their addresses; without --yes nothing is touched."""
    applied.sh(
        "host",
        "sed 's/egress: routed/egress: masquerade/' inventory/lab.yaml >tests/lab/.run-other.yaml",
    )
    try:
        refused = applied.host("homelab", "-i", "tests/lab/.run-other.yaml", "apply")
        assert refused.returncode == 2
        assert "reattached" in refused.stdout + refused.stderr
        assert applied.document("history")["pending"] is None

        done = applied.host("homelab", "-i", "tests/lab/.run-other.yaml", "apply", "--yes")

        assert done.returncode == 0, done.stdout + done.stderr
        applied.wait_for_containers()
    finally:
        assert applied.homelab("apply", "--yes").returncode == 0
        applied.wait_for_containers()
        applied.sh("host", "rm -f tests/lab/.run-other.yaml")


def test_a_new_address_restarts_the_guest_and_all_of_it_comes_back(applied: Lab) -> None:
    """A restart takes the guest's own rules; the second round of the apply puts them back."""
    moved = "tests/lab/.run-moved.yaml"
    applied.sh(
        "host", f"sed 's/address: 10.77.0.11/address: 10.77.0.111/' inventory/lab.yaml >{moved}"
    )
    try:
        refused = applied.host("homelab", "-i", moved, "apply")
        assert refused.returncode == 2
        assert "guest web restarts" in refused.stdout + refused.stderr

        done = applied.host("homelab", "-i", moved, "apply", "--yes")

        assert done.returncode == 0, done.stdout + done.stderr
        assert applied.pings("10.90.1.10", tries=10)
        assert "via 10.77.0.111" in applied.sh("host", "ip route show 10.90.1.0/24")
    finally:
        assert applied.homelab("apply", "--yes").returncode == 0
        applied.sh("host", f"rm -f {moved}")
        applied.wait_for_containers()


SHIM = "tests/lab/.run-shim"


def test_an_apply_that_fails_half_way_is_rolled_back(lab: Lab) -> None:
    """The firewall tool fails after guests and networks were changed: all of it goes back."""
    lab.homelab("destroy", "--yes")
    lab.sh("host", f"mkdir -p {SHIM}; printf '#!/bin/sh\nexit 4\n' >{SHIM}/iptables-nft-restore")
    lab.sh("host", f"chmod +x {SHIM}/iptables-nft-restore")
    try:
        before = look(lab)

        done = lab.host("sh", "-c", f"PATH=$PWD/{SHIM}:$PATH homelab -i inventory apply --yes")

        assert done.returncode == 5, done.stdout + done.stderr
        assert "rolled back: the lab is as before" in done.stdout
        assert look(lab) == before
    finally:
        lab.sh("host", f"rm -r {SHIM}")


def test_an_interrupted_apply_is_rolled_back(lab: Lab) -> None:
    lab.homelab("destroy", "--yes")
    slow = "#!/bin/sh\nsleep 5\n"
    lab.sh("host", f"mkdir -p {SHIM}; printf '{slow}' >{SHIM}/iptables-nft-restore")
    lab.sh("host", f"chmod +x {SHIM}/iptables-nft-restore")
    try:
        before = look(lab)
        script = f"PATH=$PWD/{SHIM}:$PATH timeout -s TERM 4 homelab -i inventory apply --yes"

        done = lab.host("sh", "-c", f"{script}; echo status $?")

        assert "rolled back: the lab is as before" in done.stdout, done.stdout + done.stderr
        assert look(lab) == before
    finally:
        lab.sh("host", f"rm -r {SHIM}")


def test_a_foreign_route_in_the_way_is_named_before_anything_is_touched(lab: Lab) -> None:
    lab.homelab("destroy", "--yes")
    lab.sh("router", "ip route add 10.90.7.0/24 via 10.0.0.100")
    try:
        done = lab.homelab("apply", "--yes")

        assert done.returncode == 1, done.stdout + done.stderr
        assert "10.90.7.0/24" in done.stderr
        assert lab.document("destroy", "--yes")["changes"] == []
    finally:
        lab.sh("router", "ip route del 10.90.7.0/24 via 10.0.0.100")
        assert lab.homelab("apply", "--yes").returncode == 0


@pytest.mark.parametrize(
    ("ingress", "client", "router"),
    [
        ("open", True, True),
        ("none", False, False),
        ("[{from: 10.0.0.1/32}]", False, True),
        ("[{from: 10.0.0.100/32}]", True, False),
    ],
)
def test_ingress_is_enforced_on_every_generation(
    applied: Lab, ingress: str, client: bool, router: bool
) -> None:
    inventory = "tests/lab/.run-ingress.yaml"
    applied.sh("host", f"sed 's|ingress: open|ingress: {ingress}|' inventory/lab.yaml >{inventory}")
    try:
        done = applied.host("homelab", "-i", inventory, "apply", "--yes")
        assert done.returncode == 0, done.stdout + done.stderr
        for address in ("10.90.1.10", "10.90.7.11", "10.90.3.10"):
            ping = ("ping", "-c", "1", "-W", "1", address)
            assert applied.pings(address) is client, address
            assert (applied.run("router", "--", *ping).returncode == 0) is router, address
        inside = ("docker", "exec", "front", "ping", "-c", "1", "-W", "1", "10.0.0.100")
        assert applied.guest("web", *inside).returncode == 0
    finally:
        assert applied.homelab("apply", "--yes").returncode == 0
        applied.sh("host", f"rm -f {inventory}")
