"""One host behind a real sshd: every command works on it, and what is wrong with the way there is said."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.machines import Machine, machines

pytestmark = pytest.mark.kernel
INVENTORY = """
hosts: {{nas: {{connection: 'ssh://{target}', uplink: eth0}}}}
guests:
  web:
    host: nas
    nic: {{network: lxdbr0, address: 10.77.0.11}}
    networks: {{apps: {{subnet: 10.90.1.0/24, managed: false}}}}
"""
OURS = "ip route show proto 201"


@dataclass(frozen=True, slots=True)
class Two:
    here: Machine
    nas: Machine

    def homelab(self, *words: str, code: int = 0, target: str = "root@10.66.0.2") -> str:
        (self.here.folder / "here/lab.yaml").write_text(INVENTORY.format(target=target))
        done = self.here.homelab("-i", "lab.yaml", *words)
        assert done.returncode == code, f"{words}: {done.returncode}: {done.stdout}{done.stderr}"
        return " ".join((done.stdout + done.stderr).split())

    def document(self, *words: str, code: int = 0) -> Any:
        return json.loads(self.homelab(*words, "--json", code=code))


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    with machines(tmp_path_factory.mktemp("ssh"), "here", "nas") as (here, nas):
        nas.serve_ssh()
        yield Two(here, nas)


@pytest.fixture
def two(both: Two) -> Two:
    """A route of ours leads to a network that no inventory asks for."""
    both.nas.sh("rm -rf /var/lib/homelab/*; ip route flush proto 201")
    both.here.sh("rm -rf /var/lib/homelab/*")
    both.nas.sh("ip route add 10.99.0.0/24 via 10.66.0.9 proto 201")
    return both


def test_it_is_read_as_if_one_were_there(two: Two) -> None:
    snapshot = json.loads(two.homelab("snapshot"))

    assert snapshot["host"] == "nas"
    addresses = [each["interface"] for each in snapshot["namespaces"]["host"]["addresses"]]
    assert "10.66.0.2/24" in addresses
    assert "10.66.0.1/24" not in addresses


def test_a_trace_is_verified_by_a_packet_of_its_own(two: Two) -> None:
    # Who answers there was not observed.
    trace = two.document("trace", "host", "10.66.0.1", "--verify", code=3)

    assert trace["outcome"] == "unknown"
    assert (trace["probe"]["from"], trace["probe"]["said"]) == ("host", "answered")
    assert trace["probe"]["evidence"]


def test_what_is_ours_there_is_removed_and_both_journals_say_so(two: Two) -> None:
    two.homelab("destroy", "--yes")

    assert two.nas.sh(OURS) == ""
    for machine in (two.here, two.nas):
        (row,) = json.loads(machine.homelab("history", "--json").stdout)["revisions"]
        assert (row["command"], row["outcome"]) == ("destroy", "applied")


def test_a_rollback_to_a_revision_brings_it_back(two: Two) -> None:
    two.homelab("destroy", "--yes")
    two.homelab("rollback", "0", "--yes")

    assert "10.99.0.0/24 via 10.66.0.9" in two.nas.sh(OURS)


def test_a_change_is_confirmed_by_new_connections_on_both(two: Two) -> None:
    two.homelab("apply", "--yes", "--confirm-within", "40")
    assert two.nas.sh(OURS) == ""
    waiting = json.loads(two.nas.homelab("history", "--json").stdout)["pending"]

    two.homelab("confirm")

    assert waiting["waits"]
    (row,) = json.loads(two.nas.homelab("history", "--json").stdout)["revisions"]
    assert row["outcome"] == "applied"
    assert two.nas.sh(OURS) == ""


def test_a_change_that_nobody_confirms_is_taken_back_there_too(two: Two) -> None:
    two.homelab("apply", "--yes", "--confirm-within", "8")
    assert two.nas.sh(OURS) == ""

    for machine in (two.here, two.nas):
        machine.sh("until [ -e /var/lib/homelab/revisions/000001 ]; do sleep 0.3; done")
        (row,) = json.loads(machine.homelab("history", "--json").stdout)["revisions"]
        assert row["outcome"] == "rolled back"
    assert "10.99.0.0/24" in two.nas.sh(OURS)


WRONG = [
    ("root@10.66.0.2:23", 3, "host nas: the connection ended (", "try `ssh -p 23 root@10.66.0.2`"),
    ("nobody@10.66.0.2", 3, "host nas: it lets nobody in with our keys", "ssh-copy-id nobody@10"),
]


@pytest.mark.parametrize(("target", "code", "fact", "way"), WRONG)
def test_a_way_there_that_is_not_open_is_told(
    two: Two, target: str, code: int, fact: str, way: str
) -> None:
    said = two.homelab("diagnose", code=code, target=target)

    assert fact in said
    assert way in said


HELLO = '{"schema": "homelab.agent/1", "version": "9.9", "host": "nas"}'
ANSWERS = [
    ("exit 127", "there is no homelab (", "install homelab "),
    (f"echo '{HELLO}'; cat", "it has homelab 9.9, and this is ", "the same version on both"),
    (
        "echo Welcome; cat",
        "what answers is no homelab agent",
        "root@10.66.0.2 homelab agent` prints",
    ),
    ("echo it broke >&2; exit 3", "the connection ended (it broke)", "try `ssh root@10.66.0.2`"),
]


@pytest.mark.parametrize(("script", "fact", "way"), ANSWERS)
def test_what_answers_there_and_is_no_agent_is_told(
    two: Two, script: str, fact: str, way: str
) -> None:
    program = two.nas.folder / "nas/homelab"
    whole = program.read_text()
    program.write_text(f"#!/bin/sh\n{script}\n")
    try:
        said = two.homelab("diagnose", code=3)
    finally:
        program.write_text(whole)

    assert f"host nas: {fact}" in said
    assert way in said


def test_a_host_whose_key_nobody_has_seen_is_not_talked_to(two: Two) -> None:
    program = two.here.folder / "here/ssh"
    whole = program.read_text()
    program.write_text(whole.replace("Checking=no", "Checking=yes").replace("=ERROR", "=INFO"))
    try:
        said = two.homelab("diagnose", code=3)
    finally:
        program.write_text(whole)

    assert "host nas: its host key is not known here; log in once by hand" in said
