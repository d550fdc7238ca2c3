"""A host behind ssh as the lab sees it: what its agent reads, does and asks, in the lab's names."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from homelab.errors import HomelabError, OperationError, UnreadableError
from homelab.model.agent import Answer, Ask, Call, Change, End, Met, Question, Ran, Read, Run, Seen
from homelab.model.inventory import Inventory
from homelab.model.operation import Operation
from homelab.model.place import HOST, Place, guest
from homelab.model.proof import Counter, Counts, Sender, Wanted
from homelab.model.several import AT, Names, seen_from
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Target
from homelab.system.remote import Remote

V = TypeVar("V")

READING, RUNNING, ENDING, ASKING = 90.0, 900.0, 300.0, 30.0
"""How many seconds an answer may take: a read, an operation (guests restart), an end, packets."""

_OWN = ("host", "guest", "container", "netns")


class Far:
    """One host. ``is_open``: a change of ours was begun there, and not ended by us."""

    def __init__(self, names: Names, remote: Remote, inventory: Inventory) -> None:
        self.names = names
        self.enterable: tuple[Place, ...] = ()
        self.is_open = False
        self._remote = remote
        self._inventory = _its_own(inventory, names.host)
        self._was_cut = False
        self._broke = ""

    def read(self) -> Snapshot:
        """What it is, in its own names; all of it unread when its agent does not answer."""
        self.enterable = ()
        try:
            seen = self._call(Read(self._inventory), READING)
        except HomelabError as error:
            return _unread(self.names.host, self._inventory, str(error))
        if not isinstance(seen, Seen):
            return _unread(self.names.host, self._inventory, _strange(self.names.host, seen))
        self.enterable = tuple(self.names.place(each) for each in seen.enterable if _is_own(each))
        return _own_only(replace(seen.snapshot, host=self.names.host))

    def run(self, operations: Sequence[Operation], change: Change) -> None:
        """As one host does it; the first of a change opens it there."""
        steps = tuple(map(self.names.own_operation, operations))
        ran = self._ran(Run(steps, change), RUNNING)
        self.is_open = True
        self._remote.keep_alive()
        if ran.failure is not None:
            raise OperationError(f"host {self.names.host}: {ran.failure}")

    def finish(self, end: End) -> None:
        """``OperationError`` when it does not stand as it should."""
        self.is_open, broke, self._broke = False, self._broke, ""
        if broke and end is not End.BACK:
            raise OperationError(f"{broke}; what was done there of the change is taken back there")
        ran = self._ran(Run(end=end), ENDING)
        if ran.residue:
            left = "; ".join(ran.residue)
            raise OperationError(f"host {self.names.host}: not taken back: {left}")

    def close(self) -> None:
        self._remote.close()

    def ask(
        self, questions: Mapping[Sender, Sequence[Target]], timeout: float
    ) -> dict[Sender, tuple[str, ...]]:
        """Of a host that does not answer every answer is ``error: …``."""
        asked = tuple(
            Question(replace(each, place=self._own(each.place)), tuple(targets))
            for each, targets in questions.items()
        )
        try:
            met = self._met(Ask(asked, timeout=timeout), timeout + ASKING).met
            return dict(zip(questions, met, strict=True))
        except (OperationError, ValueError) as error:
            return {each: (f"error: {error}",) * len(of) for each, of in questions.items()}

    def count(self, wanted: Collection[Wanted]) -> Counts:
        """What cannot be read is not there."""
        own = tuple(each._replace(at=self._own(each.at)) for each in wanted)
        try:
            found = self._met(Ask((), own), ASKING).counts
        except OperationError:
            return {}
        return {
            Counter(self.names.place(each.at), each.source, each.name): value
            for each, value in found.items()
        }

    def _own(self, place: Place) -> Place:
        return self.names.own_place(place) or place

    def _met(self, call: Ask, patience: float) -> Met:
        found = self._called(call, patience)
        if not isinstance(found, Met):
            raise OperationError(_strange(self.names.host, found))
        return found

    def _ran(self, call: Run, patience: float) -> Ran:
        found = self._called(call, patience)
        if not isinstance(found, Ran):
            raise OperationError(_strange(self.names.host, found))
        return found

    def _called(self, call: Call, patience: float) -> Answer:
        try:
            return self._call(call, patience)
        except UnreadableError as error:
            raise OperationError(str(error)) from error

    def _call(self, call: Call, patience: float) -> Answer:
        """What a connection that broke in the middle of a change left there is taken back first."""
        back = Run(end=End.BACK)
        if self._was_cut and call != back:
            self._remote.call(back, ENDING)
        self._was_cut = False
        try:
            return self._remote.call(call, patience)
        except UnreadableError as error:
            if self.is_open or isinstance(call, Run):
                self.is_open = self._was_cut = True
                self._broke = str(error)
            raise


def _its_own(inventory: Inventory, host: str) -> Inventory:
    """What an agent has to know: its host, and the guests that should be on it."""
    own = seen_from(inventory, host)
    return Inventory(
        hosts=tuple(replace(each, router=None) for each in own.hosts if each.name == host),
        guests=tuple(own.guests_of(host)),
    )


def _unread(host: str, inventory: Inventory, why: str) -> Snapshot:
    """A host of which nothing is known."""
    guests = (str(guest(each.name)) for each in inventory.guests)
    return Snapshot(host=host, unread=dict.fromkeys((str(HOST), *guests), why))


def _own_only(seen: Snapshot) -> Snapshot:
    """A host speaks of its own places, and of no other's."""
    return replace(
        seen,
        namespaces=_owned(seen.namespaces),
        aliases={one: two for one, two in _owned(seen.aliases).items() if _is_own(two)},
        daemons=_owned(seen.daemons),
        daemon_files=_owned(seen.daemon_files),
        persistence=_owned(seen.persistence),
        others={},
    )


def _owned(found: Mapping[Place, V]) -> dict[Place, V]:
    return {place: each for place, each in found.items() if _is_own(place)}


def _is_own(place: Place) -> bool:
    return place.partition(":")[0] in _OWN and AT not in place


def _strange(host: str, answer: Answer) -> str:
    """What an agent said that is no answer to what it was asked; mostly an error."""
    said = getattr(answer, "error", None) or f"it answers {type(answer).__name__}"
    return f"host {host}: {said}"
