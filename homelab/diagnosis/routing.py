"""Which route the kernel would choose: policy rules in order, then the longest prefix of a table.

Facts: ip-rule(8), ip-route(8), net/core/fib_rules.c, net/ipv4/fib_rules.c, net/ipv4/fib_trie.c,
net/ipv6/fib6_rules.c.
"""

from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from homelab.model.kernel import DEFAULT, LOCAL, MAIN, Namespace, NextHop, PolicyRule, Route
from homelab.model.place import Address, Network

LOOPBACK = "lo"
STANDARD = {
    4: ((0, LOCAL), (32766, MAIN), (32767, DEFAULT)),
    6: ((0, LOCAL), (32766, MAIN)),
}
FAILING = ("blackhole", "unreachable", "prohibit")
ENDING = {**{each: each for each in FAILING}, "unmodelled": "unknown"}


class Question(NamedTuple):
    """What is looked up. ``iif`` is ``lo`` for a packet of this place itself."""

    destination: Address
    source: Address | None = None
    iif: str = LOOPBACK
    oif: str | None = None
    mark: int = 0
    protocol: str = ""
    sport: int = 0
    dport: int = 0
    tos: int = 0


class Answer(NamedTuple):
    """``kind`` is the route's type, ``none`` without a route, ``unknown`` when a rule cannot be judged.

    ``hops`` are the next hops that are alive; ``rule`` is the policy rule that decided.
    """

    kind: str
    route: Route | None = None
    hops: tuple[NextHop, ...] = ()
    rule: PolicyRule | None = None

    @property
    def hop(self) -> NextHop | None:
        return self.hops[0] if self.hops else None


@dataclass(slots=True)
class Table:
    """Routes of one table and family by prefix length and network, best metric first."""

    routes: dict[int, dict[int, list[Route]]] = field(default_factory=dict)
    lengths: list[int] = field(default_factory=list)

    def add(self, route: Route) -> None:
        length = route.destination.prefixlen
        if length not in self.routes:
            self.routes[length] = {}
            self.lengths = sorted(self.routes, reverse=True)
        there = self.routes[length].setdefault(int(route.destination.network_address), [])
        insort(there, route, key=lambda each: (each.table != LOCAL, each.metric))

    def matches(self, destination: Address) -> Iterator[Route]:
        """Routes that cover the address, the most specific and cheapest first."""
        number, bits = int(destination), destination.max_prefixlen
        for length in self.lengths:
            masked = number >> (bits - length) << (bits - length)
            yield from self.routes[length].get(masked, ())


class Tables:
    """All routing tables and policy rules of one namespace.

    Until the rules of IPv4 are touched, local and main are one table, in which the longest prefix of
    either wins (fib_trie_unmerge in net/ipv4/fib_trie.c, fib_lookup in include/net/ip_fib.h).
    """

    def __init__(self, here: Namespace) -> None:
        self._links = {each.name for each in here.links}
        self._sysctls = here.sysctls
        self._tables: dict[tuple[int, int], Table] = {}
        self._rules = {family: _rules(here, family) for family in (4, 6)}
        merged = {LOCAL: MAIN} if self._rules[4] == _standard(4) else {}
        for route in here.routes:
            version, number = route.destination.version, route.table
            key = version, merged.get(number, number) if version == 4 else number
            self._tables.setdefault(key, Table()).add(route)
        self._selects = {family: any(map(_selects, self._rules[family])) for family in (4, 6)}
        self._known: dict[tuple[Address, str | None], Answer] = {}
        self._deleted = _deleted(self._rules[6])
        self.is_custom = _is_custom(here, self._rules[4])
        """Whether rules or local routes of IPv4 were set: then a source is looked up in them (fib_validate_source)."""

    def lookup(self, question: Question) -> Answer:
        """The answer; where no rule selects, only the destination and the way out make a difference."""
        if self._selects[question.destination.version]:
            return self._decided(question)
        key = question.destination, question.oif
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._decided(question)
        return found

    def _decided(self, question: Question) -> Answer:
        """The answer of the rules.

        IPv6 goes on without those of its own that were deleted only once another was added, and nobody can
        see whether one was (fib6_has_custom_rules in net/ipv6/fib6_rules.c).
        """
        found = self._first(self._rules[question.destination.version], question)
        if question.destination.version == 4 or not self._deleted:
            return found
        otherwise = self._first(_standard(6), question)
        same = (found.kind, found.route) == (otherwise.kind, otherwise.route)
        return found if same else Answer("unknown", rule=self._deleted[0])

    def _first(self, rules: tuple[PolicyRule, ...], question: Question) -> Answer:
        """The answer of the first rule whose table has one."""
        index = 0
        while index < len(rules):
            rule = rules[index]
            index += 1
            if not _matches(rule, question):
                continue
            if rule.action == "goto":
                # A target that is not there is passed over (fib_rules_lookup); none lies behind.
                ahead = range(index, len(rules))
                index = next((at for at in ahead if rules[at].priority == rule.goto), index)
                continue
            answer = self._ask(rule, question)
            if answer is not None:
                return answer
        return Answer("none")

    def _ask(self, rule: PolicyRule, question: Question) -> Answer | None:
        if rule.action in ENDING:
            return Answer(ENDING[rule.action], rule=rule)
        if rule.action != "lookup" or rule.table is None:
            return None
        table = self._tables.get((question.destination.version, rule.table))
        for route in table.matches(question.destination) if table else ():
            hops = self._alive(route, question.oif)
            if route.kind == "throw":
                return None
            if route.hops and not hops:
                continue
            if _is_suppressed(rule, route):
                return None
            # The groups of links are not in a snapshot.
            kind = "unknown" if rule.suppress_ifgroup else route.kind
            return Answer(kind, route, hops, rule)
        return None

    def _alive(self, route: Route, oif: str | None) -> tuple[NextHop, ...]:
        return tuple(
            each
            for each in route.hops
            if not each.dead
            and (each.link is None or each.link in self._links)
            and (oif is None or each.link == oif or route.kind != "unicast")
            and not (each.linkdown and self._ignores_linkdown(route, each.link))
        )

    def _ignores_linkdown(self, route: Route, link: str | None) -> bool:
        """``ignore_routes_with_linkdown``: of all or of the link, for IPv6 of the link alone."""
        stem = f"net.ipv{route.destination.version}.conf"
        names = ("all", link) if route.destination.version == 4 else (link,)
        keys = (f"{stem}.{each}.ignore_routes_with_linkdown" for each in names)
        return any(self._sysctls.get(each) == "1" for each in keys)


