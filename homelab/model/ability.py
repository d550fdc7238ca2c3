"""What this machine can do, and what it cannot: one fact each, with its evidence and a way out."""

from dataclasses import dataclass
from enum import StrEnum


class Need(StrEnum):
    """Who misses it: every command, those that change the lab, or who asks for just that."""

    READING = "reading"
    CHANGING = "changing"
    SOME = "some"


@dataclass(frozen=True, slots=True)
class Ability:
    """``works`` is None when it cannot be told. ``then`` says what is impossible without it."""

    area: str
    name: str
    works: bool | None
    evidence: str
    need: Need = Need.SOME
    then: str = ""
    way_out: str = ""
