"""What contradicts itself in a guest's NIC."""

from collections.abc import Iterator

from homelab.load.document import GuestDocument
from homelab.load.problem import Problem
from homelab.load.written import Written, host_of, nic_addresses, vlan_subnets

_ON = ("network", "bridge", "macvlan", "card")


def nic_problems(written: Written, name: str, guest: GuestDocument) -> Iterator[Problem]:
    nic = guest.nic
    spot = written.at("guests", name, "nic")
    said = [each for each in _ON if getattr(nic, each) is not None]
    if said == ["network", "bridge"]:
        yield spot("a NIC is on a managed network or on a bridge; take one of them out", "bridge")
    elif len(said) > 1:
        yield spot(f"a NIC is on one of {', '.join(said)}; take the others out", said[1])
    vlans = ([] if nic.vlan is None else [nic.vlan], *([each] for each in nic.tagged))
    if any(vlans) and not said:
        yield spot("a VLAN needs a bridge of the host; write `bridge: br0` beside it", "vlan")
    if nic.tagged and said and said[0] in ("macvlan", "card"):
        yield spot(f"a {said[0]} has one VLAN; give it further NICs for others", "tagged")
    if nic.spoof_check is not None and said[:1] == ["macvlan"]:
        yield spot("a macvlan has no spoof check; take it out", "spoof_check")
    if nic.vlan is not None:
        yield from written.unknown("vlans", "guests", name, "nic", "vlan", name=nic.vlan)
        yield from _in_vlan(written, name, guest, nic.vlan)
    for index, each in enumerate(nic.tagged):
        yield from written.unknown("vlans", "guests", name, "nic", "tagged", index, name=each)


def _in_vlan(written: Written, name: str, guest: GuestDocument, vlan: str) -> Iterator[Problem]:
    document = written.document
    found, host = document.vlans.get(vlan), document.hosts.get(host_of(guest, document) or "")
    spot = written.at("guests", name, "nic")
    if found is None:
        return
    if host is not None and vlan not in host.vlans:
        yield spot(
            f"host {host_of(guest, document)} has no vlan {vlan}; add it to the host's `vlans`",
            "vlan",
        )
    for address in nic_addresses(guest):
        for subnet in vlan_subnets(found):
            if subnet.version == address.version and address not in subnet:
                yield spot(
                    f"{address} is not in {subnet}, the subnet of vlan {vlan}; write one of it"
                )
