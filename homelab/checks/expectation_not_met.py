"""A flow does not fare as the inventory expects.

Seen as: `homelab expect` says what was expected and what the packet met instead; `homelab plan` says the same of
the lab as it will be.

Look at the whole way of the packet:

    homelab expect
    homelab trace FROM TO

Why: `expect` in the inventory holds what shall be so whatever changes: who reaches whom, and who must not. What
shall be delivered and is not has the cause that is shown, and mostly a finding of its own with a fix. What
shall be dropped and is delivered has nobody in its way: a network that is `ingress: open`, a rule
that somebody flushed, a route that leads round the firewall.

Fix: mend the cause; `homelab apply --yes` puts back what keeps a network of the inventory closed. Or, if the lab is right and the expectation is not, change that line of the inventory. To
close a network, write who may reach it, and apply:

    ingress: [{from: 10.0.0.0/24, ports: [443/tcp]}]

Opens: nothing.

Undo: write the old line back.
"""

import shlex
from collections.abc import Hashable, Iterator
from itertools import zip_longest
from typing import TypeAlias

from homelab.checks.advice import APPLY
from homelab.checks.fault import Fault
from homelab.model.finding import Case, Finding, Fix, NetworkName, Trial
from homelab.model.inventory import ContainerNetwork, Ingress, NetworkOf
from homelab.model.place import HOST, Place
from homelab.model.trace import Outcome, Trace

CODE = "expectation-not-met"
SHOWN = 8
MENDED = Fix("the fixes above mend this too", verified=True)
SPARED = Fix("mend the fault by hand, so that this stays as it is, or change the expectation")

Pair: TypeAlias = tuple[Trial, Trial | None]
"""An expectation now, and after all fixes."""


def sees(case: Case) -> Iterator[Finding]:
    """One finding for all expectations that one cause spoils, and for each that the fixes would."""
    groups: dict[Hashable, list[Pair]] = {}
    for now, later in zip_longest(case.trials, case.trials_mended):
        if now.holds is not True:
            groups.setdefault(_alike(now), []).append((now, later))
        elif later is not None and later.holds is False:
            yield _spoiled(case, later)
    for group in groups.values():
        yield _finding(case, group)


def _alike(trial: Trial) -> Hashable:
    first = _worst(trial)
    cause = first.cause if first else None
    if cause is None:
        return trial.expectation, trial.expectation.where
    return trial.holds, cause.at, cause.rule or cause.key or cause.text


def _finding(case: Case, group: list[Pair]) -> Finding:
    trial, first = group[0][0], _worst(group[0][0])
    others = [each for each, _ in group[1:]]
    more = f"; so it is with {_listed(others)}" if others else ""
    mended = all(later is not None and later.holds for _, later in group)
    return Finding(
        CODE,
        "error" if trial.holds is False else "warning",
        _place(first),
        f"{trial.expectation.where}: {_said(trial, first)}{more}",
        cause=first.cause if first else None,
        fix=MENDED if mended else _fix(case, first),
        affects=tuple(dict.fromkeys(name for each, _ in group for name in _affects(case, each))),
    )


def _spoiled(case: Case, later: Trial) -> Finding:
    """It holds now, and would not if all fixes that were found were run."""
    first = _worst(later)
    text = f"{later.expectation.where}: after the fixes that are offered, {_said(later, first)}"
    return Finding(CODE, "warning", _place(first), text, fix=SPARED, affects=_affects(case, later))


def _listed(others: list[Trial]) -> str:
    places = [str(each.expectation.where) for each in others[:SHOWN]]
    rest = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
    return ", ".join(places) + rest


def _worst(trial: Trial) -> Trace | None:
    """What speaks against it: what is certain before what is not."""
    return min(trial.against, key=lambda each: each.outcome is Outcome.UNKNOWN, default=None)


def _place(trace: Trace | None) -> Place:
    """Where the packet ended: at the end of its way when nothing was in it."""
    if trace is None:
        return HOST
    if trace.cause is not None:
        return trace.cause.at
    return trace.forward[-1].at if trace.forward else HOST


def _said(trial: Trial, first: Trace | None) -> str:
    wanted = trial.expectation
    shall = f"{wanted.origin} to {wanted.to} shall be {wanted.outcome.value}"
    reason = f" ({wanted.reason})" if wanted.reason else ""
    if first is None:
        return f"{shall}{reason}, and that cannot be told: {trial.why}"
    count = f", as are {len(trial.against) - 1} more" if len(trial.against) > 1 else ""
    why = f": {first.cause.text}" if first.cause else ", and nothing is in its way"
    return f"{shall}{reason}, and {first.target} is {first.outcome.value}{count}{why}"


def _fix(case: Case, trace: Trace | None) -> Fix:
    if trace is None:
        return Fix("see that what it names is there and was read, or change the expectation")
    line = shlex.join(("homelab", "trace", trace.origin, str(trace.target)))
    closed = _closed(case, trace) if trace.outcome is Outcome.DELIVERED else None
    if closed is not None:
        text = f"let homelab close {closed.full_name} again, as its `ingress` says, or change the expectation"
        return Fix(text, commands=(APPLY,))
    if trace.outcome is Outcome.DELIVERED:
        text = "close the network with `ingress` in the inventory, or change the expectation"
        return Fix(text, commands=(line,))
    return Fix("mend the cause, or change the expectation if that is wrong", commands=(line,))


def _closed(case: Case, trace: Trace) -> ContainerNetwork | None:
    """The network that was reached, if the inventory does not let everybody in."""
    return next(
        (
            each
            for each in case.inventory.networks
            if each.managed
            and each.ingress is not Ingress.OPEN
            and any(trace.target.address in one for one in each.subnets)
        ),
        None,
    )


def _affects(case: Case, trial: Trial) -> tuple[NetworkName, ...]:
    whom = trial.expectation.to.whom
    if not isinstance(whom, NetworkOf):
        return ()
    return tuple(
        each.name
        for each in case.judgements
        if (each.name.guest, each.name.network) == (whom.guest, whom.network)
    )


FAULT = Fault(CODE, "a flow does not fare as the inventory expects", __doc__, sees=sees)
