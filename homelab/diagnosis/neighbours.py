"""Who takes a packet for the next hop's address on the wire: whom a place finds when it asks for a neighbour."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from homelab.diagnosis.answers import OWN, PROXY, answers_arp, answers_ndp, asks_from
from homelab.diagnosis.box import Box
from homelab.diagnosis.frame import Crossing, Ear, Refusal, Segment
from homelab.diagnosis.journey import Fork, Journey
from homelab.diagnosis.packet import Packet
from homelab.diagnosis.reverse_path import refusal
from homelab.diagnosis.segment import Ether
from homelab.diagnosis.two_sides import TwoSides, first
from homelab.diagnosis.vantage import Client
from homelab.diagnosis.world import World
from homelab.model.place import Address, Place

CALL_ARPTABLES = "net.bridge.bridge-nf-call-arptables"


@dataclass(frozen=True, slots=True)
class Found:
    """``is_fixed``: a permanent entry says so, and nobody is asked."""

    ear: Ear
    is_fixed: bool = False


@dataclass(frozen=True, slots=True)
class Outside:
    """A machine that was not observed takes it: the client from which the trace started."""

    crossings: tuple[Crossing, ...] = ()


@dataclass(frozen=True, slots=True)
class Nobody:
    """Why the packet finds no taker; the columns of a cause."""

    kind: str
    text: str
    at: Place
    key: str | None = None
    vlan: int | None = None


class Call(NamedTuple):
    """``caller`` asks by ``link`` who has ``via``; ``address`` is its own (None: it has none)."""

    caller: Place
    link: str
    via: Address
    address: Address | None


Answer = Found | Outside | Nobody


class Claims:
    """How surely the links of a segment answer for an address: asked once for a snapshot.

    The ``Ether`` keeps each segment and its ears once, so that they are known again by their identity.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: dict[tuple[int, Address, Address | None], tuple[tuple[int, Ear], ...]] = {}
        self._heard: dict[tuple[int, Address, Address | None], Answer] = {}

    def of(self, segment: Segment, call: Call) -> tuple[tuple[int, Ear], ...]:
        """Those that answer at all, with their strength."""
        key = id(segment), call.via, call.address
        found = self._known.get(key)
        if found is None:
            asked = ((self._strength(each, call), each) for each in segment.ears)
            found = self._known[key] = tuple(each for each in asked if each[0])
        return found

    def _strength(self, ear: Ear, call: Call) -> int:
        """How surely this link answers: with an address of its own, for another, or (0) not at all."""
        box = self._world.observed(ear.place)
        if box.by_name[ear.link].noarp:
            return 0
        if call.via.version == 6:
            return answers_ndp(box, ear.link, call.via)
        if ear.is_far and not box.on_subnet(ear.link, call.via):
            return 0
        return answers_arp(box, ear.link, call.via, call.address)

    def heard(self, call: Call, ear: Ear) -> Answer:
        """The kernel looks at the question as at any packet: its source must be plausible."""
        key = id(ear), call.via, call.address
        found = self._heard.get(key)
        if found is None:
            found = self._heard[key] = self._taken(call, ear)
        return found

    def _taken(self, call: Call, ear: Ear) -> Answer:
        there = self._world.observed(ear.place)
        if call.address is None or call.address.version != call.via.version:
            return Found(ear)
        if call.via.version == 4 and (filtering := self._filtering_arp(call, ear)):
            text = f"{filtering} filters ARP, which is not modelled"
            return Nobody("unmodelled", text, filtering, "arp")
        refused = refusal(there, Packet(call.address, call.via, "arp"), ear.link)
        if refused is None:
            return Found(ear)
        text = f"ARP for {call.via}: {refused.text}"
        return Nobody(refused.kind, text, there.place, refused.key)

    def _filtering_arp(self, call: Call, ear: Ear) -> Place | None:
        """The first place on the way that has rules of the family arp."""
        bridges = (each.place for each in ear.crossings)
        shown = (e for e in bridges if self._world.observed(e).sysctl(CALL_ARPTABLES) == "1")
        places = (call.caller, *shown, ear.place)
        return next((each for each in places if self._world.observed(each).filters_arp), None)


