"""Refuse a plan that looks like an accident, or that interrupts somebody without consent."""

from homelab.errors import UnsafePlanError
from homelab.model.plan import Delete, Plan, Replace, State

SHARE = 0.3
SMALL = 10


def refuse_if_unsafe(plan: Plan, actual: State, *, disruption: bool, accident: bool) -> None:
    """Raise ``UnsafePlanError`` unless what the plan does was agreed to."""
    lost = sum(isinstance(each, Delete | Replace) for each in plan.changes)
    if not accident and len(actual) > SMALL and lost / len(actual) > SHARE:
        raise UnsafePlanError(
            f"the plan removes or replaces {lost} of {len(actual)} resources, more than {SHARE:.0%}; "
            "run it again with --force if that is intended"
        )
    hurts = plan.disruptions()
    if hurts and not disruption:
        raise UnsafePlanError(
            "the plan interrupts what runs: " + "; ".join(hurts) + "; run it again with --yes"
        )
