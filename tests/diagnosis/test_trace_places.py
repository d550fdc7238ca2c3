"""Where a packet starts and where it goes, as the user writes it; sources that are chosen."""

from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network

import pytest

from homelab.diagnosis.box import Box
from homelab.diagnosis.routing import Answer, Question
from homelab.diagnosis.source import select
from homelab.diagnosis.target import parse_target
from homelab.diagnosis.vantage import Vantage, free_address, vantage
from homelab.diagnosis.world import World
from homelab.model.docker import Attachment, Daemon, DockerContainer
from homelab.model.kernel import LinkAddress, Namespace, NextHop, PolicyRule, Route
from homelab.model.place import HOST, ROUTER, guest
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Outcome, Target
from tests.diagnosis.trace_lab import APP, WEB, lab, target


def container(name: str, *addresses: str, fixed: str | None = None) -> DockerContainer:
    attached = [Attachment("apps", ip_address(each)) for each in addresses]
    if fixed:
        attached.append(Attachment("apps", fixed_ipv6=ip_address(fixed)))
    return DockerContainer(name, name, "running", attachments=tuple(attached))


idle = DockerContainer(
    "idle",
    "idle",
    "exited",
    attachments=(Attachment("none"), Attachment("apps", fixed_ipv4=ip_address("10.90.1.66"))),
)
DAEMONS = Snapshot(
    daemons={
        guest("web"): Daemon(
            "28.5", containers=(container("app", "10.90.1.10"), container("x"), idle)
        ),
        guest("db"): Daemon(
            "26.1", containers=(container("app", "10.90.7.10"), container("six", fixed="fd90::6"))
        ),
        HOST: Daemon("28.5", containers=(container("own", "172.17.0.2"),)),
    }
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.1.0.1", target("10.1.0.1")),
        ("10.1.0.1:80", target("10.1.0.1", 80)),
        ("10.1.0.1:80/tcp", target("10.1.0.1", 80)),
        ("10.1.0.1:53/udp", target("10.1.0.1", 53, "udp")),
        ("fd00::1", target("fd00::1")),
        ("[fd00::1]", target("fd00::1")),
        ("[fd00::1]:80", target("fd00::1", 80)),
        ("web/app:8080", target("10.90.1.10", 8080)),
        ("db/app", target("10.90.7.10")),
        ("six", target("fd90::6")),
        ("idle", target("10.90.1.66")),
        ("own:80", target("172.17.0.2", 80)),
        ("host/own", target("172.17.0.2")),
    ],
)
def test_a_target_is_an_address_or_a_container(text: str, expected: Target) -> None:
    assert parse_target(text, DAEMONS) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("10.1.0.1:0", "is no port"),
        ("10.1.0.1:65536", "is no port"),
        ("10.1.0.1:80/sctp", "is no port"),
        ("nobody", "neither an address nor a container"),
        ("app", "several containers have that name: db/app, web/app"),
        ("x", "on no network with an address"),
        ("a:b:c", "neither an address"),
        ("", "neither an address"),
    ],
)
def test_what_is_no_target_is_said_with_what_is(text: str, said: str) -> None:
    found = parse_target(text, DAEMONS)

    assert isinstance(found, str)
    assert said in found


def found(name: str, family: int = 4, uplink: str | None = None, **more: object) -> Vantage | str:
    return vantage(World(replace(lab().snapshot(), **more)), name, family, uplink)  # type: ignore[arg-type] # fields by name


def test_the_lan_is_a_free_address_at_the_router() -> None:
    client = found("lan")

    assert isinstance(client, Vantage)
    assert (client.place, client.link, client.port) == (ROUTER, "lan", None)
    assert client.source == ip_address("192.168.1.254")
    six = found("lan", 6)
    assert isinstance(six, Vantage)
    assert six.source == ip_address("fd01::ffff:ffff:ffff:ffff")


