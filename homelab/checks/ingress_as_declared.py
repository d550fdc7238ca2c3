"""Homelab itself keeps the packet out, because the inventory says so.

Seen as: the network answers to those whom its `ingress` lists, and to nobody else.

Look, in the guest, at the chain of that network:

    nft list table inet homelab

Why: `ingress: none` or a list of sources and ports is enforced by a chain of homelab's own in the guest, before
Docker's rules. Its drop is final, whatever Docker accepts. Nothing is wrong; the finding only says why the
packet does not arrive.

Fix: none is needed. If somebody is missing, add the source or the port to `ingress` in the inventory,
and run

    homelab plan
    homelab apply

Opens: what you add to the list.

Undo: take it out of the list, and apply again.
"""

from homelab.checks.advice import evidence
from homelab.checks.fault import Fault, Told
from homelab.checks.seen import Group, Seen, aims
from homelab.model.finding import Fix

CODE = "ingress-as-declared"


def claims(seen: Seen) -> bool:
    return seen.by_firewall and seen.cause.owner == "homelab"


def tells(group: Group) -> Told:
    seen = group[0]
    return Told(
        f"{seen.at}: homelab's own filter keeps {seen.cause.source or seen.trace.origin} out of "
        f"{aims(group)}, as the inventory declares, {evidence(seen)}",
        Fix("add the source to the network's `ingress` in the inventory, if it shall get in"),
        severity="info",
    )


FAULT = Fault(CODE, "closed, as the inventory declares", __doc__, claims, tells)
