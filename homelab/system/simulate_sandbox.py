"""The network namespace of a container as it is made: a loopback, and nothing else yet."""

from dataclasses import replace
from ipaddress import ip_interface

from homelab.model.kernel import (
    DEFAULT,
    LOCAL,
    MAIN,
    Link,
    LinkAddress,
    Namespace,
    NextHop,
    PolicyRule,
    Route,
)
from homelab.model.snapshot import Snapshot
from homelab.system.simulate_links import free_inode

_STANDARD = tuple(
    PolicyRule(priority, family, table=table)
    for family, rules in (
        (4, ((0, LOCAL), (32766, MAIN), (32767, DEFAULT))),
        (6, ((0, LOCAL), (32766, MAIN))),
    )
    for priority, table in rules
)
_SILENT = "the container does not run yet: what it will listen on is not known"


def new_sandbox(snapshot: Snapshot) -> Namespace:
    """A namespace with nothing but its loopback; its sysctls are those of another container."""
    others = (each for place, each in snapshot.namespaces.items() if place.startswith("container:"))
    other = next(others, Namespace())
    sysctls = {
        key: value
        for key, value in other.sysctls.items()
        if not any(f".conf.{each.name}." in key for each in other.links if not each.loopback)
    }
    loopback = Link(1, "lo", mtu=65536, operstate="UNKNOWN", loopback=True)
    bare = Namespace(
        inode=free_inode(snapshot),
        links=(loopback,),
        addresses=(LinkAddress("lo", ip_interface("127.0.0.1/8"), "host"),),
        rules=_STANDARD,
        sysctls=sysctls,
        unread={"sockets": _SILENT},
    )
    local = Route(
        ip_interface("127.0.0.1/8").network,
        (NextHop(link="lo"),),
        LOCAL,
        "local",
        "kernel",
        scope="host",
    )
    return replace(bare, routes=(local,))
