"""A plan, and what came of it, as people read them before they type yes."""

from collections.abc import Iterator, Sequence

from homelab.model.finding import Judgement
from homelab.model.plan import (
    Adopt,
    Applied,
    Change,
    Create,
    Delete,
    Fate,
    FateKind,
    Mend,
    Plan,
    ProbeLost,
    Replace,
    guest_of_change,
)
from homelab.model.snapshot import Snapshot
from homelab.report.commands import commands
from homelab.report.paint import Paint, plain

SIGN = {
    Create: ("good", "+"),
    Replace: ("warn", "~"),
    Delete: ("bad", "-"),
    Adopt: ("warn", "="),
    Mend: ("warn", "!"),
}


def plan_text(plan: Plan, snapshot: Snapshot, paint: Paint, *, with_commands: bool = False) -> str:
    if not plan:
        return "nothing to change: the lab is as declared"
    lines: list[str] = []
    for guest, changes in _by_guest(plan).items():
        lines.append(paint("bold", guest or "lab"))
        for each in changes:
            lines += _change(each, snapshot, paint, with_commands=with_commands)
    return "\n".join([*lines, "", summary(plan)])


def summary(plan: Plan) -> str:
    def count(kind: type[Change]) -> int:
        return sum(isinstance(each, kind) for each in plan.changes)

    counts = f"{count(Create)} to add, {count(Replace)} to change, {count(Delete)} to remove"
    more = ((Adopt, "to adopt"), (Mend, "to mend"))
    return ", ".join((counts, *(f"{count(kind)} {verb}" for kind, verb in more if count(kind))))


def changes_in_words(plan: Plan) -> tuple[str, ...]:
    """A line for each change, as the history keeps it."""
    return tuple(f"{SIGN[type(each)][1]} {each.key}  {_value(each)}" for each in plan.changes)


def _by_guest(plan: Plan) -> dict[str | None, list[Change]]:
    grouped: dict[str | None, list[Change]] = {}
    for each in plan.changes:
        grouped.setdefault(guest_of_change(each), []).append(each)
    return grouped


def _change(
    change: Change, snapshot: Snapshot, paint: Paint, *, with_commands: bool
) -> Iterator[str]:
    style, sign = SIGN[type(change)]
    yield f"  {paint(style, sign)} {plain(str(change.key)):44}  {plain(_value(change))}"
    if change.disruption:
        yield f"      {paint('warn', '!')} {plain(change.disruption)}"
    if with_commands:
        for each in change.operations:
            yield from (f"      {paint('dim', plain(line))}" for line in commands(each, snapshot))


def _value(change: Change) -> str:
    match change:
        case Create(new):
            return new.describe()
        case Replace(old, new):
            return f"{old.describe()} → {new.describe()}"
        case Delete(old):
            return old.describe()
        case Adopt(new):
            return f"{new.describe()}, as it is"
        case Mend(text=text):
            return text


def foresight_text(before: Sequence[Judgement], after: Sequence[Judgement], paint: Paint) -> str:
    """What the model says of each network, now and after the plan."""
    was = {each.name: each.reachable for each in before}
    lines = [
        f"  {plain(f'{each.name.guest}/{each.name.network}'):24} "
        f"{_word(was.get(each.name), paint)} → {_word(each.reachable, paint)}"
        for each in after
    ]
    return "\n".join(["reachable from the LAN, as the model sees it, now → afterwards:", *lines])


def _word(reachable: bool | None, paint: Paint) -> str:  # noqa: FBT001 - the value is the question
    if reachable is None:
        return paint("dim", "unknown (no containers yet, or not observed)")
    return paint("good", "yes") if reachable else paint("bad", "no")


def applied_text(applied: Applied, paint: Paint) -> str:
    """The end of an apply: done, or what went wrong and what became of it."""
    failure = applied.execution.failure
    lines = [paint("bad", "failed: ") + plain(failure)] if failure else []
    if not failure and applied.remaining:
        lines.append(paint("bad", "failed: ") + "after the change this still differs:")
        lines += [f"  {plain(str(each.key))}" for each in applied.remaining.changes]
    lines += _lost(applied.lost, paint)
    if applied.rollback is None:
        done = [paint("good", "done: ") + summary_done(applied.plan), *_verified(applied, paint)]
        return "\n".join(lines or done)
    back = rollback_text(applied.residue, applied.fates, applied.still_lost, paint)
    return "\n".join([*lines, back, *_again(applied)])


def _lost(flows: Sequence[ProbeLost], paint: Paint) -> Iterator[str]:
    for each in flows:
        yield (
            paint("bad", "lost: ")
            + f"{plain(each.origin)} → {plain(each.target)}: {each.before} before, {each.after} now"
        )


def _verified(applied: Applied, paint: Paint) -> Iterator[str]:
    """What real packets said after a change that holds."""
    if applied.kept or applied.fresh:
        new = applied.fresh - len(applied.silent)
        yield f"probed: {applied.kept} flows that worked still do, {new} of {applied.fresh} new ones answer"
    for each in applied.silent:
        yield (
            paint("warn", "silent: ") + f"{plain(each.origin)} → {plain(each.target)}: {each.after}"
        )


def _again(applied: Applied) -> Iterator[str]:
    """What the probes said after the rollback, if any were sent."""
    if applied.kept and not applied.still_lost:
        yield f"probed again: all {applied.kept} flows that worked before answer"


def rollback_text(
    residue: Sequence[str],
    fates: Sequence[Fate],
    lost: Sequence[ProbeLost],
    paint: Paint,
    what: str = "",
) -> str:
    """How the lab is after a change was taken back: as a whole, and each object that was touched."""
    lines = [f"rolled back: the lab is as before {what}".rstrip()]
    if residue:
        lines = [paint("bad", "not rolled back completely; what remains:")]
        lines += [f"  {plain(each)}" for each in residue]
    well = (FateKind.RESTORED, FateKind.GONE)
    for each in fates:
        style = "good" if each.kind in well else "bad"
        why = f" ({plain(each.text)})" if each.text else ""
        lines.append(f"  {paint(style, each.kind.value)}: {plain(each.name)}{why}")
    return "\n".join((*lines, *_lost(lost, paint)))


def summary_done(plan: Plan) -> str:
    count = len(plan.changes)
    return f"{count} change{'s' if count > 1 else ''}" if plan else "nothing to change"
