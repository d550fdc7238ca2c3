"""Short packets pass and long ones vanish: a link on the way is narrower, and their sender is not told.

Seen as: ping answers, a TCP connection opens, and then a page, a login or a transfer hangs. It may hit one
direction only, and clients with another MTU not at all.

Look, from the client; 1472 and the headers are 1500 bytes:

    ping -M do -s 1472 ADDRESS
    tracepath ADDRESS

Why: packets go out with the mark "do not fragment". A router that cannot send one on says so (ICMP fragmentation
needed, in IPv6 packet too big), and the sender uses shorter ones (RFC 1191, RFC 8201). Where a firewall drops
that message, or it has no way back, nobody learns anything (RFC 2923). A bridge, and the far end of a
veth pair, drop what is too long for them and say nothing at all. Docker gives its bridges 1500 bytes,
whatever the guest's NIC carries.

Fix: let the message pass, if a rule drops it. Else give both ends of the narrow link the same MTU; or give the Docker
network that of the narrowest link, with the option `com.docker.network.driver.mtu`, for then TCP agrees on
shorter packets when it connects. Where neither can be done, lower the MSS of connections at the narrow link:

    iptables -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu

Opens: nothing. A rule that accepts these messages lets errors of ICMP pass, and no connection.

Undo: take the rule out again, set the MTU to what it was.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from homelab.checks.fault import Fault
from homelab.checks.lab import command
from homelab.model.finding import Case, Finding, Fix, NetworkName
from homelab.model.trace import Cause, Large, Outcome

CODE = "mtu-black-hole"
FIREWALL = ("rule", "policy")


def sees(case: Case) -> Iterator[Finding]:
    return (told(case, CODE, hole) for hole in holes(case) if not is_for_tags(case, hole.cause))


@dataclass(frozen=True, slots=True)
class Hole:
    """Where large packets vanish, and the networks whose packets do."""

    large: Large
    cause: Cause
    names: tuple[NetworkName, ...]


def holes(case: Case) -> Iterator[Hole]:
    """Each once, in the order of the judgements."""
    found: dict[tuple[str, str, str], Hole] = {}
    for judgement in case.judgements:
        for trace in judgement.traces:
            large = trace.large
            if large is None or large.cause is None or large.outcome is not Outcome.DROPPED:
                continue
            key = large.cause.at, large.cause.key or "", large.cause.direction
            known = found.get(key, Hole(large, large.cause, ()))
            names = tuple(dict.fromkeys((*known.names, judgement.name)))
            found[key] = replace(known, names=names)
    yield from found.values()


def is_for_tags(case: Case, cause: Cause) -> bool:
    """Whether the link that is too small is one of a VLAN: see vlan-mtu."""
    here = case.snapshot.namespace(cause.at)
    links = here.links if here else ()
    small = next((each for each in links if each.name == cause.key), None)
    if small is None:
        return False
    above = (e for e in links if e.kind == "vlan" and e.peer == small.index)
    tagged = any(not each.untagged for each in small.vlans)
    return small.kind == "vlan" or tagged or next(above, None) is not None


def told(case: Case, code: str, hole: Hole) -> Finding:
    large, cause = hole.large, hole.cause
    fix = _fix(case, large, cause)
    return Finding(code, "error", cause.at, _told(large, cause), cause, fix, hole.names)


def _told(large: Large, cause: Cause) -> str:
    why = "what drops them there sends no message"
    if large.silence is not None:
        why = f"the message about it is lost: {large.silence.text}"
    return f"{cause.text}, so transfers hang though ping answers; {why}"


def _fix(case: Case, large: Large, cause: Cause) -> Fix:
    silence = large.silence
    if silence is None:
        text = f"give {cause.key} of {cause.at} the MTU of the link that it belongs to"
        wide = command(
            case, cause.at, "ip", "link", "set", "dev", cause.key or "", "mtu", str(large.size)
        )
        return Fix(text, commands=(wide,))
    text = f"lower the MSS of connections that pass {cause.key} of {cause.at}"
    if silence.kind in FIREWALL:
        text = f"accept ICMP errors in {silence.at} before {silence.rule}, or " + text
    return Fix(text, commands=(_clamp(case, cause),))


def _clamp(case: Case, cause: Cause) -> str:
    tool = "ip6tables" if cause.family == "ip6" else "iptables"
    syn = ("-p", "tcp", "--tcp-flags", "SYN,RST", "SYN")
    target = ("-j", "TCPMSS", "--clamp-mss-to-pmtu")
    return command(case, cause.at, tool, "-t", "mangle", "-A", "FORWARD", *syn, *target)


FAULT = Fault(CODE, "long packets vanish where short ones pass", __doc__, sees=sees)
