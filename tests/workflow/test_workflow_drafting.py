"""An inventory made of what runs: it is read back as it was meant, and a plan for it changes nothing."""

from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from bench.synthetic import Fault, lab
from homelab.load.draft import written
from homelab.load.inventory import load_inventory, parse_inventory
from homelab.load.snapshot import load_snapshot, parse_snapshot
from homelab.model.docker import DockerNetwork, DockerSubnet
from homelab.model.inventory import Connection, Ingress, Inventory
from homelab.model.lxc import Instance
from homelab.model.place import guest
from homelab.model.snapshot import Snapshot
from homelab.planning.allocate import allocate
from homelab.planning.execute import execute
from homelab.report.documents import as_json
from homelab.system.simulated import SimulatedSystem
from homelab.workflow import change
from homelab.workflow.check import check
from homelab.workflow.drafting import draft
from tests.captured import DOCKER, name, snapshot

ROOT = Path(__file__).parents[2]
RECORDED = {
    each.stem: load_snapshot(each) for each in sorted((ROOT / "tests/recorded").glob("*.json"))
}
LABS = {
    **RECORDED,
    **{name(each): snapshot(each) for each in DOCKER},
}


def drafted(seen: Snapshot) -> tuple[Inventory, tuple[str, ...]]:
    text, left_out = written(draft(seen))
    return parse_inventory([("draft", text.encode())], "draft"), left_out


@pytest.mark.parametrize("which", [each for each in LABS if each != "broken"])
def test_a_plan_for_what_was_found_changes_nothing(which: str) -> None:
    found, left_out = drafted(LABS[which])
    planned = change.plan(change.Goal(found), LABS[which])

    assert not left_out
    assert found.networks
    assert not planned.plan
    assert not planned.obstacles
    assert not [each for each in check(found) if each.severity == "error"]


def test_what_homelab_made_is_managed_and_the_rest_is_not() -> None:
    assert all(each.managed for each in drafted(LABS["applied"])[0].networks)
    assert not any(each.managed for each in drafted(LABS["before"])[0].networks)


def test_the_lab_is_found_as_its_own_inventory_has_it() -> None:
    own = load_inventory(ROOT / "inventory")
    found = drafted(LABS["applied"])[0]

    assert found.routers[0].connection == Connection("netns", "router")
    assert [(each.name, each.uplink) for each in found.hosts] == [("nuc", "eth0")]
    assert {each.name: each.nic for each in found.guests} == {
        each.name: each.nic for each in own.guests
    }
    assert {each.full_name: each.subnets for each in found.networks} == {
        each.full_name: each.subnets for each in own.networks
    }


@pytest.mark.parametrize(
    "text",
    ["none", "[{from: 10.0.0.0/24, ports: [443/tcp, 53-60/udp]}, {from: 10.0.0.9}]"],
)
def test_who_is_let_in_is_found_again(text: str) -> None:
    content = (
        (ROOT / "inventory/lab.yaml").read_text().replace("ingress: open ", f"ingress: {text} ")
    )
    declared = parse_inventory([("lab", content.encode())], "lab")
    system = SimulatedSystem(LABS["applied"])
    execute(change.plan(change.Goal(declared), system.read()).plan.operations(), system.run)

    found = drafted(system.read())[0]
    apps = next(each for each in found.networks if each.full_name == "web/apps")
    assert apps.ingress is (Ingress.NONE if text == "none" else Ingress.LIST)
    assert not change.plan(change.Goal(found), system.read()).plan


def test_an_unmanaged_network_is_in_nobodys_way_and_nobody_gets_its_subnet() -> None:
    text = """
pools: {p: {subnet: 172.18.0.0/15, each: 16}}
hosts: {h: {connection: local}}
guests:
  a:
    host: h
    nic: {address: 10.0.0.9}
    networks: {x: {subnet: 172.18.0.0/16, managed: false}, y: {subnet: auto}}
  b: {host: h, networks: {x: {subnet: 172.18.0.0/16, managed: false}}}
"""
    declared = parse_inventory([("two", text.encode())], "two")
    new = allocate(declared, Snapshot()).networks[1]

    assert new.subnets == (ip_network("172.19.0.0/16"),)