class Neighbours:
    def __init__(
        self, world: World, ether: Ether, claims: Claims, client: Client | None, journey: Journey
    ) -> None:
        self._world = world
        self._ether = ether
        self._claims = claims
        self._client = client
        self._journey = journey
        self._two_sides = TwoSides(world, ether)

    def find(self, box: Box, oif: str, via: Address, packet: Packet) -> Answer:
        """Who takes a packet for ``via``."""
        segment = self._ether.segment(box.place, oif)
        mine = self._to_the_client(box, oif, via, segment, packet)
        if mine is not None:
            return mine
        call = Call(box.place, oif, via, asks_from(box, oif, via, packet.source))
        fixed = self._fixed(box, call, segment)
        if fixed is not None:
            return fixed
        found = self._deaf(box, call) or self._answering(call, segment, box)
        further = self._leads_on(segment, packet) if isinstance(found, Nobody) else None
        return self._or_as_remembered(box, call, segment, further or found)

    def _deaf(self, box: Box, call: Call) -> Nobody | None:
        """Who cannot hear an answer: it comes up at the bridge, or is not believed (ndisc_recv_na)."""
        master = box.master(box.by_name[call.link]) if call.link in box.by_name else None
        if master is not None and master.kind == "bridge":
            text = f"{call.link} is a port of {master.name}, which takes the answer of {call.via}"
            return Nobody("neighbour", f"{box.place}: {text}", box.place)
        if call.via.version == 6 and box.holds(call.via, call.link):
            text = f"{call.via} is its own address on {call.link}, and no neighbour's"
            return Nobody("neighbour", f"{box.place}: {text}", box.place)
        return None

    def from_the_wire(self, client: Client, via: Address) -> Answer:
        """Who answers a machine that is only imagined, on the wire of its link."""
        segment = self._ether.wire(client.place, client.entry)
        call = Call(client.place, client.entry, via, client.address)
        return self._answering(call, segment, None)

    def _answering(self, call: Call, segment: Segment, box: Box | None) -> Answer:
        found = self._claims.of(segment, call)
        heard = sorted(((s, e) for s, e in found if e.refusal is None), key=lambda each: -each[0])
        at_once = [e for s, e in heard if s > PROXY]
        if heard:
            return self._chosen(call, at_once or [e for _, e in heard], box)
        return self._or_as_met(call, segment, self._nobody(call, segment, found))

    def _or_as_met(self, call: Call, segment: Segment, nobody: Nobody) -> Answer:
        """Who has just asked is known, and found; later, when it is asked itself, it is not."""
        asker = self._journey.met.get((call.caller, call.link, call.via))
        ear = segment.by_link.get(asker) if asker else None
        if ear is None or ear.refusal is not None or nobody.kind != "neighbour":
            return nobody
        text = f"{call.via} on {call.link} is known since it asked, and answers nobody"
        ways = (nobody, Found(ear, is_fixed=True))
        return ways[self._journey.pick(Fork(call.caller, text), len(ways))]

    def _chosen(self, call: Call, ears: list[Ear], box: Box | None) -> Answer:
        """One of those who answer: the one whom the caller knows already, else whoever comes first."""
        places = list(dict.fromkeys(each.place for each in ears))
        chosen = ears[0]
        if len(places) > 1:
            known = [each for each in ears if box and self._is_known(box, call, each)]
            fork = Fork(call.caller, f"several machines answer for {call.via}: {', '.join(places)}")
            self._journey.odd[f"{fork.at}: {fork.what}"] = None
            place = known[0].place if known else places[self._journey.pick(fork, len(places))]
            chosen = next(each for each in ears if each.place == place)
        refused = self._two_sides.unanswered(call.caller, call.link, chosen) if box else None
        if refused is not None:
            return _refused(refused)
        if (call.caller, call.link, call.via) in self._journey.met:
            return Found(chosen)
        return self._claims.heard(call, chosen)

    def _is_known(self, box: Box, call: Call, ear: Ear) -> bool:
        mac = self._mac(ear)
        return mac is not None and (call.link, call.via, mac) in box.neighbour_macs

    def _mac(self, ear: Ear) -> str | None:
        return self._world.observed(ear.place).by_name[ear.link].mac

    def _fixed(self, box: Box, call: Call, segment: Segment) -> Answer | None:
        """A permanent entry of the neighbour table asks nobody."""
        entry = box.permanent.get((call.link, call.via))
        if entry is None:
            return None
        ear = next((e for e in segment.ears if entry.mac and self._mac(e) == entry.mac), None)
        if ear is not None and ear.refusal is None:
            return Found(ear, is_fixed=True)
        text = f"{box.place}: {call.via} is fixed at {entry.mac} on {call.link}, which nobody has"
        return self._nobody(call, segment, [(OWN, ear)] if ear else [], text)

    def _or_as_remembered(self, box: Box, call: Call, segment: Segment, asked: Answer) -> Answer:
        """An entry that names somebody else counts for some seconds more: then whoever answers does."""
        entry = box.remembered.get((call.link, call.via))
        if entry is None or isinstance(asked, Outside) or segment.blind:
            return asked
        there = [each for each in segment.ears if self._mac(each) == entry.mac]
        if isinstance(asked, Found) and (
            self._mac(asked.ear) == entry.mac or asked.ear.place in {e.place for e in there}
        ):
            return asked
        if isinstance(asked, Nobody) and (asked.kind != "neighbour" or not there):
            return asked
        known = next((Found(e, is_fixed=True) for e in there if e.refusal is None), None)
        states = "/".join(entry.states)
        text = f"{box.place}: {call.via} is still known at {entry.mac} on {call.link} ({states})"
        fork = Fork(box.place, text.removeprefix(f"{box.place}: "))
        ways = (asked, known or Nobody("neighbour", f"{text}, which nobody has", box.place))
        return ways[self._journey.pick(fork, len(ways))]

    def _to_the_client(
        self, box: Box, oif: str, via: Address, segment: Segment, packet: Packet
    ) -> Outside | None:
        client = self._client
        if client is None:
            return None
        at_its_link = (box.place, oif) == (client.place, client.link)
        if at_its_link and client.is_behind and packet.destination == client.address:
            return Outside()
        if via != client.address:
            return None
        way = self._way(client, segment)
        return Outside(way or ()) if at_its_link or way is not None else None

    def _way(self, client: Client, segment: Segment) -> tuple[Crossing, ...] | None:
        """The bridges between this segment and the client; None when it does not hear it."""
        for each in segment.exits:
            if (each.place, each.link, each.tags) == (client.place, client.entry, ()):
                return each.crossings
        for ear in segment.ears:
            if (ear.place, ear.link) == (client.place, client.link) and ear.refusal is None:
                return ear.crossings
        return None

    def _leads_on(self, segment: Segment, packet: Packet) -> Outside | None:
        """A gateway that was not observed sends on to the client, as it sent the client's packet here."""
        client = self._client
        if client is None or packet.destination != client.address or not segment.exits:
            return None
        way = self._way(client, segment)
        return None if way is None else Outside(way)

    def _blame(
        self, call: Call, refused: Sequence[tuple[int, Ear]], *, is_sure: bool
    ) -> Refusal | None:
        """Whoever has the address itself comes before those who would answer for another link."""
        return (
            first(each.refusal for strength, each in refused if strength == OWN)
            or self._two_sides.astray(call.caller, call.link, call.via, is_sure=is_sure)
            or first(each.refusal for _, each in refused)
        )

    def _nobody(
        self,
        call: Call,
        segment: Segment,
        refused: Sequence[tuple[int, Ear]],
        text: str | None = None,
    ) -> Nobody:
        blame = self._blame(call, refused, is_sure=not segment.exits)
        where = f"{call.caller}: {call.via} on {call.link}"
        if segment.blind:
            return Nobody("unmodelled", f"{where}: {segment.blind[0]}", call.caller, str(call.via))
        if blame is not None:
            return _refused(blame)
        if segment.exits:
            text = f"{where} is a machine that was not observed"
            return Nobody("unmodelled", text, call.caller, str(call.via))
        text = text or f"{call.caller}: nobody on {call.link} answers for {call.via}"
        return Nobody("neighbour", text, call.caller)


def _refused(refusal: Refusal) -> Nobody:
    return Nobody(refusal.kind, refusal.text, refusal.place, refusal.link, refusal.vlan)
