"""Where no route leads on, or nobody can tell: the end of a packet in a place, and the answer to its sender."""

from homelab.diagnosis.box import Box
from homelab.diagnosis.journey import Ended, Journey
from homelab.diagnosis.packet import Packet
from homelab.diagnosis.routing import Answer, route_line
from homelab.model.snapshot import PROTOCOL

# fib_props in net/ipv4/fib_semantics.c and ip_error in net/ipv4/route.c; ip6_pkt_discard and
# ip6_pkt_prohibit in net/ipv6/route.c. A blackhole says nothing.
ANSWERS = {
    4: {
        "none": "icmp-net-unreachable",
        "unreachable": "icmp-host-unreachable",
        "prohibit": "icmp-admin-prohibited",
    },
    6: {
        "none": "icmp6-no-route",
        "unreachable": "icmp6-addr-unreachable",
        "prohibit": "icmp6-adm-prohibited",
    },
}
LEADING = ("unicast", "local", "broadcast", "multicast", "anycast")
NEEDED = ("links", "routes", "rules", "sysctls")
"""Without these of a place, nothing can be said of a packet there."""


def dead_end(
    box: Box, packet: Packet, answer: Answer, journey: Journey, iif: str | None = None
) -> Ended | None:
    """The end when no route leads on; None when one does."""
    if answer.kind in LEADING:
        return None
    rule = answer.rule
    if answer.kind == "unknown":
        text = f"{box.place}: ip rule {rule.priority if rule else ''} cannot be judged"
        return journey.ended(box.place, "route", "unmodelled", text, packet, key="ip rule", iif=iif)
    line = route_line(answer) if answer.route else None
    text = f"{box.place} has no route to {packet.destination}"
    if line is not None:
        text = f"{box.place}: {line}, which covers {packet.destination}"
    elif rule is not None:
        line = f"ip rule {rule.priority}: {answer.kind}"
        text = f"{box.place}: an ip rule says {answer.kind}, which covers {packet.destination}"
    return journey.ended(
        box.place,
        "route",
        "route",
        text,
        packet,
        rule=line,
        owner=_owner(answer),
        iif=iif,
        answer=ANSWERS[packet.family].get(answer.kind),
    )


def _owner(answer: Answer) -> str | None:
    """Who wrote the route or rule, as far as its names tell; nobody wrote one that is missing."""
    if answer.route is not None:
        return "homelab" if answer.route.protocol == str(PROTOCOL) else "user"
    return "user" if answer.rule is not None else None


def unread(box: Box, packet: Packet, journey: Journey) -> Ended | None:
    """The end when what decides here was not read."""
    other = f"ipv{10 - packet.family}:"
    for source in NEEDED:
        reason = box.here.unread.get(source)
        if reason is None:
            continue
        # Where one family was read and the other was not, the reason begins with the latter's name.
        read = any(each.destination.version == packet.family for each in box.here.routes)
        if reason.startswith(other) and read:
            continue
        text = f"{box.place}: its {source} were not read: {reason}"
        return journey.ended(box.place, "route", "unmodelled", text, packet, key=source)
    return None


def in_a_vrf(box: Box, packet: Packet, iif: str, journey: Journey) -> Ended | None:
    """The end of what comes in by a link of a VRF (ip-vrf(8)), whose tables and sockets are not followed."""
    link = box.by_name.get(iif)
    master = box.master(link) if link is not None else None
    if master is None or master.kind != "vrf":
        return None
    text = f"{box.place}: {iif} belongs to VRF {master.name}, which is not modelled"
    return journey.ended(box.place, "route", "unmodelled", text, packet, key=master.name, iif=iif)
