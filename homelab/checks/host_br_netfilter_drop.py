"""The host's iptables drops frames that only cross its bridge, between guests or between a guest and the LAN.

Seen as: guests on one bridge reach the host and not each other, or a guest on the uplink's bridge loses the LAN; it
begins when Docker, Kubernetes or libvirt is installed on the host.

Look, on the host:

    sysctl net.bridge.bridge-nf-call-iptables net.bridge.bridge-nf-call-ip6tables
    iptables-save -c -t filter

Why: br_netfilter, which Docker loads, makes bridged frames pass iptables as if they were routed. The policy DROP
that Docker gives FORWARD, or any other drop there, then ends traffic that never was to be routed; see
seapath issue 909.

Fix: an accept of ours for the subnet, both ways, before the drop. On a host whose Docker does not need it, the
keys can be switched off instead, for all bridges:

    sysctl -w net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0

Opens: every port of every container of that subnet, for whoever is on that bridge or is routed by the host.

Undo: `homelab destroy`, or delete the rules with the comment `homelab:…` from the chain HOMELAB.
"""

from homelab.checks.advice import accept_fix, firewall_fix
from homelab.checks.fault import Fault, Told
from homelab.checks.guest_br_netfilter import OWN_KNOB, explained
from homelab.checks.seen import Group, Seen

CODE = "host-br-netfilter-drop"
RUNTIMES = ("lxd", "incus")


def claims(seen: Seen) -> bool:
    return (
        seen.on_host and seen.is_bridged and seen.by_firewall and seen.cause.owner not in RUNTIMES
    )


def tells(group: Group) -> Told:
    own = not group[0].by_iptables or group[0].cause.owner in OWN_KNOB
    return Told(explained(group), (firewall_fix if own else accept_fix)(group, CODE))


FAULT = Fault(CODE, "the host's iptables drops bridged frames", __doc__, claims, tells)
