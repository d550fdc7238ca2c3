"""One scenario on the real lab: each step is foreseen by the simulation and compared with the lab."""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from homelab.errors import OperationError
from homelab.model.docker import Attachment, Daemon, DockerNetwork, DockerSubnet
from homelab.model.inverse import inverse
from homelab.model.kernel import Namespace
from homelab.model.operation import (
    AddFilterRule,
    ConnectContainer,
    CreateDockerNetwork,
    DisconnectContainer,
    FilterRule,
    IngressFilter,
    Operation,
    RemoveDockerNetwork,
    RestartInstance,
    SetIngressFilter,
    SetInstanceConfig,
    SetInstanceDevice,
    StartContainer,
)
from homelab.model.place import HOST, Place, guest
from homelab.model.snapshot import Snapshot
from homelab.system.live import LiveSystem
from homelab.system.saved_rules import tables
from homelab.system.simulate_places import ruleset
from homelab.system.simulated import simulate

BRIDGE = "br-scratch"
SCRATCH = DockerNetwork(
    "",
    "scratch",
    bridge=BRIDGE,
    subnets=(DockerSubnet(ip_network("10.99.7.0/24"), ip_address("10.99.7.1")),),
    options={
        "com.docker.network.bridge.name": BRIDGE,
        "com.docker.network.bridge.enable_ip_masquerade": "false",
        "com.docker.network.bridge.gateway_mode_ipv4": "nat-unprotected",
    },
    labels={"homelab.network": "x/scratch"},
)
OTHER = replace(
    SCRATCH, name="scratch2", subnets=(DockerSubnet(ip_network("10.99.0.0/16")),), bridge="br-scr2"
)
OTHER = replace(OTHER, options={"com.docker.network.bridge.name": "br-scr2"})


class Driver:
    """A lab, and what it did otherwise than foreseen."""

    def __init__(self, name: str) -> None:
        self.place = guest(name)
        self.system = LiveSystem()
        self.snapshot = self.system.read()
        self.differences: dict[str, Any] = {}

    def run(self, operation: Operation) -> None:
        foreseen = simulate(self.snapshot, operation)
        self.system.run(operation)
        self.snapshot = self.system.read()
        wanted, found = aspects(foreseen, self.place), aspects(self.snapshot, self.place)
        for each in wanted:
            if wanted[each] != found[each]:
                key = f"{type(operation).__name__} {each}"
                self.differences[key] = _difference(wanted[each], found[each])

    def refused(self, operation: Operation) -> str:
        for run in (lambda each: simulate(self.snapshot, each), self.system.run):
            said = _said(run, operation)
        return said


def _said(run: Callable[[Operation], object], operation: Operation) -> str:
    try:
        run(operation)
    except OperationError as error:
        return str(error)
    raise AssertionError(f"{operation} was not refused")


def _difference(wanted: Any, found: Any) -> Any:
    if isinstance(wanted, list) and isinstance(found, list):
        return {
            "foreseen only": [each for each in wanted if each not in found],
            "found only": [each for each in found if each not in wanted],
        }
    return {"foreseen": wanted, "found": found}


def aspects(snapshot: Snapshot, place: Place) -> dict[str, Any]:
    """What an operation on a daemon touches, without ids, counters and names that Docker invents."""
    namespace = snapshot.namespaces[place]
    one = snapshot.instance(place.partition(":")[2])
    return {
        "networks": sorted(map(str, _networks(snapshot.daemons[place]))),
        "attachments": sorted(_attachments(snapshot.daemons[place])),
        "links": sorted(str(each) for each in _links(namespace)),
        "routes": sorted(_routes(namespace)),
        "rules": sorted(_rules(namespace)),
        "ours": "table inet homelab" in ruleset(namespace, "nft"),
        "config": _settings(one.config) if one else None,
        "devices": {name: dict(each) for name, each in one.devices.items()} if one else None,
    }


def _networks(daemon: Daemon) -> Iterator[object]:
    for each in daemon.networks:
        yield each.name, each.bridge, each.subnets, sorted(each.options.items()), dict(each.labels)


def _attachments(daemon: Daemon) -> Iterator[str]:
    for each in daemon.containers:
        for one in each.attachments:
            yield f"{each.name} {each.status} {one.network} {one.ipv4} {one.fixed_ipv4}"


def _links(namespace: Namespace) -> Iterator[object]:
    for each in namespace.links:
        if each.kind == "bridge":
            ports = sum(one.master == each.index for one in namespace.links)
            yield each.name, each.kind, each.up, each.carrier, ports


