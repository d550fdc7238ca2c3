"""The first witness: which counters a probe must move on its way, and which of them it did move."""

from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Sequence

from homelab.model.place import Place
from homelab.model.proof import KERNEL, LINK, Count, Counter, Counts, Evidence, Wanted
from homelab.model.trace import Cause, Trace

MOST_READS = 32
"""How many reads there are at most before the probes, and as many after them."""

# ip_rcv_finish and fib_validate_source (IPReversePathFilter), ip_error and ip6_pkt_drop (InNoRoutes,
# InAddrErrors), ip_route_output (OutNoRoutes), ip_forward and ip6_forward: net/ipv4, net/ipv6.
_SYSCTLS = {
    ("ip", "rp_filter"): ("TcpExtIPReversePathFilter",),
    ("ip", "forwarding"): ("IpInAddrErrors",),
    ("ip", "ip_forward"): ("IpInAddrErrors",),
    ("ip6", "forwarding"): ("Ip6InAddrErrors", "Ip6InDiscards"),
    ("ip6", "force_forwarding"): ("Ip6InAddrErrors", "Ip6InDiscards"),
}
_ROUTES = {
    "ip": ("IpExtInNoRoutes", "IpInAddrErrors", "IpOutNoRoutes"),
    "ip6": ("Ip6InNoRoutes", "Ip6InAddrErrors", "Ip6OutNoRoutes"),
}


def wanted(traces: Iterable[Trace], *, way: bool = True) -> tuple[Wanted, ...]:
    """What to read, for what ended the packets and, with ``way``, in each place of their paths."""
    found: dict[Wanted, None] = {}
    for trace in traces:
        if trace.cause is not None:
            found |= dict.fromkeys(_of_cause(trace.cause))
        if way:
            found |= {Wanted(counter.at, ""): None for counter in _way(trace)}
    return tuple(found)[:MOST_READS]


def _of_cause(cause: Cause) -> Iterator[Wanted]:
    rule = _rule(cause)
    if rule is not None:
        yield Wanted(cause.at, rule.source, (cause.table or "") if rule.source != "nft" else "")
    elif _kernel(cause):
        yield Wanted(cause.at, "")


def _rule(cause: Cause) -> Counter | None:
    """The counter of the rule or policy that ended the packet, if such a one has a counter."""
    if cause.kind not in ("rule", "policy") or cause.tool is None or cause.rule is None:
        return None
    if cause.tool != "nft":
        return Counter(cause.at, cause.tool, f"{cause.table}: {cause.rule}")
    if cause.handle is None:
        return None
    where = f"{cause.family} {cause.table} {cause.chain}"
    return Counter(cause.at, "nft", f"{where} handle {cause.handle}")


def _kernel(cause: Cause) -> tuple[Counter, ...]:
    family = cause.family or ""
    if cause.kind == "sysctl":
        names = _SYSCTLS.get((family, (cause.key or "").rpartition(".")[2]), ())
    else:
        names = _ROUTES.get(family, ()) if cause.kind == "route" else ()
    return tuple(Counter(cause.at, KERNEL, each) for each in names)


def _way(trace: Trace) -> tuple[Counter, ...]:
    """The links that the packet passes, there and back, each in the order of its path."""
    steps: dict[tuple[str, Place, str], None] = {}
    for direction, hops in (("forward", trace.forward), ("return", trace.back)):
        # A frame from port to port of a bridge is not counted by the bridge itself (br_forward.c).
        for hop in (each for each in hops if not each.stage.startswith("bridge")):
            if hop.iif:
                steps[direction, hop.at, f"in {hop.iif}"] = None
            if hop.oif:
                steps[direction, hop.at, f"out {hop.oif}"] = None
    return tuple(Counter(at, LINK, name) for _, at, name in steps)


def evidence_of(
    traces: Sequence[Trace], each: int, before: Counts, after: Counts
) -> tuple[Evidence, ...]:
    """For each trace what was counted, when ``each`` probes were sent for every one of them."""
    sent = Tally(counter for trace in traces for counter in (*_way(trace), *_causes(trace)))
    return tuple(
        Evidence(
            _count_of_cause(trace, sent, each, before, after),
            tuple(_until_missing(_counts(_way(trace), sent, each, before, after))),
        )
        for trace in traces
    )


def _causes(trace: Trace) -> tuple[Counter, ...]:
    if trace.cause is None:
        return ()
    rule = _rule(trace.cause)
    return (rule,) if rule is not None else _kernel(trace.cause)


def _counts(
    counters: Iterable[Counter], sent: Tally[Counter], each: int, before: Counts, after: Counts
) -> Iterator[Count]:
    for counter in counters:
        if counter in before and counter in after:
            yield Count(counter, before[counter], after[counter], sent[counter] * each)


def _until_missing(counts: Iterable[Count]) -> Iterator[Count]:
    for count in counts:
        yield count
        if not count.counted:
            return


def _count_of_cause(
    trace: Trace, sent: Tally[Counter], each: int, before: Counts, after: Counts
) -> Count | None:
    """A rule of its own that did not count is telling; the kernel may count a drop elsewhere, or nowhere."""
    counts = list(_counts(_causes(trace), sent, each, before, after))
    if trace.cause is not None and trace.cause.kind == "rule":
        return next(iter(counts), None)
    # iptables-nft makes its chains without counters: their policies stay at [0:0].
    return next((count for count in counts if count.after != count.before), None)
