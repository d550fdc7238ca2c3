"""What a fix opens besides, asked from inside the lab: told where something changes, and nothing where it does not."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

from homelab.model.docker import Attachment, DockerSubnet
from homelab.model.inventory import Destination, Expectation, Inventory
from homelab.model.kernel import Link
from homelab.model.operation import SetSysctl
from homelab.model.place import HOST, container
from homelab.model.snapshot import Snapshot
from homelab.system.simulated import SimulatedSystem
from homelab.workflow.look import diagnose
from homelab.workflow.opening import newly_reached
from tests.checks.cases import (
    DOCKER_RULES,
    FRONT,
    WEB,
    address,
    at,
    connected,
    daemon,
    docker_network,
    front,
    judged,
    lab,
    route,
    rules,
    sysctls,
)

CLOSED = DOCKER_RULES.replace(":FORWARD ACCEPT", ":FORWARD DROP")
SHOP = container("web", "shop")


def with_a_shop(snapshot: Snapshot) -> Snapshot:
    """A second network of the guest, with one container."""
    here, inside = snapshot.namespaces[WEB], snapshot.namespaces[FRONT]
    bridge = Link(5, "br-shop", "bridge", "02:00:00:00:01:06")
    outer = replace(
        here.links[3], index=6, name="vethshop", mac="02:00:00:00:01:07", master=5, peer_netns=2
    )
    inner = replace(inside.links[1], mac="02:00:00:00:01:08", peer=6)
    guest = replace(
        here,
        links=(*here.links, bridge, outer),
        addresses=(*here.addresses, address("br-shop", "10.90.2.1/24")),
        routes=(*here.routes, *connected("10.90.2.1/24", "br-shop")),
        netns_ids={**here.netns_ids, 2: 5},
    )
    shop = replace(
        inside,
        inode=5,
        links=(inside.links[0], inner),
        addresses=(address("eth0", "10.90.2.10/24"),),
        routes=(*connected("10.90.2.10/24", "eth0"), route("0.0.0.0/0", "10.90.2.1", "eth0")),
    )
    subnet = DockerSubnet(ip_network("10.90.2.0/24"), ip_address("10.90.2.1"))
    other = replace(
        front(),
        id="s",
        name="shop",
        attachments=(Attachment("shop", ipv4=ip_address("10.90.2.10")),),
    )
    both = replace(
        daemon(),
        networks=(docker_network(), docker_network("shop", subnets=(subnet,))),
        containers=(front(), other),
    )
    host = snapshot.namespaces[HOST]
    known = replace(host, routes=(*host.routes, route("10.90.2.0/24", "10.77.0.11", "lxdbr0")))
    places = {**snapshot.namespaces, HOST: known, WEB: guest, SHOP: shop}
    return replace(snapshot, namespaces=places, daemons={WEB: both})


def reached(before: Snapshot, after: Snapshot) -> list[str]:
    return list(newly_reached(judged(before), after, (WEB,)))


def test_a_change_that_changes_nothing_opens_nothing() -> None:
    assert reached(lab(), lab()) == []
    assert list(newly_reached(judged(lab()), lab(), ())) == []


def test_an_open_policy_opens_every_network_and_a_narrow_accept_its_own() -> None:
    closed = with_a_shop(rules(lab(), WEB, CLOSED))
    narrow = CLOSED.replace(
        "-A DOCKER-USER -j", "-A DOCKER-USER -d 10.90.1.0/24 -j ACCEPT\n-A DOCKER-USER -j"
    )
    wide = CLOSED.replace(":FORWARD DROP", ":FORWARD ACCEPT")

    by_policy, by_accept = (reached(closed, rules(closed, WEB, each)) for each in (wide, narrow))

    assert "web/apps, all ports of 10.90.1.10, from host" in by_accept
    assert not any(each.startswith("web/shop") for each in by_accept)
    assert "web/shop, all ports of 10.90.2.10, from host" in by_policy
    assert "web/apps, all ports of 10.90.1.10, from container:web/shop" in by_accept


def test_ports_that_stay_closed_are_not_told_as_open() -> None:
    closed = rules(lab(), WEB, CLOSED)
    pinged = CLOSED.replace(
        "-A DOCKER-USER -j", "-A DOCKER-USER -p icmp -j ACCEPT\n-A DOCKER-USER -j"
    )

    assert reached(closed, rules(closed, WEB, pinged)) == []


def test_the_diagnosis_tells_it_with_the_fix() -> None:
    found = diagnose(Inventory(), with_a_shop(rules(lab(), WEB, CLOSED))).findings

    told = [
        each.fix.opens for each in found if each.fault == "guest-forward-policy-drop" and each.fix
    ]

    assert told
    assert any("web/apps, all ports of 10.90.1.10, from host" in each for each in told)


def test_a_sysctl_tells_what_it_opens() -> None:
    broken = sysctls(lab(), WEB, {"net.ipv4.ip_forward": "0"})
    system = SimulatedSystem(broken)
    system.run(SetSysctl(WEB, "net.ipv4.ip_forward", "1", "0"))

    assert "web/apps, all ports of 10.90.1.10, from host" in reached(broken, system.read())
    (finding,) = diagnose(Inventory(), broken).findings
    assert finding.fix is not None
    assert finding.fix.opens[0].startswith("whatever net.ipv4.ip_forward=0 kept")


def test_a_place_that_is_not_there_is_not_asked() -> None:
    lonely = replace(lab(), namespaces={k: v for k, v in lab().namespaces.items() if k != HOST})

    assert reached(lonely, at(lonely, WEB)) == []


def apart() -> Snapshot:
    """Two containers of one network, which Docker keeps apart."""
    isolation = "DOCKER-ISOLATION-STAGE-2"
    closed = (
        DOCKER_RULES.replace(":DOCKER -", f":{isolation} - [0:0]\n:DOCKER -")
        .replace(
            "-A FORWARD -o br-apps -m",
            "-A FORWARD -i br-apps -o br-apps -j DROP\n-A FORWARD -o br-apps -m",
        )
        .replace("-A DOCKER-USER", f"-A {isolation} -o br-apps -j DROP\n-A DOCKER-USER")
    )
    broken = with_a_shop(rules(lab(), WEB, closed))
    here, shop = broken.namespaces[WEB], broken.namespaces[SHOP]
    joined = tuple(
        replace(each, master=3) if each.name == "vethshop" else each for each in here.links
    )
    mates = replace(
        shop,
        addresses=(address("eth0", "10.90.1.11/24"),),
        routes=(*connected("10.90.1.11/24", "eth0"), route("0.0.0.0/0", "10.90.1.1", "eth0")),
    )
    mate = replace(
        front(),
        id="s",
        name="shop",
        attachments=(Attachment("apps", ipv4=ip_address("10.90.1.11")),),
    )
    two = replace(daemon(), containers=(front(), mate))
    told = sysctls(at(broken, WEB, links=joined), WEB, {"net.bridge.bridge-nf-call-iptables": "1"})
    return replace(told, namespaces={**told.namespaces, SHOP: mates}, daemons={WEB: two})


def test_an_expectation_between_containers_is_traced_to_its_fault_and_mended() -> None:
    whom = Destination(ip_address("10.90.1.10"))
    inventory = Inventory(expect=(Expectation("container:web/shop", whom),))

    found = diagnose(inventory, apart()).findings

    assert [each.fault for each in found] == ["docker-icc-off", "expectation-not-met"]
    assert [each.severity for each in found] == ["error", "error"]
    assert found[0].fix is not None
    assert found[0].fix.verified
    assert [each.fault for each in diagnose(Inventory(), apart()).findings] == []
