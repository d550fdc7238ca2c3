"""Every probe that was measured on a real guest, against the trace of the same packet."""

import json
from collections.abc import Iterator
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from homelab.diagnosis.tracer import Tracer
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Target
from tests.captured import DOCKER, GATEWAY, name, snapshot

OUTCOME = {
    "ok": "delivered",
    "timeout": "dropped",
    "Connection refused": "rejected",
    "fail": "dropped",
}
SIMPLE = {
    "ping_gateway": ("10.90.1.1", None),
    "ping_c1": ("10.90.1.10", None),
    "tcp80_c1(unpublished)": ("10.90.1.10", 80),
    "ping_c2": ("10.90.1.11", None),
    "tcp80_c2(published,direct)": ("10.90.1.11", 80),
    "tcp8080_via_guest_ip": ("guest", 8080),
    "tcp_closed_c1:81": ("10.90.1.10", 81),
    "ping_unused_.200": ("10.90.1.200", None),
}


class Probe(NamedTuple):
    folder: Path
    label: str
    origin: str
    target: Target
    expected: str


@cache
def tracer(folder: Path) -> Tracer:
    return Tracer(snapshot(folder))


def target(address: str, port: int | None = None) -> Target:
    return Target(ip_address(address), "icmp" if port is None else "tcp", port)


def guest_address(taken: Snapshot) -> str:
    here = next(each for place, each in taken.namespaces.items() if place.startswith("guest:"))
    return next(
        str(each.interface.ip)
        for each in here.addresses
        if each.link == "eth0" and each.interface.version == 4
    )


def simple(folder: Path) -> Iterator[Probe]:
    file = folder / "verdict.json"
    measured = json.loads(file.read_text())["probe"] if file.exists() else {}
    for label, (address, port) in SIMPLE.items():
        if label in measured:
            host = guest_address(snapshot(folder)) if address == "guest" else address
            yield Probe(folder, label, "host", target(host, port), OUTCOME[measured[label]])


def rich(folder: Path) -> Iterator[Probe]:
    file = folder / "probe.json"
    document = json.loads(file.read_text()) if file.exists() else {}
    for container, measured in document.get(f"probes_from_lan_{GATEWAY}", {}).items():
        if "ip" not in measured:
            yield from published(folder, measured)
            continue
        yield from from_lan(folder, container, measured)
        yield from from_containers(folder, container, measured)


def from_lan(folder: Path, container: str, measured: dict[str, Any]) -> Iterator[Probe]:
    address = measured["ip"]
    targets = {
        "ping": target(address),
        "tcp80": target(address, 80),
        "tcp81": target(address, 81),
        "ping_gw": target(f"{address.rpartition('.')[0]}.1"),
    }
    if "ip6" in measured:
        targets["ping6"] = target(measured["ip6"])
    for label, to in targets.items():
        if label in measured:
            yield Probe(folder, f"{container} {label}", "host", to, OUTCOME[measured[label]])


def published(folder: Path, measured: dict[str, str]) -> Iterator[Probe]:
    """Ports on the guest's own address, by number."""
    guest = guest_address(snapshot(folder))
    for port, said in measured.items():
        if port.isdecimal():
            yield Probe(
                folder, f"published {port}", "host", target(guest, int(port)), OUTCOME[said]
            )


def from_containers(folder: Path, container: str, measured: dict[str, Any]) -> Iterator[Probe]:
    address = measured["ip"]
    for label, said in measured.items():
        other = label.removeprefix("ping_from_other_net(").removesuffix(")")
        # Whoever measured did not send a container's ping to itself: that row always says "fail".
        if label.startswith("ping_from_other_net") and other != container:
            origin = f"container:web/{other}"
            yield Probe(folder, f"{container} {label}", origin, target(address), OUTCOME[said])
        if label.startswith("ping_same_net"):
            neighbour = target(f"{address.rpartition('.')[0]}.11")
            origin = f"container:web/{container}"
            yield Probe(folder, f"{container} {label}", origin, neighbour, OUTCOME[said])


PROBES = [each for folder in DOCKER for each in (*simple(folder), *rich(folder))]


@pytest.mark.parametrize("probe", PROBES, ids=lambda each: f"{name(each.folder)} {each.label}")
def test_a_trace_agrees_with_the_probe_that_was_measured(probe: Probe) -> None:
    trace = tracer(probe.folder).trace(probe.origin, probe.target)

    assert trace.outcome.value == probe.expected, trace.cause


def egress() -> Iterator[tuple[Path, str, str]]:
    """Where it was measured, the container's address, and the source that the LAN saw, if any."""
    for folder in DOCKER:
        file = folder / "verdict.json"
        measured = json.loads(file.read_text())["probe"] if file.exists() else {}
        if "egress_src_seen_by_lan" in measured:
            yield folder, "10.90.1.10", str(measured["egress_src_seen_by_lan"])
        file = folder / "probe.json"
        document = json.loads(file.read_text()) if file.exists() else {}
        for each in document.get(f"probes_from_lan_{GATEWAY}", {}).values():
            if "egress_src" in each:
                yield folder, each["ip"], str(each["egress_src"])


@pytest.mark.parametrize(
    ("folder", "source", "seen"), list(egress()), ids=lambda each: str(each)[-40:]
)
def test_the_lan_sees_the_source_that_was_measured(folder: Path, source: str, seen: str) -> None:
    container = next(
        place
        for place, here in snapshot(folder).namespaces.items()
        if any(str(each.interface.ip) == source for each in here.addresses)
        and place.startswith("container:")
    )

    trace = tracer(folder).trace(container, Target(GATEWAY))

    assert trace.ok == seen.startswith("10."), trace.cause
    if trace.ok:
        assert (trace.rewritten_source or str(trace.source)) == seen


def test_every_drop_between_lan_and_container_is_blamed_on_something_that_is_there() -> None:
    for probe in PROBES:
        trace = tracer(probe.folder).trace(probe.origin, probe.target)
        if trace.cause is not None and trace.cause.kind == "rule" and trace.cause.tool != "nft":
            texts = [each.text for each in snapshot(probe.folder).namespaces["guest:web"].rulesets]  # type: ignore[index] # a Place is a str
            assert any(str(trace.cause.rule) in text for text in texts)
