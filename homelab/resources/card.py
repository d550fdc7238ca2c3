"""Virtual functions of SR-IOV cards on the host; their mark is the word ``card`` in the alias of the card's link.

``card=0,0:0s`` says that the card had none before us, and that function 0 was in no VLAN with its spoof check on. A card
that has as many functions as declared, each set as declared, is left alone. What guests get of them is set by LXD or Incus.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from homelab.model.host_links import DeclaredCard
from homelab.model.inventory import Inventory
from homelab.model.kernel import Link
from homelab.model.operation import Operation, SetCard
from homelab.model.place import HOST
from homelab.model.resource import Key, Resource
from homelab.model.snapshot import Snapshot
from homelab.model.wires import CARD, CardState, Function, marks, with_mark
from homelab.resources.lab import local_host
from homelab.resources.wiring import in_the_alias, link_called, unreadable


@dataclass(frozen=True, slots=True)
class Card(Resource):
    """``functions`` are those whose settings are ours, ``was`` and ``before`` what it was like."""

    link: str
    count: int
    functions: tuple[Function, ...]
    was: tuple[Function, ...]
    before: int

    @property
    def key(self) -> Key:
        return Key("card", self.link)

    @property
    def guest(self) -> str | None:
        return None

    @classmethod
    def desired(cls, inventory: Inventory, snapshot: Snapshot) -> Iterator[Self]:
        host = local_host(inventory)
        ours = {each.link: each for each in cls.actual(snapshot)}
        for declared in host.cards if host else ():
            owned = ours.get(declared.link)
            now = _functions(link_called(snapshot.host_namespace, declared.link))
            count = snapshot.cards[declared.link].now if declared.link in snapshot.cards else 0
            before = owned.before if owned else count
            fresh = before != declared.functions
            set_before = {each.index: each for each in owned.was} if owned else {}
            functions = tuple(
                each
                for each in _declared(inventory, declared)
                if fresh or each.index in set_before or now.get(each.index) != each
            )
            was = tuple(
                Function(each.index) if fresh else set_before.get(each.index) or now[each.index]
                for each in functions
                if fresh or each.index in set_before or each.index in now
            )
            if owned or functions or fresh:
                yield cls(declared.link, declared.functions, functions, was, before)

    @classmethod
    def actual(cls, snapshot: Snapshot) -> Iterator[Self]:
        here = snapshot.host_namespace
        for each in here.links if here else ():
            mark = marks(each.alias).words.get(CARD)
            if mark is not None and each.name in snapshot.cards:
                before, *settings = mark.split(",")
                was = tuple(_parsed(one) for one in settings)
                now = _functions(each)
                functions = tuple(now[one.index] for one in was if one.index in now)
                count = snapshot.cards[each.name].now
                yield cls(each.name, count, functions, was, int(before or 0))

    def obstacles(self, snapshot: Snapshot) -> Iterator[str]:
        yield from unreadable(snapshot)
        found = link_called(snapshot.host_namespace, self.link)
        yield from in_the_alias(found, self._alias(found))
        card = snapshot.cards.get(self.link)
        if card is None:
            yield (
                f"host: {self.link} is no SR-IOV card (no sriov_totalvfs in its folder of sysfs); name another "
                "link, or switch SR-IOV on in the firmware"
            )
            return
        if self.count > card.total:
            yield f"host: {self.link} can have {card.total} functions, not {self.count}; write fewer"
        foreign = found is None or CARD not in marks(found.alias).words
        if foreign and card.now not in (0, self.count):
            yield (
                f"host: {self.link} has {card.now} functions that are not homelab's, and another number takes all "
                f"of them away first; write {card.now}, or `echo 0 >/sys/class/net/{self.link}/device/sriov_numvfs`"
            )

    def create(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        found = link_called(snapshot.host_namespace, self.link)
        now = CardState(self.link, self.count, self.functions, self._alias(found))
        return (SetCard(HOST, now, self._now(snapshot)),)

    def delete(self, snapshot: Snapshot) -> tuple[Operation, ...]:
        found = link_called(snapshot.host_namespace, self.link)
        alias = with_mark(found.alias if found else None, CARD, None)
        back = CardState(self.link, self.before, self.was if self.before else (), alias)
        return (SetCard(HOST, back, self._now(snapshot)),)

    def replace(self, old: Self, snapshot: Snapshot) -> tuple[Operation, ...]:
        return self.create(snapshot)

    def disruption(self, old: Self | None, snapshot: Snapshot) -> str | None:
        if old is None or old.count == self.count:
            return None
        return f"all functions of {self.link} go and come back: guests that have one lose it"

    def removal(self, snapshot: Snapshot) -> str | None:
        if self.before == self.count:
            return None
        return f"the functions of {self.link} go: guests that have one lose it"

    def describe(self) -> str:
        said = "".join(
            f", {each.index}: "
            + (f"VLAN {each.vlan}" if each.vlan else "no VLAN")
            + ("" if each.spoof_check else ", no spoof check")
            for each in self.functions
        )
        return f"{self.count} functions{said}"

    def _now(self, snapshot: Snapshot) -> CardState:
        found = link_called(snapshot.host_namespace, self.link)
        count = snapshot.cards[self.link].now if self.link in snapshot.cards else 0
        indices = {each.index for each in (*self.functions, *self.was)}
        there = tuple(each for n, each in _functions(found).items() if n in indices)
        return CardState(self.link, count, there, (found.alias or "") if found else "")

    def _alias(self, found: Link | None) -> str:
        was = (f"{each.index}:{each.vlan}{'s' if each.spoof_check else ''}" for each in self.was)
        return with_mark(found.alias if found else None, CARD, ",".join((str(self.before), *was)))


def _declared(inventory: Inventory, card: DeclaredCard) -> Iterator[Function]:
    for each in card.settings:
        vlan = inventory.vlan(each.vlan)
        yield Function(each.index, vlan.id if vlan else 0, each.spoof_check)


def _functions(found: Link | None) -> Mapping[int, Function]:
    vfs = found.vfs if found else ()
    return {each.index: Function(each.index, each.vlan, each.spoof_check) for each in vfs}


def _parsed(text: str) -> Function:
    index, _, rest = text.partition(":")
    vlan = rest.removesuffix("s")
    return Function(
        int(index) if index.isdecimal() else 0,
        int(vlan) if vlan.isdecimal() else 0,
        rest.endswith("s"),
    )
