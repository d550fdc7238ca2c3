"""What the journal writes is what it reads back."""

from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from homelab.errors import OperationError, UsageError
from homelab.load import journal as texts
from homelab.load.inventory import load_inventory
from homelab.load.snapshot import load_snapshot
from homelab.model import operation as op
from homelab.model import wires
from homelab.model.docker import Attachment, DockerNetwork, DockerSubnet
from homelab.model.inventory import Inventory
from homelab.model.kernel import BridgeVlan, NextHop, Route
from homelab.model.persistence import KeptRoute
from homelab.model.place import HOST, guest
from homelab.model.revision import Ending, Intent, Outcome, Revision
from homelab.model.trace import Target

ROOT = Path(__file__).parents[2]
SEEN = load_snapshot(ROOT / "tests/recorded/applied.json")
DECLARED = load_inventory(ROOT / "inventory")
WEB = guest("web")
ROUTE = Route(
    ip_network("fd90::/64"), (NextHop(ip_address("fd77::11"), "lxdbr0"),), metric=5, protocol="201"
)
KEPT = KeptRoute(ip_network("fd90::/64"), ip_address("fd77::11"), "br0", "ifupdown", "/etc/x")
NETWORK = DockerNetwork(
    "", "apps", subnets=(DockerSubnet(ip_network("10.90.1.0/24"), ip_address("10.90.1.1")),)
)
STEPS: list[op.Operation] = [
    op.AddRoute(HOST, ROUTE),
    op.DeleteRoute(HOST, ROUTE),
    op.MarkRoute(HOST, ROUTE, "4"),
    op.ForgetConnections(HOST, (ip_address("10.90.1.10"), ip_address("fd90::10"))),
    op.SetSysctl(WEB, "net.ipv4.ip_forward", "1", "0"),
    op.KeepSysctl(HOST, "net.ipv4.ip_forward", "1", "0"),
    op.ForgetSysctl(HOST, "net.ipv4.ip_forward", "1", "0"),
    op.KeepRoute(HOST, KEPT),
    op.ForgetRoute(HOST, KEPT),
    op.KeepFilter(WEB, op.IngressFilter("c", "br", "m")),
    op.ForgetFilter(WEB, op.IngressFilter("c", "br", "m")),
    op.SetInstanceConfig(WEB, "web", {"security.nesting": "true"}, {"security.nesting": None}),
    op.SetInstanceDevice(WEB, "web", "eth0", {"type": "nic"}, None),
    op.RestartInstance(WEB, "web"),
    op.CreateDockerNetwork(WEB, NETWORK),
    op.RemoveDockerNetwork(WEB, NETWORK),
    op.ConnectContainer(WEB, "app", Attachment("apps", ip_address("10.90.1.10"))),
    op.DisconnectContainer(WEB, "app", Attachment("apps", ip_address("10.90.1.10"))),
    op.StartContainer(WEB, "app"),
    op.AddFilterRule(
        WEB,
        op.FilterRule("iptables-nft", "raw", "PREROUTING", "m", None, ip_network("10.90.1.0/24")),
    ),
    op.DeleteFilterRule(WEB, op.FilterRule("iptables-nft", "filter", "DOCKER-USER", "m")),
    op.SetIngressFilter(
        WEB,
        op.IngressFilter(
            "c", "br", "m", (op.AllowEntry(ip_network("10.0.0.0/8"), "tcp", (80, 81)),)
        ),
    ),
    op.DeleteIngressFilter(WEB, op.IngressFilter("c", "br", "m")),
    op.SetOwnedLink(HOST, wires.OwnedLink("eth0.20", parent="eth0", vlan=20), None),
    op.SetPort(
        HOST,
        wires.PortState("eth1", "br0", (BridgeVlan(20, 20),), "homelab:port=+,20:-"),
        wires.PortState("eth1", None),
    ),
    op.SetCard(
        HOST, wires.CardState("eth1", 2, (wires.Function(0, 20),)), wires.CardState("eth1", 0)
    ),
]
INTENT = Intent(3, "apply", "root", 1.5, "ab", ("+ a", "- b"), 61.5, "10.0.0.9 1 10.0.0.2 22")


