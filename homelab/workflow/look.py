"""Diagnose and trace: from a snapshot to findings, each with a fix that the model has tried."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from homelab.checks import expectation_not_met, findings
from homelab.diagnosis.expect import put_to_the_test
from homelab.diagnosis.judge import judge
from homelab.model.finding import Case, Finding, Judgement, Trial
from homelab.model.inventory import Inventory
from homelab.model.place import Place
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Target
from homelab.workflow.proving import is_tried, mend, proven

Probe: TypeAlias = Callable[[Place, Sequence[Target]], tuple[str, ...]]
"""Sends a real packet to each target from a place, and says what each met."""

Identity: TypeAlias = tuple[str, Place, object]
"""What makes two findings one: the fault, its place, and its cause."""

SEVERITIES = ("error", "warning", "info")
ROUNDS = 6
"""How many faults may lie one behind the other on one path before the search for the next ends."""

ONE_BY_ONE = 8
"""With more fixes than this, nobody looks which networks each fault would stop alone."""

NO, UNKNOWN = 1, 3
"""Exit codes: the answer is no; the answer is not known."""

UNREAD = ("not-observed", "unmodelled", "daemon-down")
"""Faults after which the answer is not known."""
REFUSALS = ("daemon-unknown-key", "docker-nft-backend-forwarding")
"""Faults that keep a daemon from answering, if it does not run already."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """``case`` is the lab as it is; ``findings`` include the faults that hide behind others."""

    case: Case
    findings: tuple[Finding, ...]


def diagnose(inventory: Inventory, snapshot: Snapshot) -> Diagnosis:
    """Judge every network, name each fault, and prove each fix on the simulated system."""
    first = _case(inventory, snapshot)
    found: dict[Identity, Finding] = {}
    case = first
    for _ in range(ROUNDS):
        new = [each for each in findings(case) if _is_new(each, found)]
        found |= {_identity(each): each for each in new}
        mended = mend(case.snapshot, new)
        if mended is None:
            break
        case = _case(inventory, mended)
    found |= dict(_alone(first, found))
    tested = replace(first, trials_mended=case.trials)
    every = (*found.values(), *expectation_not_met.FAULT.sees(tested))
    # Errors first; among equals the order in which a packet meets them, and causes before what they spoil.
    order = sorted(every, key=lambda each: SEVERITIES.index(each.severity))
    return Diagnosis(tested, proven(order, first, case))


def _alone(first: Case, found: Mapping[Identity, Finding]) -> Iterator[tuple[Identity, Finding]]:
    """The faults that would stop more networks, were all the others mended: a packet meets one at a time."""
    mending = {key: each for key, each in found.items() if is_tried(each)}
    if len(mending) not in range(2, ONE_BY_ONE + 1):
        return
    for key, finding in mending.items():
        hidden = {name for other in mending.values() for name in other.affects} - {*finding.affects}
        left = mend(first.snapshot, [each for each in mending.values() if each is not finding])
        if hidden and left is not None:
            judged = judge(first.inventory, left, hidden)
            again = findings(Case(first.inventory, left, judged))
            more = {name for each in again if _identity(each) == key for name in each.affects}
            if not more <= {*finding.affects}:
                affects = tuple(
                    each.name for each in first.judgements if each.name in more | {*finding.affects}
                )
                yield key, replace(finding, affects=affects)


def _case(inventory: Inventory, snapshot: Snapshot) -> Case:
    """The lab judged, and its expectations put to the test."""
    judged, trials = judge(inventory, snapshot), put_to_the_test(inventory, snapshot)
    return Case(inventory, snapshot, judged, trials)


def _is_new(finding: Finding, found: Mapping[Identity, Finding]) -> bool:
    """Not told yet, or not yet of all the networks that it harms.

    Expectations are told once and last, when it is known what the fixes leave of them.
    """
    if finding.fault == expectation_not_met.CODE:
        return False
    told = found.get(_identity(finding))
    return told is None or {*finding.affects} > {*told.affects}


def _identity(finding: Finding) -> Identity:
    cause = finding.cause
    what = (cause.rule or cause.key or cause.text) if cause else finding.explains
    return finding.fault, finding.at, what


def exit_code(diagnosis: Diagnosis) -> int:
    """0 healthy, 1 something is unreachable, 3 something could not be judged."""
    judged = [each for each in diagnosis.case.judgements if is_wanted(each, diagnosis.case)]
    if any(each.reachable is False for each in judged):
        return NO
    kept = expectations_code(diagnosis.case.trials)
    if kept == NO:
        return NO
    blamed = {name for each in diagnosis.findings for name in each.affects}
    unknown = any(
        each.reachable is None and (each.traces or each.name in blamed) for each in judged
    )
    answering = diagnosis.case.snapshot.daemons
    unread = any(
        each.fault in UNREAD or (each.fault in REFUSALS and each.at not in answering)
        for each in diagnosis.findings
    )
    return UNKNOWN if unknown or unread else kept


def expectations_code(trials: Sequence[Trial]) -> int:
    """0 all hold, 1 one does not, 3 of one it is not known."""
    answers = {each.holds for each in trials}
    if False in answers:
        return NO
    return UNKNOWN if None in answers else 0


def is_wanted(judgement: Judgement, case: Case) -> bool:
    """Whether somebody shall reach the network: with an inventory, if that says so; else always."""
    return judgement.declared or not case.inventory.networks
