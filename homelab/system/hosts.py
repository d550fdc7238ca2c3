"""Several hosts as one system: all read at once, each changed by its own agent, named as one lab."""

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from homelab.errors import OperationError
from homelab.model.agent import Change, End
from homelab.model.inventory import Inventory
from homelab.model.operation import Operation
from homelab.model.place import ROUTER, Place
from homelab.model.proof import Counter, Counts, Sender, Wanted, Watch, Watched
from homelab.model.several import merged, names_of
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Target
from homelab.system.far import Far
from homelab.system.live import LiveSystem
from homelab.system.remote import Remote, Speech
from homelab.system.routers import Routers

PROBE = 1.0
"""Seconds for the answer to a packet, as ``system/probe.py`` has it."""


class Hosts:
    """The hosts of an inventory: the local one, if there is one, and the routers ``here``; each other one far."""

    def __init__(self, inventory: Inventory, speech: Speech, *, timeout: float = 3.0) -> None:
        self.inventory = inventory
        ways = {each.name: each.connection for each in inventory.hosts}
        names = names_of(inventory)
        self._local = next((each for each in names if ways[each.host].kind == "local"), None)
        self._here = (LiveSystem if self._local else Routers)(inventory, timeout=timeout)
        self._far = [
            Far(each, Remote(each.host, ways[each.host], speech), inventory)
            for each in names
            if each != self._local
        ]
        self._change = Change()

    def read(self) -> Snapshot:
        """As one host is read; a host that does not answer is unread, with the reason."""
        with ThreadPoolExecutor(len(self._far) + 1, "host") as pool:
            asked = [(each.names, pool.submit(each.read)) for each in self._far]
            mine = self._here.read()
            parts = [(names, seen.result()) for names, seen in asked]
        if self._local:
            parts.insert(0, (self._local, mine))
        lab = merged(
            parts, {each.name: self._router_of(each.name) for each in self.inventory.hosts}
        )
        if self._local:
            return lab
        return replace(
            lab,
            namespaces={**lab.namespaces, **mine.namespaces},
            unread={**lab.unread, **mine.unread},
            persistence={**lab.persistence, **mine.persistence},
        )

    def run(self, operation: Operation) -> None:
        """As one host does it."""
        self.run_batch((operation,))

    def run_batch(self, operations: Sequence[Operation]) -> None:
        """Neighbours of one place, all or none."""
        far = self._of(operations[0].place)
        if far is None:
            self._here.run_batch(operations)
        else:
            far.run(operations, self._change)

    def begin(self, change: Change) -> None:
        """The next operation on each other host opens the change there."""
        self._change = change

    def finish(self, end: End) -> None:
        """Every host is asked, also when one does not answer."""
        self._end([each for each in self._far if each.is_open], end)

    def settle(self, operations: Collection[Operation], end: End) -> None:
        """Over new connections; a host that is not reached shows when it is read."""
        touched = {id(far) for each in operations if (far := self._of(each.place))}
        try:
            self._end([each for each in self._far if id(each) in touched], end)
        except OperationError:
            if end is End.KEEP:
                raise

    def close(self) -> None:
        """What is open there is taken back there."""
        for each in self._far:
            each.close()

    def enterable(self) -> tuple[Place, ...]:
        """The places of the last ``read`` from which a real packet can be sent."""
        far = (place for each in self._far for place in each.enterable)
        return tuple(sorted({*self._here.enterable(), *far}))

    def probe(self, place: Place, targets: Sequence[Target]) -> tuple[str, ...]:
        """From a place of whatever host."""
        far = self._of(place)
        if far is None:
            return self._here.probe(place, targets)
        sender = Sender(place)
        return far.ask({sender: targets}, PROBE)[sender]

    def ask(
        self, questions: Mapping[Sender, Sequence[Target]], timeout: float
    ) -> dict[Sender, tuple[str, ...]]:
        """All hosts at once."""

        def asked(far: Far | None) -> dict[Sender, tuple[str, ...]]:
            own = {each: of for each, of in questions.items() if self._of(each.place) is far}
            if not own:
                return {}
            return far.ask(own, timeout) if far else self._here.ask(own, timeout)

        with ThreadPoolExecutor(len(self._far) + 1, "host") as pool:
            parts = pool.map(asked, [None, *self._far])
            return {sender: said for part in parts for sender, said in part.items()}

    def count(self, wanted: Collection[Wanted]) -> Counts:
        """All hosts at once."""

        def counted(far: Far | None) -> Counts:
            own = [each for each in wanted if self._of(each.at) is far]
            if not own:
                return {}
            return far.count(own) if far else self._here.count(own)

        found: dict[Counter, int] = {}
        with ThreadPoolExecutor(len(self._far) + 1, "host") as pool:
            for part in pool.map(counted, [None, *self._far]):
                found |= part
        return found

    def watch(self, wanted: Watch, timeout: float) -> Watched:
        """Only the kernels of this machine are watched."""
        far = {
            each: f"it is on host {there.names.host}"
            for each in (wanted.sender.place, *wanted.places)
            if (there := self._of(each)) is not None
        }
        if wanted.sender.place in far:
            return Watched((), (), far)
        near = tuple(each for each in wanted.places if each not in far)
        seen = self._here.watch(replace(wanted, places=near), timeout)
        return replace(seen, unwatched={**seen.unwatched, **far})

    def _end(self, hosts: Sequence[Far], end: End) -> None:
        failures = []
        with ThreadPoolExecutor(len(self._far) + 1, "host") as pool:
            for each in [pool.submit(far.finish, end) for far in hosts]:
                error = each.exception()
                if error is not None and not isinstance(error, OperationError):
                    raise error
                failures += [str(error)] if error else []
        if failures:
            raise OperationError("; ".join(failures))

    def _router_of(self, host: str) -> Place | None:
        primary, here = self.inventory.primary, self.inventory.host(host)
        router = here.router if here else None
        if router is None:
            return None
        return ROUTER if primary and primary.router == router else Place(f"router:{router}")

    def _of(self, place: Place) -> Far | None:
        """The host of a place that is not ``here``."""
        return next((e for e in self._far if e.names.own_place(place) is not None), None)
