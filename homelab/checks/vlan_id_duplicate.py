"""Two VLAN links of one machine have the same id on different parents, and packets leave by the wrong one.

Seen as: both links are up, and neighbours answer on one of them only; the route names the other.

Look, in the place that is named:

    ip -d link show type vlan
    ip route get ADDRESS

Why: the kernel refuses a second link for the same id on the same parent, and not on another one. When a NIC goes
into a bridge and a VLAN link is made on the bridge, the old one on the NIC often stays, with
its address and route: of two equal routes the first wins.

Fix: take out the one that leads nowhere:

    ip link del LINK

Opens: nothing.

Undo: `ip link add link PARENT name LINK type vlan id 20`, and its address.
"""

from homelab.checks.fault import Fault, Told
from homelab.checks.seen import Group, Seen
from homelab.checks.vlans import Refused, refused, told, vlan_id
from homelab.model.kernel import Link

CODE = "vlan-id-duplicate"


def claims(seen: Seen) -> bool:
    found = refused(seen)
    return found is not None and found.is_astray and _other(found) is not None


def _other(found: Refused) -> Link | None:
    """Another VLAN link of the place with the same id."""
    here = found.seen.here.links if found.seen.here else ()
    alike = (e for e in here if e.kind == "vlan" and e.name != found.link.name)
    return next((each for each in alike if vlan_id(each) == found.own_vlan), None)


def tells(group: Group) -> Told:
    found = refused(group[0])
    other = _other(found) if found else None
    link, vlan = group[0].cause.key or "", group[0].cause.vlan
    return told(
        group,
        f"VLAN {vlan} is on {link} and on {other.name if other else 'another link'}, and {link} is the wrong one",
        f"take out {link}",
        ("ip", "link", "del", link),
    )


FAULT = Fault(CODE, "one VLAN on two links of a machine", __doc__, claims, tells)
