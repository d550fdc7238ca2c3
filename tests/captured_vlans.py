"""The labs with VLANs that tests/kernel/vlan_capture.py saw on a real kernel, as snapshots with what packets met.

A file holds the sections that differ from those of ``healthy``.
"""

import json
from dataclasses import replace
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from homelab.diagnosis.tracer import Tracer
from homelab.model.docker import Attachment, Daemon, DockerContainer, DockerNetwork, DockerSubnet
from homelab.model.kernel import Namespace
from homelab.model.lxc import Instance, Runtime
from homelab.model.place import HOST, ROUTER, Place, container, guest, netns
from homelab.model.snapshot import Snapshot
from homelab.system.collect import Section
from homelab.system.namespaces import parse
from tests.checks.cases import SUBNET

FOLDER = Path(__file__).parent / "captures" / "vlan"
NAMES = sorted(each.stem for each in FOLDER.glob("*.json"))
WEB, APP = guest("web"), container("web", "app")
PLACES: dict[str, Place] = {
    "client": netns("client"),
    "router": ROUTER,
    "host": HOST,
    "guest": WEB,
    "app": APP,
}


@cache
def seen(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return found


def probes(name: str) -> dict[Place, dict[str, str]]:
    """What an echo request from a place to an address met."""
    return {PLACES[place]: met for place, met in seen(name)["probes"].items()}


def sections(name: str, place: str) -> dict[str, Section]:
    base = seen("healthy")["places"][place]["sections"]
    return {
        key: Section(text) for key, text in (base | seen(name)["places"][place]["sections"]).items()
    }


def _namespace(name: str, place: str) -> Namespace:
    here = seen(name)["places"][place]
    ids = {int(one): other for one, other in here["netns_ids"].items()}
    return replace(parse(sections(name, place)), inode=here["inode"], netns_ids=ids)


def snapshot(name: str) -> Snapshot:
    """The lab as the kernel showed it; a Docker daemon with its one network is put beside."""
    address = ip_address("10.90.1.10")
    network = DockerNetwork(
        "apps", "apps", bridge="br-apps", subnets=(DockerSubnet(SUBNET, ip_address("10.90.1.1")),)
    )
    app = DockerContainer("app", "app", "running", 1, "apps", (Attachment("apps", ipv4=address),))
    nested = {"security.nesting": "true"}
    return Snapshot(
        host="nuc",
        namespaces={place: _namespace(name, each) for each, place in PLACES.items()},
        runtime=Runtime(
            "lxd", "5.0.2", (Instance("web", "Running", config=nested, expanded_config=nested),)
        ),
        daemons={WEB: Daemon("26.1.5", networks=(network,), containers=(app,))},
    )


def tracer(name: str) -> Tracer:
    return Tracer(snapshot(name))


CARDS = FOLDER.parent / "sriov"


@cache
def card(name: str) -> dict[str, Any]:
    """What ip(8) printed of links beside an SR-IOV card in a virtual machine, and what pings met."""
    found: dict[str, Any] = json.loads((CARDS / f"{name}.json").read_text())
    return found
