"""The fixes of a diagnosis as a plan like any other, and whether they hold."""

from collections.abc import Iterator, Sequence

from homelab.model.finding import Finding
from homelab.model.operation import Operation
from homelab.model.plan import Mend, Plan
from homelab.model.snapshot import Snapshot
from homelab.workflow.change import Goal, Planned
from homelab.workflow.look import Diagnosis, diagnose


def plan_fixes(diagnosis: Diagnosis) -> Planned:
    """The plan that ``--fix`` carries out: every fix of an error that has operations, each operation once."""
    case = diagnosis.case
    mends = tuple(_mends(diagnosis.findings))
    goal = Goal(case.inventory, mends=mends)
    return Planned(goal, case.inventory, case.snapshot, Plan(mends))


def _mends(found: Sequence[Finding]) -> Iterator[Mend]:
    seen: list[Operation] = []
    for each in found:
        if each.fix is None or each.severity != "error":
            continue
        new = tuple(one for one in each.fix.operations if one not in seen)
        seen += new
        if new:
            yield Mend(each.fault, each.at, each.fix.text, new)


def unmended(planned: Planned, now: Snapshot) -> Plan:
    """The fixes whose faults are still there: another look finds the same fault, and wants the same fix."""
    again = {
        (each.fault, each.at, each.text)
        for each in _mends(diagnose(planned.inventory, now).findings)
    }
    return Plan(
        tuple(each for each in planned.goal.mends if (each.fault, each.at, each.text) in again)
    )
