"""Fixes tried on the simulated system: does each open the path, and what else does it open."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from homelab.checks.seen import failures
from homelab.diagnosis.judge import judge
from homelab.errors import OperationError
from homelab.model.finding import Case, Finding, Judgement, NetworkName
from homelab.model.operation import Operation
from homelab.model.place import Place
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Trace
from homelab.system.simulated import SimulatedSystem, is_known, type_in
from homelab.workflow.opening import newly_reached

ONE_BY_ONE = 32
"""With more fixes than this, those of one fault in one place are tried together."""

FROM_INSIDE = 8
"""With more fixes than this, nobody but the LAN is asked what they open."""

SHOWN = 8
"""How many of the networks that a fix opens besides are named."""

SETTLED = ("rule", "policy", "route", "sysctl", "socket")
"""Causes that only their own place, or one on the way to it, can take away."""

Together: TypeAlias = tuple[Finding, ...]


def mend(snapshot: Snapshot, found: Sequence[Finding]) -> Snapshot | None:
    """The snapshot after all fixes that can be carried out, or None when there was nothing to do."""
    mended = snapshot
    for each in found:
        mended = _mended(mended, each) or mended
    return None if mended is snapshot else mended


def _mended(snapshot: Snapshot, finding: Finding) -> Snapshot | None:
    """After the fix: what homelab itself would do, or what a person is told to type."""
    fix = finding.fix
    if fix is None or finding.severity != "error":
        return None
    if not fix.operations:
        return type_in(snapshot, fix.commands) if fix.commands else None
    system = SimulatedSystem(snapshot)
    done = [each for each in fix.operations if _ran(system, each)]
    return system.read() if done else None


def _ran(system: SimulatedSystem, operation: Operation) -> bool:
    try:
        system.run(operation)
    except OperationError:
        return False
    return True


def proven(found: Sequence[Finding], before: Case, after: Case) -> tuple[Finding, ...]:
    """The findings with what the model saw of their fixes; ``after`` is the lab after all of them."""
    groups = _together(found)
    opened: dict[int, tuple[str, ...]] = {}
    for group in groups:
        whole = len(groups) == 1 and len(group) == 1
        mended = after.snapshot if whole else mend(before.snapshot, group)
        if mended is None:
            continue
        now = after.judgements if whole else _judged_after(mended, before)
        inside = () if len(groups) > FROM_INSIDE else _from_inside(before, mended)
        texts = (*_shown(_opened(now, before), group), *inside)
        opened |= {id(each): texts for each in group}
    # An expectation may ask for more than the packets by which a network is judged.
    open_ = [each for each in failures(after) if not each.is_unwanted]
    lost = {each.judgement.name for each in open_} if after.trials else set()
    asking = {each.judgement.name for each in failures(before) if each.is_request_of_its_own}
    reachable = {
        each.name: (each.reachable or each.name in asking) and each.name not in lost
        for each in after.judgements
    }
    return tuple(_proven(each, opened.get(id(each), ()), reachable) for each in found)


def is_tried(finding: Finding) -> bool:
    """Whether the simulated system can carry out the fix: none is tried where nothing is wrong for sure."""
    fix = finding.fix
    if fix is None or finding.severity != "error":
        return False
    return bool(fix.operations) or is_known(fix.commands)


def _together(found: Sequence[Finding]) -> tuple[Together, ...]:
    """The findings that have a fix to try, in the groups in which they are tried."""
    fixed = [each for each in found if is_tried(each)]
    groups: dict[Hashable, list[Finding]] = {}
    for at, each in enumerate(fixed):
        key = at if len(fixed) <= ONE_BY_ONE else (each.fault, each.at)
        groups.setdefault(key, []).append(each)
    return tuple(tuple(each) for each in groups.values())


def _proven(
    finding: Finding, opened: tuple[str, ...], reachable: Mapping[NetworkName, bool | None]
) -> Finding:
    fix = finding.fix
    if fix is None or not (fix.operations or is_tried(finding)):
        return finding
    verified = all(reachable[name] for name in finding.affects if name in reachable)
    verified = verified and bool(finding.affects)
    return replace(finding, fix=replace(fix, verified=verified, opens=(*fix.opens, *opened)))


def _judged_after(mended: Snapshot, before: Case) -> tuple[Judgement, ...]:
    """The networks that these fixes alone may open, judged as they leave them."""
    return judge(before.inventory, mended, frozenset(_in_question(before, mended)))


def _in_question(before: Case, mended: Snapshot) -> Iterator[NetworkName]:
    """Networks not reached so far whose packets came to a place that is changed, or to no settled end."""
    changed = _changed(before, mended)
    for each in before.judgements:
        lost = [trace for trace in each.traces if not trace.ok]
        if not each.reachable and (not lost or any(_may_pass(one, changed) for one in lost)):
            yield each.name


def _changed(before: Case, mended: Snapshot) -> set[Place]:
    was = before.snapshot.namespaces
    return {place for place, here in mended.namespaces.items() if was.get(place) is not here}


def _from_inside(before: Case, mended: Snapshot) -> tuple[str, ...]:
    """What others than the LAN reach after the fix alone."""
    found = tuple(newly_reached(before, mended, _changed(before, mended)))
    more = f"{len(found) - SHOWN} more ways inside the lab"
    return found if len(found) <= SHOWN else (*found[:SHOWN], more)


def _may_pass(trace: Trace, changed: set[Place]) -> bool:
    cause = trace.cause
    if cause is None or cause.kind not in SETTLED or cause.at in changed:
        return True
    return any(each.at in changed for each in (*trace.forward, *trace.back))


def _opened(now: Sequence[Judgement], before: Case) -> Iterator[NetworkName]:
    was = {each.name: each.reachable for each in before.judgements}
    return (each.name for each in now if each.reachable and not was.get(each.name))


def _shown(opened: Iterator[NetworkName], group: Together) -> Iterator[str]:
    """The networks besides those for which the fixes are."""
    meant = {name for each in group for name in each.affects}
    besides = [each for each in opened if each not in meant]
    for each in besides[:SHOWN]:
        yield f"{each.guest}/{each.network} from the LAN"
    if len(besides) > SHOWN:
        yield f"{len(besides) - SHOWN} more networks from the LAN"
