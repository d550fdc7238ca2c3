"""One side sends the network's frames with a VLAN tag, and the other expects them without one.

Seen as: both links are up, and each side sees nothing of the other but ARP questions with, or without, a tag:

    tcpdump -e -ni LINK arp

Look at both sides:

    ip -d link show type vlan
    bridge vlan

Why: a VLAN can be "native" on a wire, that is go without a tag, and both ends have to agree which one. A VLAN link
hears only frames with its own tag, an address on the link below it only frames without any. A switch
between two machines may change tags; where one may stand on the way this is a warning only.

Fix: change one side. Where the frames come with a tag, make a VLAN link and move the address there:

    ip link add link LINK name LINK.20 type vlan id 20

Where they come without, move the address to the link below. Where a VLAN-aware bridge sends, its port
may take the tag off: `bridge vlan add dev PORT vid 20 pvid untagged`.

Opens: that VLAN, to that machine.

Undo: `ip link del LINK.20`, and the address back.
"""

from homelab.checks.fault import Fault, Told
from homelab.checks.seen import Group, Seen
from homelab.checks.vlans import Refused, members, refused, told

CODE = "vlan-native-mismatch"


def claims(seen: Seen) -> bool:
    found = refused(seen)
    if found is None or found.is_astray:
        return False
    if found.by_filter:
        return found.vlan == 0 and found.is_trunk and not found.is_bridge
    return found.vlan == 0 or found.link.kind != "vlan"


def tells(group: Group) -> Told:
    found = refused(group[0])
    link, vlan = group[0].cause.key or "", group[0].cause.vlan or 0
    if vlan:
        new = f"{link}.{vlan}"
        return told(
            group,
            f"frames come to {link} with the tag of VLAN {vlan} and are expected without",
            f"make a VLAN link on {link} and move its address there",
            ("ip", "link", "add", "link", link, "name", new, "type", "vlan", "id", str(vlan)),
        )
    own = _expected(found) if found else ""
    return told(
        group,
        f"frames come without a tag and {link} expects that of VLAN {own}",
        f"let the other side send in VLAN {own}, or let {link} take frames without a tag",
        ("ip", "-d", "link", "show", "dev", link),
    )


def _expected(found: Refused) -> str:
    """The VLANs whose tags the link takes."""
    return str(found.own_vlan or ", ".join(map(str, sorted(members(found.link)))))


FAULT = Fault(CODE, "tagged on one side, untagged on the other", __doc__, claims, tells)
