"""The identity of a rule of homelab's own, as it stands in the comment of the rule."""

import re
import shlex
from itertools import pairwise

PREFIX = "homelab:"
JUMP = "jump"
"""The mark of the jump to our chain."""

MARK = re.compile(r"[A-Za-z0-9_./:-]{1,200}")


def mark_of(spec: str) -> str | None:
    """The mark in what iptables-save prints after ``-A CHAIN``; None for a rule of somebody else's.

    Only the comment is looked at: tools print the rest in other words from release to release.
    """
    # Most rules are somebody else's, and there may be thousands of them.
    words = words_of(spec) if PREFIX in spec else []
    for option, value in pairwise(words):
        if option == "--comment" and value.startswith(PREFIX):
            mark = value.removeprefix(PREFIX)
            return mark if MARK.fullmatch(mark) else None
    return None


def words_of(spec: str) -> list[str]:
    """The words of a printed rule, without their quotes; none where a quote is left open."""
    try:
        return shlex.split(spec)
    except ValueError:
        return []
