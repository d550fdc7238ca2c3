"""A fault as data: which packets it claims, what it tells of them, what it sees without a packet."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from homelab.checks.seen import Group, Seen, failures
from homelab.model.finding import Case, Check, Checks, Finding, Fix
from homelab.model.place import Place

SEVERITIES = ("error", "warning", "info")


@dataclass(frozen=True, slots=True)
class Told:
    """What a fault says of a group. ``at`` and ``severity`` only where they are not the cause's own."""

    explains: str
    fix: Fix | None = None
    at: Place | None = None
    severity: str | None = None


def claims_nothing(_: Seen) -> bool:
    return False


def tells_nothing(group: Group) -> Told:
    return Told(group[0].cause.text)


def sees_nothing(_: Case) -> Iterator[Finding]:
    return iter(())


def by_evidence(seen: Seen) -> Hashable:
    """Packets that met the same rule, or key, or the same words."""
    return seen.cause.rule or seen.cause.key or seen.cause.text


def by_network(seen: Seen) -> Hashable:
    return seen.judgement.name, seen.subnet


def by_target(seen: Seen) -> Hashable:
    return seen.target


def by_place(_: Seen) -> Hashable:
    return ()


@dataclass(frozen=True, slots=True)
class Fault:
    """``claims`` is asked of each packet that no fault before this one claimed.

    Claimed packets that are equal under ``alike``, and ended in one place, become one finding.
    """

    code: str
    title: str
    page: str
    claims: Callable[[Seen], bool] = claims_nothing
    tells: Callable[[Group], Told] = tells_nothing
    alike: Callable[[Seen], Hashable] = by_evidence
    sees: Callable[[Case], Iterator[Finding]] = sees_nothing


Faults: TypeAlias = tuple[Fault, ...]


def checks(faults: Faults) -> Checks:
    return tuple(
        Check(each.code, each.title, each.page, partial(_find, each, faults)) for each in faults
    )


def find(case: Case, faults: Faults) -> tuple[Finding, ...]:
    """What all faults find, each packet claimed once; by severity, place and code."""
    claimed: dict[str, list[Seen]] = {each.code: [] for each in faults}
    for seen in failures(case):
        claimed[_claimant(seen, faults).code].append(seen)
    found = (one for each in faults for one in _findings(each, claimed[each.code], case))
    return tuple(sorted(found, key=_order))


def _find(fault: Fault, faults: Faults, case: Case) -> Iterator[Finding]:
    mine = [each for each in failures(case) if _claimant(each, faults) is fault]
    return iter(sorted(_findings(fault, mine, case), key=_order))


def _claimant(seen: Seen, faults: Faults) -> Fault:
    """The first fault that claims the packet; the last fault of all claims every one."""
    return next((each for each in faults if each.claims(seen)), faults[-1])


def _findings(fault: Fault, claimed: Sequence[Seen], case: Case) -> Iterator[Finding]:
    groups: dict[tuple[Place, bool, Hashable], list[Seen]] = {}
    for each in claimed:
        groups.setdefault((each.at, each.is_unwanted, fault.alike(each)), []).append(each)
    told = [_finding(fault, tuple(each)) for each in groups.values()]
    yield from told
    places = {each.at for each in told}
    yield from (each for each in fault.sees(case) if each.at not in places)


def _finding(fault: Fault, group: Group) -> Finding:
    told = fault.tells(group)
    cause = group[0].cause
    return Finding(
        fault=fault.code,
        severity="info" if group[0].is_unwanted else told.severity or _severity(group),
        at=told.at or cause.at,
        explains=told.explains,
        cause=cause,
        fix=told.fix,
        affects=tuple(dict.fromkeys(each.judgement.name for each in group)),
    )


def _severity(group: Iterable[Seen]) -> str:
    """An error where something is known to be unreachable; what may be so is a warning."""
    certain = any(each.is_certain and each.judgement.reachable is False for each in group)
    return "error" if certain else "warning"


def _order(finding: Finding) -> tuple[int, str, str, str]:
    rank = SEVERITIES.index(finding.severity) if finding.severity in SEVERITIES else 9
    return rank, finding.at, finding.fault, finding.explains
