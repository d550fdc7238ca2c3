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

from homelab.checks.fault import Fault
from homelab.checks.lab import command
from homelab.model.finding import Case, Finding, Fix, NetworkName
from homelab.model.trace import Cause, Large, Outcome

CODE = "mtu-black-hole"
FIREWALL = ("rule", "policy")

Hole = tuple[str, str, str]


def sees(case: Case) -> Iterator[Finding]:
    holes: dict[Hole, tuple[Large, Cause, list[NetworkName]]] = {}
    for judgement in case.judgements:
        for trace in judgement.traces:
            large = trace.large
            if large is None or large.cause is None or large.outcome is not Outcome.DROPPED:
                continue
            cause = large.cause
            key = cause.at, cause.key or "", cause.direction
            _, _, names = holes.setdefault(key, (large, cause, []))
            names.append(judgement.name)
    for large, cause, names in holes.values():
        affects = tuple(dict.fromkeys(names))
        yield Finding(
            CODE, "error", cause.at, _told(large, cause), cause, _fix(case, large, cause), affects
        )


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