def _rules(here: Namespace, family: int) -> tuple[PolicyRule, ...]:
    rules = [each for each in here.rules if each.family == family]
    return tuple(sorted(rules, key=lambda each: each.priority)) or _standard(family)


def _standard(family: int) -> tuple[PolicyRule, ...]:
    return tuple(PolicyRule(at, family, table=table) for at, table in STANDARD[family])


def _deleted(rules: tuple[PolicyRule, ...]) -> tuple[PolicyRule, ...]:
    """Those of IPv6 that are gone, where there is none but its own."""
    gone = tuple(each for each in _standard(6) if each not in rules)
    return gone if set(rules) <= set(_standard(6)) else ()


def _is_custom(here: Namespace, rules: tuple[PolicyRule, ...]) -> bool:
    """fib_has_custom_local_routes and fib_has_custom_rules of net/ipv4/fib_frontend.c and fib_rules.c."""
    local = (each for each in here.routes if each.kind == "local" and each.protocol != "kernel")
    return rules != _standard(4) or any(each.destination.version == 4 for each in local)


def _selects(rule: PolicyRule) -> bool:
    """Whether the rule looks at more of a question than its destination's routes."""
    selectors = (
        rule.source,
        rule.destination,
        rule.iif,
        rule.oif,
        rule.fwmark,
        rule.tos,
        rule.protocol,
        rule.source_ports,
        rule.destination_ports,
    )
    return any(each is not None for each in selectors)


def _is_suppressed(rule: PolicyRule, route: Route) -> bool:
    limit = rule.suppress_prefixlength
    return limit is not None and route.destination.prefixlen <= limit


def _matches(rule: PolicyRule, question: Question) -> bool:
    """Whether the rule's selector covers the question.

    A packet under the rule ``l3mdev`` comes from a VRF, which the walk does not follow; from elsewhere
    the rule says nothing. Root is who sends, and whom a forwarded packet counts for
    (ip_route_input_slow: sock_net_uid() without a socket).
    """
    if rule.action == "l3mdev":
        return False
    covered = (
        _within(question.source, rule.source)
        and _within(question.destination, rule.destination)
        and rule.iif in (None, question.iif)
        and rule.oif in (None, question.oif)
        and _has_mark(rule, question.mark)
        and rule.tos in (None, 0, question.tos)
        and (rule.uid_range is None or rule.uid_range[0] == 0)
        and _has_protocol(rule, question)
    )
    return covered != rule.inverted


def _within(address: Address | None, network: Network | None) -> bool:
    if network is None:
        return True
    return address is not None and address in network


def _has_mark(rule: PolicyRule, mark: int) -> bool:
    if rule.fwmark is None:
        return True
    mask = 0xFFFFFFFF if rule.fwmask is None else rule.fwmask
    return mark & mask == rule.fwmark & mask


def _has_protocol(rule: PolicyRule, question: Question) -> bool:
    numbers = {"tcp": 6, "udp": 17, "icmp": 1, "icmp6": 58}
    if rule.protocol is not None and rule.protocol != numbers.get(question.protocol):
        return False
    return _in_range(question.sport, rule.source_ports) and _in_range(
        question.dport, rule.destination_ports
    )


def _in_range(port: int, span: tuple[int, int] | None) -> bool:
    return span is None or span[0] <= port <= span[1]


def route_line(answer: Answer, hop: NextHop | None = None) -> str:
    """The route as ``ip route`` prints it; with several next hops all of them, or the one that is given."""
    route = answer.route
    if route is None:
        return "no route"
    words = [] if route.kind == "unicast" else [route.kind]
    words.append("default" if route.destination.prefixlen == 0 else str(route.destination))
    hops = (hop,) if hop else answer.hops
    for each in hops:
        words += ["nexthop"] if len(hops) > 1 else []
        words += ["via", str(each.via)] if each.via else []
        words += ["dev", each.link] if each.link else []
    words += ["metric", str(route.metric)] if route.metric else []
    return " ".join(words)