def test_without_a_router_the_lan_is_at_the_hosts_uplink() -> None:
    made = lab()
    made.bridge(HOST, "br0", "eth0")
    del made.spaces[ROUTER]

    client = vantage(World(made.snapshot()), "lan", 4, None)

    assert client == Vantage(
        HOST, ip_address("192.168.1.254"), "br0", "eth0", ip_network("192.168.1.0/24")
    )
    gateway = vantage(World(made.snapshot()), "router", 4, None)
    assert isinstance(gateway, Vantage)
    assert gateway.source == ip_address("192.168.1.1")
    made.change(HOST, routes=tuple(r for r in made.spaces[HOST].routes if r.destination.prefixlen))
    assert "names no gateway" in str(vantage(World(made.snapshot()), "router", 4, "eth0"))
    assert "names no gateway" in str(vantage(World(made.snapshot()), "router", 4, None))


def test_the_uplink_is_a_bridge_whose_port_is_the_nic() -> None:
    made = lab()
    del made.spaces[ROUTER]
    made.bridge(HOST, "br0", "eth0")
    moved = tuple(
        replace(each, link="br0" if each.link == "eth0" else each.link)
        for each in made.spaces[HOST].addresses
    )
    made.change(HOST, addresses=moved)

    client = vantage(World(made.snapshot()), "lan", 4, "br0")

    assert isinstance(client, Vantage)
    assert (client.link, client.port) == ("br0", "eth0")
    assert client.client is not None
    assert client.client.entry == "eth0"


@pytest.mark.parametrize(
    ("name", "family", "said"),
    [
        ("nowhere", 4, "no such place"),
        ("guest:db", 4, "no such place"),
        ("packet:eth9:10.0.0.1", 4, "the host has no link eth9"),
        ("packet:eth0:ten", 4, "is no IP address"),
        ("packet:eth0", 4, "is no IP address"),
        ("packet:eth0:10.0.0.1", 6, "its source is IPv4, and the target IPv6"),
    ],
)
def test_a_vantage_that_is_none_says_so(name: str, family: int, said: str) -> None:
    assert said in str(found(name, family))


def test_other_vantages() -> None:
    assert found("guest:web") == Vantage(WEB)
    assert Vantage(WEB).client is None
    assert found("netns:web", aliases={"netns:web": WEB}) == Vantage(WEB)
    packet = found("packet:vweb:[fd77::5]", 6)
    assert isinstance(packet, Vantage)
    assert (packet.link, packet.port, packet.source) == ("lxdbr0", "vweb", ip_address("fd77::5"))
    assert "not observed: stopped" in str(found("guest:db", unread={"guest:db": "stopped"}))


def test_without_a_host_or_an_uplink_the_lan_is_nowhere() -> None:
    nobody = Snapshot(unread={"host": "not root"})
    for name, said in (
        ("lan", "not root"),
        ("router", "neither"),
        ("packet:e:1.2.3.4", "not observed"),
    ):
        assert said in str(vantage(World(nobody), name, 4, None))
    made = lab()
    made.drop_routes(HOST, "0.0.0.0/0")
    made.drop_routes(HOST, "::/0")
    by_nic = vantage(World(made.snapshot()), "lan", 4, None)
    assert isinstance(by_nic, Vantage)
    made.link(HOST, "eth1")
    del made.spaces[ROUTER]
    assert "no default route" in str(vantage(World(made.snapshot()), "lan", 4, None))
    assert "router: the host has no default" in str(
        vantage(World(made.snapshot()), "router", 4, None)
    )
    assert "has no link eth7" in str(vantage(World(made.snapshot()), "lan", 4, "eth7"))
    assert "eth1 has no IPv4 address" in str(vantage(World(made.snapshot()), "lan", 4, "eth1"))


def test_a_router_without_an_address_on_the_lan_is_not_its_gateway() -> None:
    made = lab()
    made.change(ROUTER, addresses=())

    client = vantage(World(made.snapshot()), "lan", 4, None)

    assert isinstance(client, Vantage)
    assert client.place == HOST