def test_every_kind_of_operation_is_tried() -> None:
    assert {type(each).__name__ for each in STEPS} == set(texts.OPERATIONS)


def test_a_pending_change_comes_back_as_it_was_begun() -> None:
    files = texts.opening(INTENT, SEEN, DECLARED)
    files["steps.jsonl"] = "".join(f"{texts.dump_step(each)}\n" for each in STEPS)

    pending = texts.parse_pending(files)

    assert pending is not None
    assert pending.intent == INTENT
    assert (pending.before, pending.inventory) == (SEEN, DECLARED)
    assert list(pending.started) == STEPS
    assert not pending.waits
    waiting = texts.parse_pending({**files, "applied": ""})
    assert waiting == replace(pending, waits=True)
    assert texts.parse_before(files) == SEEN


def test_a_step_that_is_torn_was_never_begun() -> None:
    files = texts.opening(INTENT, SEEN, DECLARED)
    whole = texts.dump_step(STEPS[0])
    files["steps.jsonl"] = f"{whole}\n{whole[:20]}"

    pending = texts.parse_pending(files)

    assert pending is not None
    assert pending.started == (STEPS[0],)


def test_there_may_be_nothing() -> None:
    assert texts.parse_pending({}) is None


@pytest.mark.parametrize("line", ["{", "[]", "{}", '{"is": "Format"}', '{"is": "AddRoute"}', "1"])
def test_a_line_of_somebody_else_is_named(line: str) -> None:
    files = {**texts.opening(INTENT, SEEN, DECLARED), "steps.jsonl": f"{line}\n"}

    with pytest.raises(OperationError, match=r"steps\.jsonl: .*by hand"):
        texts.parse_pending(files)


def test_an_intent_of_somebody_else_is_named() -> None:
    with pytest.raises(OperationError, match=r"intent\.json"):
        texts.parse_pending({"before.json": "{}"})


def test_a_revision_comes_back() -> None:
    ending = Ending(Outcome.ROLLED_BACK, 2.5, "3 of 3 flows kept", "because")
    files = {
        **texts.opening(INTENT, SEEN, DECLARED),
        "ending.json": texts.dump_ending(ending),
        "after.json": texts.dump_snapshot(SEEN),
    }

    assert texts.parse_revision(files) == Revision(INTENT, ending)
    assert texts.parse_after(files) == SEEN


def test_a_digest_is_of_what_an_inventory_means() -> None:
    assert texts.digest(DECLARED) == texts.digest(load_inventory(ROOT / "inventory"))
    assert texts.digest(DECLARED) != texts.digest(Inventory())


def test_a_saved_plan_is_known_by_what_it_does() -> None:
    saved = texts.dump_plan(STEPS)

    assert texts.parse_plan(saved, "plan.json") == texts.plan_digest(STEPS)
    assert texts.plan_digest(STEPS) != texts.plan_digest(STEPS[1:])


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "other"}', "[" * 5000])
def test_what_is_no_plan(text: str) -> None:
    with pytest.raises(UsageError, match=r"plan\.json: not a plan"):
        texts.parse_plan(text, "plan.json")


def test_the_flows_that_worked_come_back() -> None:
    flows = (Target(ip_address("10.90.1.10")), Target(ip_address("fd90::1"), "tcp", 80))
    files = {**texts.opening(INTENT, SEEN, DECLARED), texts.FLOWS: texts.dump_flows(flows)}

    pending = texts.parse_pending(files)

    assert pending is not None
    assert pending.flows == flows
    with pytest.raises(OperationError, match=r"flows\.json"):
        texts.parse_pending({**files, texts.FLOWS: "[7]"})
