"""A packet that did not come back, with all that a check may ask of it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

from homelab.model.docker import LABEL, Daemon, DockerNetwork
from homelab.model.finding import Case, Judgement
from homelab.model.inventory import ContainerNetwork, Ingress
from homelab.model.kernel import Namespace
from homelab.model.place import HOST, LAN, ROUTER, Address, Network, Place
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Cause, Outcome, Trace

FIREWALL = ("rule", "policy")


@dataclass(frozen=True, slots=True)
class Seen:
    """One failed trace of one judgement; its cause always says something."""

    case: Case
    judgement: Judgement
    trace: Trace
    cause: Cause

    @property
    def snapshot(self) -> Snapshot:
        return self.case.snapshot

    @property
    def target(self) -> Address:
        return self.trace.target.address

    @property
    def version(self) -> int:
        return self.target.version

    @property
    def at(self) -> Place:
        return self.cause.at

    @property
    def place(self) -> Place:
        """Where the judged network's Docker runs."""
        return self.judgement.place

    @property
    def is_return(self) -> bool:
        return self.cause.direction == "return"

    @property
    def is_certain(self) -> bool:
        return self.trace.outcome is not Outcome.UNKNOWN

    @property
    def in_guest(self) -> bool:
        return self.at == self.place or self.at.startswith("guest:")

    @property
    def in_container(self) -> bool:
        """In a lab without a daemon it is the named namespace that has the address."""
        if self.at == self.place or not self.at.startswith("netns:") or self.here is None:
            return self.at.startswith("container:")
        return self.target in {each.interface.ip for each in self.here.addresses}

    @property
    def on_host(self) -> bool:
        return self.at == HOST and self.place != HOST

    @property
    def router(self) -> Place:
        """Where the LAN's packets come in, if not at the host: it need not be called so."""
        entry = next((each.at for each in self.trace.forward if each.at != LAN), HOST)
        return entry if self.trace.origin == LAN and entry != HOST else ROUTER

    @property
    def on_router(self) -> bool:
        return self.at == self.router

    @property
    def by_firewall(self) -> bool:
        return self.cause.kind in FIREWALL

    @property
    def by_iptables(self) -> bool:
        """A rule or policy of iptables' own tables, where an accept in front of it counts."""
        return self.by_firewall and self.cause.tool != "nft"

    @property
    def by_forward_policy(self) -> bool:
        policy = self.cause.kind == "policy" and self.by_iptables
        return policy and self.cause.chain == "FORWARD"

    @property
    def is_bridged(self) -> bool:
        """Whether it was a frame on its way across a bridge, shown to iptables by br_netfilter."""
        here = self.cause.iif, self.cause.oif
        crossing = self.cause.family != "bridge" and self.cause.stage.startswith("bridged")
        return crossing and any(here)

    @property
    def bridge(self) -> str:
        """The bridge that such a frame crossed."""
        return self.cause.iif or self.cause.oif or ""

    @property
    def within_bridge(self) -> bool:
        """From one of the judged Docker's bridges back into it."""
        name = self.cause.iif
        names = {each.bridge for each in (self.daemon.networks if self.daemon else ())}
        return name == self.cause.oif and name in names

    @property
    def here(self) -> Namespace | None:
        """The namespace in which the packet ended."""
        return self.snapshot.namespace(self.at)

    @property
    def daemon(self) -> Daemon | None:
        return self.snapshot.daemons.get(self.place)

    @property
    def network(self) -> DockerNetwork | None:
        """The judged network as Docker describes it."""
        found = self.daemon.networks if self.daemon else ()
        return next((each for each in found if each.name == self.judgement.name.network), None)

    @property
    def declared(self) -> ContainerNetwork | None:
        """The judged network as the inventory has it."""
        name = f"{self.judgement.name.guest}/{self.judgement.name.network}"
        return next((each for each in self.case.inventory.networks if each.full_name == name), None)

    @property
    def is_ours(self) -> bool:
        """Whether homelab made the network, by its label."""
        return self.network is not None and LABEL in self.network.labels

    @property
    def is_wanted(self) -> bool:
        """Whether `homelab apply` looks after the network."""
        return self.is_ours or (self.declared is not None and self.declared.managed)

    @property
    def is_unwanted(self) -> bool:
        """Whether the inventory wants this network closed: then nothing is wrong, or to be opened."""
        closed = self.declared is not None and self.declared.ingress is Ingress.NONE
        return closed and not self.is_request_of_its_own

    @property
    def is_request_of_its_own(self) -> bool:
        """Whether the judged network asked somebody else, and waits for the answer."""
        source = self.trace.source
        asks = any(source in each for each in self.judgement.subnets if source is not None)
        return asks and self.is_return

    @property
    def subnet(self) -> Network | None:
        """The judged network's subnet that covers the target."""
        alike = [each for each in self.judgement.subnets if each.version == self.version]
        return next((each for each in alike if self.target in each), next(iter(alike), None))

    @property
    def aim(self) -> str:
        """What the packet was for, in a sentence: the subnet, or the target without one."""
        return str(self.subnet or self.target)

    def reached(self, place: Place) -> bool:
        """Whether the packet came as far as this place on its way there."""
        if any(each.at == place for each in self.trace.forward):
            return True
        return self.is_return or self.at == place


Group: TypeAlias = tuple[Seen, ...]
"""Packets that ended for one and the same reason: never empty."""

SHOWN = 8
NOT_TOLD = "the model gives no reason"


def failures(case: Case) -> Iterator[Seen]:
    """Every packet that was judged and did not come back, and those of expectations that fared so."""
    for judgement in case.judgements:
        for trace in judgement.traces:
            if not trace.ok:
                yield _seen(case, judgement, trace)
    for trial in case.trials:
        for trace in trial.against if trial.expectation.outcome is Outcome.DELIVERED else ():
            meant = _network_of(case, trace.target.address) or _asking(case, trace)
            if meant is not None:
                yield _seen(case, replace(meant, reachable=False), trace)


def _asking(case: Case, trace: Trace) -> Judgement | None:
    """The judged network whose own request ended on the way back to it."""
    lost = trace.cause is not None and trace.cause.direction == "return"
    return _network_of(case, trace.source) if lost and trace.source is not None else None


def _seen(case: Case, judgement: Judgement, trace: Trace) -> Seen:
    told = Cause(judgement.place, "forward", "", "unmodelled", NOT_TOLD)
    return Seen(case, judgement, trace, trace.cause or told)


def _network_of(case: Case, address: Address) -> Judgement | None:
    """The judged network in which an address lies."""
    alike = (
        each
        for each in case.judgements
        if any(one.version == address.version and address in one for one in each.subnets)
    )
    return next(alike, None)


def networks(group: Group) -> tuple[Seen, ...]:
    """One packet for each network and subnet of a group, in its order."""
    found: dict[object, Seen] = {}
    for each in group:
        found.setdefault((each.judgement.name, each.subnet), each)
    return tuple(found.values())


def aims(group: Group) -> str:
    """What the packets were for; of many the first few, and how many more there are."""
    return listed(each.aim for each in group)


def listed(words: Iterable[str]) -> str:
    every = list(dict.fromkeys(words))
    more = f" and {len(every) - SHOWN} more" if len(every) > SHOWN else ""
    return ", ".join(every[:SHOWN]) + more
