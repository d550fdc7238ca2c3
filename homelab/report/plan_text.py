"""A plan, and what came of it, as people read them before they type yes."""

from collections.abc import Iterator, Sequence

from homelab.model.finding import Judgement
from homelab.model.plan import Applied, Change, Create, Delete, Plan, Replace
from homelab.model.snapshot import Snapshot
from homelab.report.commands import commands
from homelab.report.paint import Paint, plain

SIGN = {Create: ("good", "+"), Replace: ("warn", "~"), Delete: ("bad", "-")}


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

    return f"{count(Create)} to add, {count(Replace)} to change, {count(Delete)} to remove"


def changes_in_words(plan: Plan) -> tuple[str, ...]:
    """A line for each change, as the history keeps it."""
    return tuple(f"{SIGN[type(each)][1]} {each.key}  {_value(each)}" for each in plan.changes)


def _by_guest(plan: Plan) -> dict[str | None, list[Change]]:
    grouped: dict[str | None, list[Change]] = {}
    for each in plan.changes:
        resource = each.old if isinstance(each, Delete) else each.new
        grouped.setdefault(resource.guest, []).append(each)
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
    for each in applied.lost:
        lines.append(
            paint("bad", "lost: ")
            + f"{plain(each.origin)} → {plain(each.target)}: {each.before} before, {each.after} now"
        )
    if applied.rollback is None:
        return "\n".join(lines) or paint("good", "done: ") + summary_done(applied.plan)
    if not applied.residue:
        return "\n".join([*lines, "rolled back: the lab is as before"])
    remains = [f"  {plain(each)}" for each in applied.residue]
    return "\n".join([*lines, paint("bad", "not rolled back completely; what remains:"), *remains])


def summary_done(plan: Plan) -> str:
    return f"{len(plan.changes)} changes" if plan else "nothing to change"
