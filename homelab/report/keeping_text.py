"""What `homelab watch` says: of a repair, of what it leaves alone, and of how the lab stands."""

from homelab.model.plan import Change, Plan
from homelab.model.resource import Key
from homelab.report.paint import plain
from homelab.report.plan_text import changes_in_words

FIGHT = "repair-fight"
"""The name of the finding that somebody else takes away again and again what homelab owns."""


def repaired_text(change: Change, failure: str | None, who: str) -> str:
    """One line for one repair: what, who took it away, and whether it is back."""
    what = changes_in_words(Plan((change,)))[0]
    taken = f"; taken away by {plain(who)}" if who else ""
    if failure is None:
        return f"put back: {what}{taken}"
    return f"not put back: {what}{taken}: {plain(failure)}"


def left_text(key: Key, why: str) -> str:
    return f"left alone: {key}: {plain(why)}"


def fight_text(key: Key, times: tuple[float, ...], who: str, until: str) -> str:
    """The end of a fight: who, what, how often, and until when it is left alone."""
    lasted = times[-1] - times[0]
    return (
        f"{FIGHT}: {key} was taken away {len(times)} times within {lasted:.0f} s, last by "
        f"{plain(who) or 'somebody unknown'}; it is left alone until {until}; "
        "stop whoever does it, then restart `homelab watch`"
    )


def status_text(revision: int, kept: int, repairs: int, astray: int) -> str:
    """One line for systemctl(1)."""
    state = f"{astray} of them not as applied" if astray else "all as applied"
    return f"keeping {kept} things of revision {revision}, {state}; {repairs} put back so far"