@pytest.mark.parametrize(
    ("network", "address"),
    [
        ("10.77.0.0/29", "10.77.0.6"),
        ("10.77.0.11/32", "198.51.100.1"),
        ("10.77.0.12/32", "10.77.0.12"),
        ("10.77.0.0/31", "10.77.0.0"),
        ("10.77.0.10/31", "10.77.0.10"),
        ("255.255.255.255/32", "255.255.255.255"),
        ("fd77::/64", "fd77::ffff:ffff:ffff:ffff"),
    ],
)
def test_a_free_address(network: str, address: str) -> None:
    assert free_address(World(lab().snapshot()), ip_network(network)) == ip_address(address)


def test_the_tracer_says_where_nothing_can_start() -> None:
    tracer = lab().tracer()

    assert tracer.problem("lan", target("10.90.1.10")) is None
    assert "no such place" in str(tracer.problem("nowhere", target("10.90.1.10")))
    trace = tracer.trace("nowhere", target("10.90.1.10"))
    assert (trace.outcome, trace.cause and trace.cause.kind) == (Outcome.UNKNOWN, "unmodelled")
    assert tracer.client_address(4) == ip_address("192.168.1.254")
    assert lab().tracer().sender_in(ip_network("10.77.0.0/24")) == "packet:lxdbr0:10.77.0.254"
    assert tracer.sender_in(ip_network("198.51.100.0/24")) == "packet:eth0:198.51.100.254"
    lost = lab()
    lost.drop_routes(HOST, "0.0.0.0/0")
    assert lost.tracer().sender_in(ip_network("198.51.100.0/24")) == "packet:eth0:198.51.100.254"
    nobody = replace(lab().snapshot(), namespaces={})
    assert type(tracer)(nobody).client_address(4) is None
    assert type(tracer)(nobody).sender_in(ip_network("10.0.0.0/24")) == "packet::10.0.0.254"


ADDRESSES = (
    LinkAddress("lo", ip_interface("127.0.0.1/8"), "host"),
    LinkAddress("eth0", ip_interface("10.0.0.5/24"), secondary=True),
    LinkAddress("eth0", ip_interface("10.0.0.1/24")),
    LinkAddress("eth0", ip_interface("10.5.0.1/24")),
    LinkAddress("eth1", ip_interface("10.6.0.1/24")),
    LinkAddress("lo", ip_interface("::1/128"), "host"),
    LinkAddress("eth0", ip_interface("fe80::1/64"), "link"),
    LinkAddress("eth1", ip_interface("fe80::2/64"), "link"),
    LinkAddress("eth0", ip_interface("fd00::1/64")),
    LinkAddress("eth0", ip_interface("2001:db8::1/64")),
    LinkAddress("eth0", ip_interface("2001:db8::2/64"), deprecated=True),
    LinkAddress("eth0", ip_interface("2001:db8::3/64"), tentative=True),
    LinkAddress("eth0", ip_interface("fec0::1/64"), "site"),
)


@pytest.mark.parametrize(
    ("link", "destination", "source"),
    [
        ("eth0", "10.0.0.77", "10.0.0.1"),
        ("eth0", "10.5.0.77", "10.5.0.1"),
        ("eth0", "192.0.2.1", "10.0.0.1"),
        ("eth0", None, "10.0.0.1"),
        ("eth9", "192.0.2.1", "10.0.0.1"),
        ("eth0", "fd00:1::1", "fd00::1"),
        ("eth0", "2001:db8:1::1", "2001:db8::1"),
        ("eth1", "fe80::9", "fe80::2"),
        ("eth0", "2001:db8::2", "2001:db8::2"),
        ("eth0", "fec0::7", "fec0::1"),
    ],
)
def test_a_source_is_chosen(link: str, destination: str | None, source: str) -> None:
    to = ip_address(destination) if destination else None

    assert select(ADDRESSES, link, to) == ip_address(source)


