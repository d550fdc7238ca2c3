"""The guest's iptables drops frames that only cross one of its bridges.

Seen as: two machines on one bridge of the guest, neighbours by their addresses, do not reach each other, or one way
only; the counters of FORWARD grow though nothing is routed.

Look, in the guest:

    sysctl net.bridge.bridge-nf-call-iptables net.bridge.bridge-nf-call-ip6tables
    iptables-save -c -t filter

Why: with br_netfilter every frame that crosses a bridge passes iptables as if it were routed, with the bridge as
both input and output interface. dockerd loads the module and switches it on. A policy or a rule that was
meant for routed packets then meets bridged ones too (kernel, ip-sysctl, bridge-nf-call-iptables).

Fix: an accept of ours for those addresses, before the drop. Where nothing depends on it, neither
`enable_icc=false` nor a published port reached from the same network, the key itself can go:

    sysctl -w net.bridge.bridge-nf-call-iptables=0

Opens: every port of those addresses, for whoever is on the bridge, and for whoever has a route to them.

Undo: `homelab destroy`, or delete the rule with the comment `homelab:…` from the chain HOMELAB.
"""

from homelab.checks.advice import accept_fix, evidence, firewall_fix, way_of
from homelab.checks.fault import Fault, Told
from homelab.checks.seen import Group, Seen, aims

CODE = "guest-br-netfilter"
OWN_KNOB = ("ufw", "firewalld")


def claims(seen: Seen) -> bool:
    return seen.in_guest and seen.is_bridged and seen.by_firewall


def explained(group: Group) -> str:
    seen = group[0]
    return (
        f"{seen.at}: {way_of(seen)} {aims(group)} only cross bridge {seen.bridge}, and br_netfilter shows them "
        f"to iptables, which drops them, {evidence(seen)}"
    )


def tells(group: Group) -> Told:
    own = not group[0].by_iptables or group[0].cause.owner in OWN_KNOB
    return Told(explained(group), (firewall_fix if own else accept_fix)(group, CODE))


FAULT = Fault(CODE, "a guest's iptables drops bridged frames", __doc__, claims, tells)
