"""Tracked connections of one address are forgotten, in one namespace, and no others."""

import os
import socket
import subprocess
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import pytest
from pyroute2.netlink.nfnetlink.nfctsocket import NFCTAttrTuple, NFCTSocket

from homelab.errors import OperationError
from homelab.model.inverse import inverse
from homelab.model.operation import ForgetConnections
from homelab.model.place import netns
from homelab.model.snapshot import Snapshot
from homelab.report.commands import commands
from homelab.system.connections import forget
from homelab.system.doors import Door
from homelab.system.entering import inside
from homelab.system.simulated import simulate

NAME = f"conn-{os.getpid()}"
PLACE = netns(NAME)
DOOR = Door(PLACE, f"/run/netns/{NAME}")
OLD, OTHER, CLIENT = "10.90.1.10", "10.90.1.11", "10.0.0.9"
TCP, UDP, SCTP, ICMP = 6, 17, 132, 1


@pytest.fixture
def tracking() -> Iterator[None]:
    subprocess.run(["ip", "netns", "add", NAME], check=True)
    yield
    subprocess.run(["ip", "netns", "del", NAME], check=True)


def track(one: str, other: str, protocol: int = TCP, answered_by: str | None = None) -> None:
    """An entry of a connection; ``answered_by`` is whom it was translated to."""
    ports = {"sport": 40000, "dport": 80}
    back = {"sport": 80, "dport": 40000}
    if protocol == ICMP:
        ports = {"icmp_id": 7, "icmp_type": 8, "icmp_code": 0}
        back = {"icmp_id": 7, "icmp_type": 0, "icmp_code": 0}
    family = socket.AF_INET6 if ":" in one else socket.AF_INET
    there = NFCTAttrTuple(family=family, saddr=one, daddr=other, proto=protocol, **ports)
    here = NFCTAttrTuple(
        family=family, saddr=answered_by or other, daddr=one, proto=protocol, **back
    )

    def add() -> None:
        with NFCTSocket(nfgen_family=family) as netlink:
            netlink.entry("add", timeout=60, tuple_orig=there, tuple_reply=here)

    inside(DOOR, add)


def tracked() -> set[tuple[str, str, int]]:
    def dumped() -> set[tuple[str, str, int]]:
        return {each for family in (socket.AF_INET, socket.AF_INET6) for each in _seen(family)}

    return inside(DOOR, dumped)


def _seen(family: int) -> Iterator[tuple[str, str, int]]:
    with NFCTSocket(nfgen_family=family) as netlink:
        for each in netlink.dump():
            if each["nfgen_family"] == family:
                found: Any = NFCTAttrTuple.from_netlink(family, each.get_attr("CTA_TUPLE_ORIG"))
                yield str(found.saddr), str(found.daddr), int(found.proto)


@pytest.mark.kernel
@pytest.mark.usefixtures("tracking")
def test_only_connections_of_that_address_are_forgotten() -> None:
    track(CLIENT, OLD)
    track(OLD, CLIENT, UDP)
    track(CLIENT, OLD, ICMP)
    track("10.0.0.8", "10.0.0.2", TCP, answered_by=OLD)
    track(CLIENT, OTHER)
    track(CLIENT, OTHER, UDP)
    assert len(tracked()) == 6

    forget(DOOR, ForgetConnections(PLACE, (ip_address(OLD),)))

    assert tracked() == {(CLIENT, OTHER, TCP), (CLIENT, OTHER, UDP)}
    forget(DOOR, ForgetConnections(PLACE, (ip_address(OLD), ip_address("fd90::1"))))
    assert len(tracked()) == 2


@pytest.mark.kernel
@pytest.mark.usefixtures("tracking")
def test_connections_of_ipv6_are_forgotten_alike() -> None:
    track("fd77::9", "fd90::10")
    track("fd77::9", "fd90::11")

    forget(DOOR, ForgetConnections(PLACE, (ip_address("fd90::10"),)))

    assert tracked() == {("fd77::9", "fd90::11", TCP)}


def test_it_is_typed_and_has_nothing_to_undo() -> None:
    operation = ForgetConnections(PLACE, (ip_address(OLD),))

    assert inverse(operation) == ()
    assert commands(operation, Snapshot())[0] == (f"ip netns exec {NAME} conntrack -D -s {OLD}")
    with pytest.raises(OperationError):
        simulate(Snapshot(), operation)
