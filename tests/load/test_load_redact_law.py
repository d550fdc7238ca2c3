"""The law of redaction: a redacted lab is the same lab under other names, packet by packet and fault by fault."""

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import islice, product
from pathlib import Path

import pytest

from bench.synthetic import Fault, lab
from homelab.diagnosis.tracer import Tracer
from homelab.load.naming import is_private
from homelab.load.redact import Redaction
from homelab.load.snapshot import dump_snapshot, load_snapshot, parse_snapshot
from homelab.model.inventory import Inventory
from homelab.model.place import LAN, ROUTER
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Hop, Target, Trace
from homelab.report.documents import as_json
from homelab.workflow.look import diagnose
from tests.captured import DOCKER, name, snapshot

ROOT = Path(__file__).parents[2]
RECORDED = sorted((ROOT / "tests/recorded").glob("*.json"))
GENERATED = {
    "healthy": Fault(),
    "host": Fault(host=True),
    "routes": Fault(routes=True),
    "networks": Fault(networks=True),
}
LABS = [*map(name, DOCKER), *(each.stem for each in RECORDED), *GENERATED]
TARGETS = 6


@cache
def seen(which: str) -> Snapshot:
    if which in GENERATED:
        return parse_snapshot(as_json(lab(22, GENERATED[which])).encode(), which)
    folders = {name(each): each for each in DOCKER}
    if which in folders:
        return snapshot(folders[which])
    return load_snapshot(ROOT / f"tests/recorded/{which}.json")


def targets(lab: Snapshot) -> Iterator[Target]:
    for daemon in lab.daemons.values():
        for each in (one for container in daemon.containers for one in container.attachments):
            if each.ipv4 is not None:
                yield Target(each.ipv4)
                yield Target(each.ipv4, "tcp", 80)
            if each.ipv6 is not None:
                yield Target(each.ipv6, "tcp", 80)


def hop(each: Hop) -> tuple[object, ...]:
    return each.at, each.stage, each.iif, each.oif, each.via


def told(trace: Trace) -> tuple[object, ...]:
    """All of a trace that programs read, in values that a redaction can hide."""
    cause = trace.cause
    why = cause and (cause.at, cause.kind, cause.stage, cause.table, cause.chain, cause.owner)
    ends = cause and (cause.iif, cause.oif, cause.source, cause.destination)
    hops = (tuple(map(hop, trace.forward)), tuple(map(hop, trace.back)))
    return trace.outcome.value, trace.source, hops, why, ends


@pytest.mark.parametrize("which", LABS)
def test_law_every_packet_fares_alike(which: str) -> None:
    before = seen(which)
    redaction = Redaction(before)
    one, other = Tracer(before), Tracer(redaction.of(before))
    places = [LAN, ROUTER, *before.namespaces][:6]
    asked = list(product(places, islice(targets(before), TARGETS)))

    assert asked
    for origin, target in asked:
        was = one.trace(origin, target)
        now = other.trace(redaction.of(origin), redaction.of(target))
        assert told(now) == redaction.of(told(was))


@pytest.mark.parametrize("which", LABS)
def test_law_every_fault_is_found_alike(which: str) -> None:
    before = seen(which)
    redaction = Redaction(before)
    was, now = (diagnose(Inventory(), each) for each in (before, redaction.of(before)))

    assert Counter((each.fault, each.severity, each.at) for each in now.findings) == Counter(
        (each.fault, each.severity, redaction.of(each.at)) for each in was.findings
    )
    verdicts = [(redaction.of(tuple(each.name)), each.reachable) for each in was.case.judgements]
    assert sorted(map(str, verdicts)) == sorted(
        str((tuple(each.name), each.reachable)) for each in now.case.judgements
    )


@pytest.mark.parametrize("which", LABS)
def test_no_name_and_no_address_of_a_lab_is_left(which: str) -> None:
    before = seen(which)
    shown = dump_snapshot(Redaction(before).of(before))
    words = set(re.findall(r"[A-Za-z0-9_][A-Za-z0-9_.:-]*", shown))
    own = {each.interface.ip for here in before.namespaces.values() for each in here.addresses}
    docker = [each for daemon in before.daemons.values() for each in daemon.containers]

    assert not words & {
        str(each)
        for each in own
        if each.is_private and str(each)[:3] in ("10.", "fd0", "fd7", "fd6")
    }
    assert not words & {each.name for each in docker if is_private(each.name)}
    assert not words & {
        each.partition(":")[2] for each in before.namespaces if is_private(each.partition(":")[2])
    }


def test_the_same_snapshot_gives_the_same_bytes_in_every_process() -> None:
    file = str(RECORDED[0])
    found = {
        subprocess.run(
            [sys.executable, "-m", "homelab", "snapshot", "--redact", "--snapshot", file],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=False,
        ).stdout
        for seed in ("0", "1", "77")
    }

    assert len(found) == 1
    assert found != {b""}


@pytest.mark.parametrize("words", [["diagnose", "--json"], ["diagnose"], ["trace", "lan", "10.90.7.10", "--json"]], ids=str)  # fmt: skip
def test_the_same_snapshot_gives_the_same_answer_in_every_process(words: list[str]) -> None:
    file = str(ROOT / "tests/recorded/broken.json")
    found = {
        subprocess.run(
            [sys.executable, "-m", "homelab", *words, "--snapshot", file],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=False,
        ).stdout
        for seed in ("0", "1")
    }

    assert len(found) == 1
    assert found != {b""}
