"""The host translates the source of packets that should keep it, on their way to the containers or from them.

Seen as: every client looks like the host in the containers' logs, and rules there that name clients do not match; or
answers go to an address that nobody has.

Look, on the host:

    iptables-save -t nat; nft list ruleset
    lxc network get lxdbr0 ipv4.nat

Why: a masquerade that names neither source nor output interface takes whatever the host forwards, the routed
networks too. `ipv4.nat` of LXD and Incus covers only the bridge's own subnet, with `ipv4.nat.address` by an
address that somebody must hold. An `ingress` list of homelab's compares sources, and sees the host's.

Fix: leave the routed subnets out of that rule, where it is written. Until then an exemption before it:

    iptables -t nat -I POSTROUTING -d SUBNET -j ACCEPT

Opens: nothing; packets now bear their own addresses, so everything on the way needs a route back.

Undo: the same command with `-D` in place of `-I`.
"""

from collections.abc import Iterator

from homelab.checks.fault import Fault, Told, by_network
from homelab.checks.lab import best_route, command
from homelab.checks.seen import Group, Seen
from homelab.model.finding import Case, Finding, Fix, Judgement
from homelab.model.place import HOST, Network, guest_of
from homelab.model.trace import Hop, Trace

CODE = "host-nat-breaks-source"
STAGE = "postrouting"


def claims(seen: Seen) -> bool:
    """The answer went to the address that the host had put in, and never found its way back from there."""
    source, put_in = seen.trace.source, seen.cause.destination
    apart = seen.place != HOST and seen.is_return and not seen.by_firewall
    if not apart or source is None or put_in in (None, source) or _rewriting(seen.trace) is None:
        return False
    # Where the client itself would be answered no better, the translation is not what is wrong.
    return best_route(seen.here, source) != best_route(seen.here, put_in or source)


def _rewriting(trace: Trace) -> Hop | None:
    """The step at which the host changed the source of a packet that it only forwards."""
    if trace.rewritten_source is None:
        return None
    steps = (
        each
        for each in trace.forward
        if (each.at, each.stage) == (HOST, STAGE) and each.text.startswith("source translated")
    )
    return next(steps, None)


def tells(group: Group) -> Told:
    seen, step = group[0], _rewriting(group[0].trace)
    return Told(
        f"host: it gives packets to {seen.aim} the source {seen.trace.rewritten_source}, and answers to that are lost, "
        f"{seen.cause.text}: {step.text if step else ''}",
        _fix(seen.case, seen.judgement, seen.version),
        at=HOST,
    )


def sees(case: Case) -> Iterator[Finding]:
    for judgement in case.judgements:
        for trace in judgement.traces if judgement.place != HOST else ():
            step = _rewriting(trace)
            if trace.ok and step is not None and judgement.declared:
                yield _finding(case, judgement, trace, step)
                break


def _finding(case: Case, judgement: Judgement, trace: Trace, step: Hop) -> Finding:
    place, name = judgement.place, judgement.name.network
    return Finding(
        CODE,
        "warning",
        HOST,
        f"host: {name} of {guest_of(place) or place} sees {trace.rewritten_source} instead of {trace.source}: {step.text}",
        fix=_fix(case, judgement, trace.target.address.version),
        affects=(judgement.name,),
    )


def _fix(case: Case, judgement: Judgement, version: int) -> Fix:
    subnets = [each for each in judgement.subnets if each.version == version]
    return Fix(
        f"leave {', '.join(map(str, subnets))} out of the host's source NAT",
        commands=tuple(_exempted(case, each) for each in subnets),
    )


def _exempted(case: Case, subnet: Network) -> str:
    tool = "ip6tables" if subnet.version == 6 else "iptables"
    words = ("-t", "nat", "-I", "POSTROUTING", "-d", str(subnet), "-j", "ACCEPT")
    return command(case, HOST, tool, *words)


FAULT = Fault(CODE, "the host's NAT hides who asks", __doc__, claims, tells, by_network, sees)