@pytest.mark.parametrize(
    ("scope", "source"), [("global", "10.7.0.2"), ("link", "10.7.0.1"), ("200", "10.7.0.2")]
)
def test_an_address_that_counts_on_its_link_only_is_for_routes_of_the_link(
    scope: str, source: str
) -> None:
    here = (
        LinkAddress("eth0", ip_interface("10.7.0.1/25"), "link"),
        LinkAddress("eth0", ip_interface("10.7.0.2/24")),
    )

    assert select(here, "eth0", ip_address("10.7.0.9"), scope) == ip_address(source)
    assert select(here, "eth9", ip_address("10.7.0.9"), scope) == ip_address("10.7.0.2")


def test_a_place_without_addresses_has_no_source() -> None:
    assert select((), "eth0", ip_address("10.0.0.1")) is None
    assert select((), "eth0", ip_address("fd00::1")) is None


def test_a_source_by_route() -> None:
    preferred = Route(
        ip_network("10.9.0.0/16"), (NextHop(link="eth0"),), source=ip_address("10.5.0.1")
    )
    box = Box(HOST, Namespace(addresses=ADDRESSES))
    far = ip_address("10.9.0.1")

    assert box.source_for(Answer("unicast", preferred, preferred.hops), far) == ip_address(
        "10.5.0.1"
    )
    assert box.source_for(Answer("local"), far) == far
    assert box.source_for(Answer("none"), far) is None
    gateway = (NextHop(ip_address("10.5.0.9"), "eth0"),)
    assert box.source_for(Answer("unicast", hops=gateway), far) == ip_address("10.5.0.1")
    six = (NextHop(ip_address("fe80::9"), "eth0"),)
    assert box.source_for(Answer("unicast", hops=six), far) == ip_address("10.0.0.1")
    assert box.source_for(Answer("unicast", hops=six), ip_address("fd00:1::1")) == ip_address(
        "fd00::1"
    )


def test_what_a_firewall_asks_of_a_place() -> None:
    made = lab()
    made.route(WEB, "10.66.0.0/16", "10.77.0.1")
    made.add_route(WEB, Route(ip_network("10.67.0.0/16"), kind="blackhole"))
    box = Box(WEB, made.spaces[WEB])

    def kind(text: str, link: str | None = None) -> str | None:
        return box.address_type(ip_address(text), link)

    assert [kind(each) for each in ("224.0.0.1", "0.0.0.0", "10.77.0.11", "10.67.0.1")] == [
        "multicast",
        "unspec",
        "local",
        "blackhole",
    ]
    assert kind("10.77.0.11", "eth0") == "local"
    assert kind("10.77.0.11", "br-app") == "unicast"
    assert kind("10.90.1.10", "br-app") == "unicast"
    made.drop_routes(APP, "0.0.0.0/0")
    made.drop_routes(APP, "::/0")
    alone = Box(APP, made.spaces[APP])
    assert alone.address_type(ip_address("192.0.2.1")) == "unicast"
    assert alone.address_type(ip_address("2001:db8::1")) == "unreachable"
    assert alone.route_link(ip_address("192.0.2.1")) == ""
    assert box.route_link(ip_address("10.66.0.1")) == "eth0"
    assert box.source_address("eth0", ip_address("192.0.2.1")) == ip_address("10.77.0.11")
    assert box.source_address("eth0", ip_address("fd01::9")) == ip_address("fd77::11")


def test_a_rule_that_nobody_can_judge_has_no_answer() -> None:
    made = lab()
    made.change(WEB, rules=(PolicyRule(1, 4, table=254, suppress_ifgroup="7"),))
    box = Box(WEB, made.spaces[WEB])

    assert box.route_link(ip_address("192.0.2.1")) is None
    assert box.address_type(ip_address("192.0.2.1")) is None
    assert box.tables.lookup(Question(ip_address("192.0.2.1"))).kind == "unknown"