def _routes(namespace: Namespace) -> Iterator[str]:
    # The kernel tells of a lost carrier up to a second later (net/core/link_watch.c).
    for each in namespace.routes:
        if each.destination.version == 4:
            hops = tuple(replace(hop, linkdown=False) for hop in each.hops)
            yield str(replace(each, hops=hops))


def _rules(namespace: Namespace) -> Iterator[str]:
    for tool in ("iptables-nft", "iptables-legacy"):
        for table in tables(ruleset(namespace, tool)).values():
            for each in table.rules:
                yield f"{table.name} {each.chain} {each.spec}"


def _settings(config: Any) -> dict[str, str]:
    return {key: each for key, each in config.items() if not key.startswith("volatile.")}


def network(driver: Driver) -> dict[str, Any]:
    place = driver.place
    before = aspects(driver.snapshot, place)
    driver.run(CreateDockerNetwork(place, SCRATCH))
    try:
        overlap = driver.refused(CreateDockerNetwork(place, OTHER))
        twice = driver.refused(CreateDockerNetwork(place, SCRATCH))
    finally:
        driver.run(RemoveDockerNetwork(place, SCRATCH))
    left = aspects(driver.snapshot, place) == before
    return {"overlap": overlap, "twice": twice, "left": left}


def container(driver: Driver) -> dict[str, Any]:
    place = driver.place
    before = aspects(driver.snapshot, place)
    first = Attachment("scratch", fixed_ipv4=ip_address("10.99.7.20"), aliases=("one",))
    driver.run(CreateDockerNetwork(place, SCRATCH))
    client = driver.system.docker(place)
    image = client.images()[0]["Id"]
    made = client.create_container(image, ["busybox", "sleep", "600"], name="scratch-one")
    try:
        client.disconnect_container_from_network(made["Id"], "bridge")
        driver.snapshot = driver.system.read()
        driver.run(ConnectContainer(place, "scratch-one", first))
        driver.run(StartContainer(place, "scratch-one"))
        addresses = [_address(driver)]
        refused = driver.refused(RemoveDockerNetwork(place, SCRATCH))
        driver.run(DisconnectContainer(place, "scratch-one", _attachment(driver)))
        driver.run(ConnectContainer(place, "scratch-one", first))
        addresses.append(_address(driver))
        driver.run(DisconnectContainer(place, "scratch-one", _attachment(driver)))
    finally:
        client.remove_container(made["Id"], force=True)
        client.close()
        driver.snapshot = driver.system.read()
        driver.run(RemoveDockerNetwork(place, SCRATCH))
    left = aspects(driver.snapshot, place) == before
    return {"addresses": addresses, "refused": refused, "left": left}


def _attachment(driver: Driver) -> Attachment:
    containers = driver.snapshot.daemons[driver.place].containers
    one = next(each for each in containers if each.name == "scratch-one")
    return one.attachments[0]


def _address(driver: Driver) -> str:
    return str(_attachment(driver).ipv4)


def instance(driver: Driver) -> dict[str, Any]:
    place, name = driver.place, driver.place.partition(":")[2]
    before = aspects(driver.snapshot, place)
    one = driver.snapshot.instance(name)
    assert one is not None
    was = one.devices.get("scratch")
    steps = (
        SetInstanceConfig(
            place, name, {"user.homelab.scratch": "1"}, {"user.homelab.scratch": None}
        ),
        SetInstanceDevice(place, name, "scratch", {"type": "none"}, was),
    )
    for each in steps:
        driver.run(each)
    for each in reversed(steps):
        for back in inverse(each):
            driver.run(back)
    return {"left": aspects(driver.snapshot, place) == before}


def restart(driver: Driver) -> dict[str, Any]:
    rule = FilterRule("iptables-nft", "filter", "DOCKER-USER", "scratch")
    driver.run(AddFilterRule(driver.place, rule))
    driver.run(SetIngressFilter(driver.place, IngressFilter("scratch", BRIDGE, "scratch")))
    driver.run(RestartInstance(HOST, driver.place.partition(":")[2]))
    now = driver.snapshot
    return {"daemon": driver.place in now.daemons and str(driver.place) not in now.unread}


if __name__ == "__main__":
    scenario = {
        "network": network,
        "container": container,
        "instance": instance,
        "restart": restart,
    }
    the_driver = Driver(sys.argv[2])
    told = scenario[sys.argv[1]](the_driver)
    sys.stdout.write(json.dumps({**told, "differences": the_driver.differences}) + "\n")