def test_taking_the_word_away_shows_what_would_change() -> None:
    text, _ = written(draft(LABS["before"]))
    managed = parse_inventory(
        [("m", text.replace("managed: false", "managed: true").encode())], "m"
    )
    planned = change.plan(change.Goal(managed), LABS["before"])

    assert planned.plan
    assert any("homelab adopt" in each for each in planned.obstacles)


def test_a_route_of_homelabs_own_keeps_its_network_managed() -> None:
    """Else the next plan would take the route away, and with it what works."""
    seen = parse_snapshot(as_json(lab(12, Fault())).encode(), "many")
    found, _ = drafted(seen)

    assert found.routers[0].connection == Connection("ssh", "root@10.0.0.1")
    assert all(each.managed for each in found.networks)
    assert "homelab adopt" in change.plan(change.Goal(found), seen).obstacles[0]


def with_networks(*networks: DockerNetwork) -> Snapshot:
    seen = LABS["before"]
    daemon = seen.daemons[guest("web")]
    return replace(seen, daemons={**seen.daemons, guest("web"): replace(daemon, networks=networks)})


def bridge(called: str, *subnets: str, driver: str = "bridge") -> DockerNetwork:
    return DockerNetwork(
        called, called, driver, subnets=tuple(DockerSubnet(ip_network(each)) for each in subnets)
    )


def test_what_an_inventory_cannot_say_is_told() -> None:
    odd = with_networks(
        bridge("x" * 60, "10.1.0.0/24"),
        bridge("tiny", "10.2.0.0/30"),
        bridge("twice", "10.3.0.0/24", "10.4.0.0/24"),
        bridge("swarm", "10.5.0.0/24", driver="overlay"),
        bridge("no", "10.6.0.0/24", "fd00:6::/64"),
    )
    found, left_out = drafted(odd)

    assert [each.name for each in found.networks if each.guest == "web"] == ["no"]
    assert found.networks[-1].subnets == (ip_network("10.6.0.0/24"), ip_network("fd00:6::/64"))
    assert [each.split(":")[0] for each in left_out] == ["'web/tiny'", f"'web/{'x' * 60}'"]


def test_hostile_names_write_nothing_but_themselves_into_the_file() -> None:
    seen = with_networks(bridge("a\nguests: {}", "10.1.0.0/24"), bridge("ok", "10.2.0.0/24"))
    evil = Instance(
        'e"v\nil', "Running", expanded_devices={"eth0": {"type": "nic", "parent": "x\ny: z"}}
    )
    bad_nic = replace(evil, name="fine")
    assert seen.runtime is not None
    runtime = replace(seen.runtime, instances=(*seen.runtime.instances, evil, bad_nic))
    found, left_out = drafted(replace(seen, runtime=runtime, host="my.host; rm"))

    assert [each.name for each in found.hosts] == ["host"]
    assert [each.name for each in found.guests] == ["app", "db", "fine", "web"]
    assert len(left_out) == 1
    assert not change.plan(change.Goal(found), seen).obstacles


def test_overlapping_networks_of_homelabs_own_cannot_both_be_written() -> None:
    seen = LABS["applied"]
    web = seen.daemons[guest("web")]
    double = replace(next(each for each in web.networks if each.name == "apps"), id="2", name="more",
                     labels={"homelab.network": "web/more"})  # fmt: skip
    daemons = {**seen.daemons, guest("web"): replace(web, networks=(*web.networks, double))}
    found, left_out = drafted(replace(seen, daemons=daemons))

    assert len([each for each in found.networks if each.guest == "web"]) == 1
    assert "overlaps" in left_out[0]


def test_a_host_alone_is_an_inventory_too() -> None:
    found, _ = drafted(Snapshot(host="h"))

    assert [each.name for each in found.hosts] == ["h"]
    assert found.guests == ()
    assert found.routers == ()


def test_a_guest_keeps_the_address_that_it_has() -> None:
    found = draft(LABS["before"])

    assert {each.name: each.nic.addresses for each in found.guests} == {
        "app": (ip_address("10.77.0.13"),),
        "db": (ip_address("10.77.0.12"),),
        "web": (ip_address("10.77.0.11"),),
    }
