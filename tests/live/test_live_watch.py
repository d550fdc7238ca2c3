"""`homelab watch` puts back what others take away, and leaves to people what is theirs."""

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.live.the_lab import LAB, ROOT, Lab

pytestmark = pytest.mark.lab

ROUTE = "10.90.1.0/24"
OURS = "ip route show proto 201"


@pytest.fixture
def said(applied: Lab, tmp_path: Path) -> Iterator[Callable[[], str]]:
    """A watch that runs; what it has said so far."""
    log = tmp_path / "log"
    words = [str(LAB), "host", "--", "sh", "-c", "echo $$ >&2; exec homelab watch --metrics 9477"]
    with (
        log.open("w") as stream,
        subprocess.Popen(words, cwd=ROOT, stderr=stream, stdout=stream) as watch,
    ):
        try:
            until(lambda: "all as applied" in log.read_text())
            yield log.read_text
        finally:
            pid = log.read_text().split()[0]
            applied.sh("host", f"kill -TERM {pid}")
            assert watch.wait(timeout=60) == 0, log.read_text()


def until(holds: Callable[[], bool], patience: float = 60) -> None:
    end = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def is_back(lab: Lab) -> bool:
    return ROUTE in lab.sh("host", OURS)


def nothing_to_change(lab: Lab) -> bool:
    return lab.homelab("plan", "--check").returncode == 0


def test_a_deleted_route_comes_back_and_who_took_it_is_named(
    applied: Lab, said: Callable[[], str]
) -> None:
    applied.sh("host", f"ip route del {ROUTE} proto 201")

    until(lambda: is_back(applied))

    until(lambda: f"put back: + host route {ROUTE}" in said())
    assert "taken away by " in said()
    fetch = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:9477/metrics').read().decode())"
    numbers = applied.host("python3", "-c", fetch).stdout
    assert 'homelab_repairs_total{kind="host route",outcome="done"} 1.0' in numbers
    assert 'homelab_network_reachable{guest="web",network="apps"} 1.0' in numbers
    assert applied.document("history")["pending"] is None


def test_a_bridge_that_is_set_up_again_gets_its_routes_back(
    applied: Lab, said: Callable[[], str]
) -> None:
    address = applied.sh("host", "ip -4 -o addr show lxdbr0").split()[3]
    applied.sh(
        "host", f"ip addr del {address} dev lxdbr0; sleep 1; ip addr add {address} dev lxdbr0"
    )

    until(lambda: nothing_to_change(applied))
    assert "repair-fight" not in said()
    applied.wait_for_containers()


def test_a_guest_and_its_firewall_come_back_as_applied(
    applied: Lab, said: Callable[[], str]
) -> None:
    applied.sh("host", "lxc restart --force web")
    until(lambda: nothing_to_change(applied))
    applied.sh(
        "web",
        "iptables-save > /run/kept; nft flush ruleset; grep -v homelab /run/kept | iptables-restore",
    )
    until(lambda: nothing_to_change(applied))

    applied.wait_for_containers()
    assert "repair-fight" not in said()


def test_it_gives_up_where_somebody_insists(applied: Lab, said: Callable[[], str]) -> None:
    script = f"for i in $(seq 600); do ip route del {ROUTE} proto 201 2>/dev/null; sleep 0.05; done"
    with subprocess.Popen([str(LAB), "host", "--", "sh", "-c", script], cwd=ROOT) as insisting:
        until(lambda: "repair-fight: host route" in said())
        assert insisting.wait() == 0

    assert not is_back(applied)
    assert said().count("repair-fight") == 1
    assert "taken away 6 times" in said()


def test_it_does_not_bring_back_what_was_destroyed_and_keeps_what_is_applied_again(
    applied: Lab, said: Callable[[], str]
) -> None:
    assert applied.homelab("destroy", "--yes").returncode == 0
    assert not applied.sh("host", OURS)
    assert applied.homelab("apply", "--yes").returncode == 0
    revision = applied.document("history")["revisions"][-1]["revision"]

    applied.sh("host", f"ip route del {ROUTE} proto 201")
    until(lambda: is_back(applied))

    assert "put back" in said()
    assert applied.document("history")["revisions"][-1]["revision"] == revision
