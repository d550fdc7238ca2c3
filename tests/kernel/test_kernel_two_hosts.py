"""Two hosts behind two real sshd: read at once, changed as one, and taken back as one when one of them dies."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.machines import Machine, machines

pytestmark = pytest.mark.kernel
INVENTORY = """
hosts:
  nuc: {connection: 'ssh://root@10.66.0.2', uplink: eth0}
  nas: {connection: 'ssh://root@10.66.0.3', uplink: eth0}
"""
OURS = "ip route show proto 201"
WAYS = {"nuc": "10.99.2.0/24", "nas": "10.99.3.0/24"}
# Once, its standard input ends with, or before, the first change that it is told.
DIES = """[ -e died ] && exec {{agent}}
{{{{ sed -u '/"call": "run"/{}'; touch died; }}}} | {{agent}}"""
DIES_BEFORE, DIES_AFTER = DIES.format("Q"), DIES.format("q")


@dataclass(frozen=True, slots=True)
class Lab:
    here: Machine
    nuc: Machine
    nas: Machine

    def homelab(self, *words: str, code: int = 0) -> str:
        done = self.here.homelab("-i", "lab.yaml", *words)
        assert done.returncode == code, f"{words}: {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    def outcomes(self, machine: Machine) -> list[str]:
        document: Any = json.loads(machine.homelab("history", "--json").stdout)
        assert document["pending"] is None
        return [each["outcome"] for each in document["revisions"]]

    def ways(self) -> dict[str, str]:
        return {each.name: each.sh(OURS).split(" ")[0] for each in (self.nuc, self.nas)}

    def replace_agent(self, script: str) -> str:
        """What the agent of nas was before."""
        program = self.nas.folder / "nas/homelab"
        whole = program.read_text()
        (program.parent / "died").unlink(missing_ok=True)
        head, _, agent = whole.partition("\nexec ")
        agent = agent.strip().replace('"$@"', "agent")
        program.write_text(f"{head}\ncd {program.parent}\n{script.format(agent=agent)}\n")
        return whole


@pytest.fixture(scope="module")
def joined(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with machines(tmp_path_factory.mktemp("two"), "here", "nuc", "nas") as (here, nuc, nas):
        for each in (nuc, nas):
            each.serve_ssh()
        (here.folder / "here/lab.yaml").write_text(INVENTORY)
        yield Lab(here, nuc, nas)


@pytest.fixture
def lab(joined: Lab) -> Lab:
    for each in (joined.here, joined.nuc, joined.nas):
        each.sh("rm -rf /var/lib/homelab/*; ip route flush proto 201")
    for each in (joined.nuc, joined.nas):
        each.sh(f"ip route add {WAYS[each.name]} via 10.66.0.9 proto 201")
    return joined


def test_a_packet_is_followed_from_one_host_to_the_other_and_really_sent(lab: Lab) -> None:
    trace = json.loads(lab.homelab("trace", "host@nas", "10.66.0.2", "--verify", "--json"))

    assert trace["outcome"] == "delivered"
    assert {each["at"] for each in trace["return"]} == {"host"}
    assert (trace["probe"]["from"], trace["probe"]["verdict"]) == ("host@nas", "agrees")
    counters = {each["at"] for each in trace["probe"]["evidence"]}
    assert counters == {"host", "host@nas"}


def test_both_are_changed_and_each_has_it_in_its_own_journal(lab: Lab) -> None:
    plan = lab.homelab("plan")
    lab.homelab("destroy", "--yes")

    assert "host route 10.99.3.0/24@nas" in plan
    assert lab.ways() == {"nuc": "", "nas": ""}
    assert [lab.outcomes(each) for each in (lab.here, lab.nuc, lab.nas)] == [["applied"]] * 3


@pytest.mark.parametrize("script", [DIES_BEFORE, DIES_AFTER], ids=["before", "after"])
def test_when_one_dies_in_the_middle_all_is_as_before(lab: Lab, script: str) -> None:
    whole = lab.replace_agent(script)
    try:
        document = json.loads(lab.homelab("destroy", "--yes", "--json", code=5))
    finally:
        (lab.nas.folder / "nas/homelab").write_text(whole)

    assert document["outcome"] == "rolled back"
    assert lab.ways() == WAYS
    assert lab.outcomes(lab.here) == ["rolled back"]
    assert set(lab.outcomes(lab.nuc)) <= {"applied", "rolled back"}
    # And the next one finds nothing in its way.
    lab.homelab("destroy", "--yes")
    assert lab.ways() == {"nuc": "", "nas": ""}


def test_a_host_that_is_gone_keeps_what_it_has_and_is_named(lab: Lab) -> None:
    lab.nas.sh("ip link set eth0 down")
    try:
        found = json.loads(lab.homelab("diagnose", "--json", code=3))["findings"]
    finally:
        lab.nas.sh("ip link set eth0 up")

    (told,) = [each for each in found if each["at"] == "host@nas"]
    assert told["fault"] == "not-observed"
    assert "host nas: the connection ended" in told["explains"]
