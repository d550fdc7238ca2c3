"""The captures of real guests, judged by the model: the code each of them is known to deserve."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from homelab.checks import findings
from homelab.diagnosis.judge import judge
from homelab.diagnosis.tracer import Tracer
from homelab.model.finding import Case, Finding, Judgement
from homelab.model.inventory import Inventory
from homelab.model.place import HOST
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Outcome, Target
from homelab.system.simulated import SimulatedSystem
from tests.captured import CAPTURES, snapshot

POLICY = {"n1": "guest-forward-policy-drop"}
DIRECT = {"n1": "docker-direct-access-drop"}
ROUTED = {"n1": "docker-gateway-mode-routed-ports"}
OLD = dict.fromkeys(
    ("hostbind", "mtu", "noicc", "nomasq", "plain", "v6"), "guest-forward-policy-drop"
)
NEW = dict.fromkeys(
    ("hostbind", "inhibit", "mtu", "noicc", "nomasq", "plain", "v6"), "docker-direct-access-drop"
)
CODES: dict[str, dict[str, str]] = {
    "docker-20.10/default-fwd0": POLICY,
    "docker-20.10/default-fwd1": {},
    "docker-20.10/docker-user-accept-d": {},
    "docker-20.10/gwmode-nat-unprotected": {"n1": "docker-gateway-mode-ignored"},
    "docker-20.10/iptables-false": {},
    "docker-26.1/default-fwd0": POLICY,
    "docker-26.1/docker-user-accept-d": {},
    "docker-26.1/rich-fwd0": {**OLD, "internal": "docker-network-internal"},
    "docker-28.5/default-fwd0": DIRECT,
    "docker-28.5/default-fwd1": DIRECT,
    "docker-28.5/docker-user-accept-d": DIRECT,
    "docker-28.5/forward-policy-accept": DIRECT,
    "docker-28.5/gwmode-nat-unprotected": {},
    "docker-28.5/gwmode-nat-unprotected-masq-false": {},
    "docker-28.5/gwmode-routed": ROUTED,
    "docker-28.5/iptables-false": {},
    "docker-28.5/masquerade-false": DIRECT,
    "docker-28.5/raw-accept-plus-docker-user": {},
    "docker-28.5/rich-fwd1": {
        **NEW,
        "internal": "docker-network-internal",
        "isolated": "docker-network-isolated",
        "routed6": "docker-gateway-mode-routed-ports",
        "routed": "docker-gateway-mode-routed-ports",
        "trusted": "docker-unpublished-port-drop",
    },
    "docker-29.7/default-fwd0": DIRECT,
    "docker-29.7/gwmode-nat-unprotected": {},
    "docker-29.7/nft-default-fwd1": DIRECT,
    "docker-29.7/nft-gwmode-nat-unprotected": {},
    "docker-29.7/nft-gwmode-routed": ROUTED,
    "docker-29.7/nft-own-table-accept-before": DIRECT,
}


def judged(lab: Snapshot) -> Case:
    """Judged from the host, whence the probes of the captures were sent: ping, and the port of httpd."""
    tracer = Tracer(lab)
    found = (_from_host(each, tracer) for each in judge(Inventory(), lab))
    return Case(Inventory(), lab, tuple(found))


def _from_host(judgement: Judgement, tracer: Tracer) -> Judgement:
    addresses = [each.address for each in judgement.targets if each.address.version == 4]
    targets = (*map(Target, addresses), *(Target(each, "tcp", 80) for each in addresses))
    traces = tuple(tracer.trace(HOST, each) for each in targets)
    lost = any(each.outcome is not Outcome.DELIVERED for each in traces)
    return replace(judgement, targets=targets, traces=traces, reachable=not lost)


def errors(case: Case) -> Iterator[Finding]:
    return (each for each in findings(case) if each.severity == "error")


@pytest.mark.parametrize("name", CODES)
def test_a_capture_gets_the_codes_it_deserves(name: str) -> None:
    told = {
        network.network: each.fault
        for each in errors(judged(snapshot(CAPTURES / name)))
        for network in each.affects
    }

    assert told == CODES[name]


@pytest.mark.parametrize(
    "name",
    [
        "docker-20.10/default-fwd0",
        "docker-26.1/rich-fwd0",
        "docker-28.5/default-fwd0",
        "docker-28.5/gwmode-routed",
        "docker-29.7/default-fwd0",
    ],
)
def test_a_fix_with_operations_opens_the_path_on_the_model(name: str) -> None:
    lab = snapshot(Path(CAPTURES / name))
    system = SimulatedSystem(lab)
    mended: set[str] = set()
    for each in errors(judged(lab)):
        for step in each.fix.operations if each.fix else ():
            system.run(step)
            mended |= {one.network for one in each.affects}

    later = {each.name.network: each.reachable for each in judged(system.read()).judgements}

    assert mended
    assert all(later[each] for each in mended)
