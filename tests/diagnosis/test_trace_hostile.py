"""Snapshots that nobody's kernel made: a trace always ends, with an outcome, the same each time."""

from ipaddress import ip_address, ip_interface, ip_network

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homelab.diagnosis.judge import judge
from homelab.diagnosis.tracer import Tracer
from homelab.model.inventory import Inventory
from homelab.model.kernel import (
    BridgePort,
    BridgeVlan,
    Link,
    LinkAddress,
    Namespace,
    Neighbour,
    NextHop,
    PolicyRule,
    Route,
)
from homelab.model.place import HOST, ROUTER, Place
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Outcome
from tests.diagnosis.trace_lab import WEB, lab, target

INDEXES = st.integers(0, 5)
NAMES = st.sampled_from(["lo", "eth0", "br0", "a", "b"])
ADDRESSES = st.sampled_from(
    ["10.0.0.1", "10.0.0.2", "255.255.255.255", "0.0.0.0", "224.0.0.1", "fd00::1", "fe80::1", "::"]
).map(ip_address)
KINDS = st.sampled_from(
    ["", "veth", "bridge", "vlan", "macvlan", "ipvlan", "bond", "vrf", "dummy", "wireguard"]
)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "mode": st.sampled_from(["bridge", "private", "passthru", ""]),
        "vlan_id": st.sampled_from(["1", "20", "x", ""]),
        "vlan_filtering": st.sampled_from(["0", "1"]),
        "vlan_protocol": st.sampled_from(["802.1Q", "802.1ad"]),
        "xdp": st.just("attached"),
    },
)
VLANS = st.builds(
    BridgeVlan, st.integers(-1, 30), st.integers(-1, 30), st.booleans(), st.booleans()
)
LINKS = st.builds(
    Link,
    index=INDEXES,
    name=NAMES,
    kind=KINDS,
    up=st.booleans(),
    master=st.none() | INDEXES,
    peer=st.none() | INDEXES,
    peer_netns=st.none() | st.integers(0, 3),
    loopback=st.booleans(),
    options=OPTIONS,
    port=st.none() | st.builds(BridgePort, hairpin=st.booleans(), isolated=st.booleans()),
    vlans=st.lists(VLANS, max_size=2).map(tuple),
)
LENGTHS = st.sampled_from([0, 8, 24, 31, 32])
NETWORKS = st.tuples(ADDRESSES, LENGTHS).map(lambda each: ip_network(each, strict=False))
HOPS = st.lists(st.builds(NextHop, st.none() | ADDRESSES, st.none() | NAMES), max_size=3).map(tuple)
ROUTES = st.builds(
    Route,
    NETWORKS,
    HOPS,
    st.sampled_from([254, 255]),
    st.sampled_from(["unicast", "local", "broadcast", "throw", "blackhole", "nonsense"]),
)
RULES = st.builds(
    PolicyRule,
    st.integers(0, 9),
    st.sampled_from([4, 6]),
    st.sampled_from(["lookup", "goto", "prohibit", "nonsense"]),
    st.sampled_from([None, 254, 255]),
    goto=st.none() | st.integers(0, 9),
    suppress_prefixlength=st.none() | st.integers(-1, 129),
)
SYSCTLS = st.dictionaries(
    st.sampled_from(
        [
            "net.ipv4.ip_forward",
            "net.ipv6.conf.all.forwarding",
            "net.ipv4.conf.all.rp_filter",
            "net.ipv4.conf.all.proxy_arp",
        ]
    ),
    st.sampled_from(["0", "1", "2", "", "²", "--1", "9" * 30]),
)
SPACES = st.builds(
    Namespace,
    inode=st.integers(0, 3),
    links=st.lists(LINKS, max_size=5).map(tuple),
    addresses=st.lists(
        st.builds(LinkAddress, NAMES, st.tuples(ADDRESSES, LENGTHS).map(ip_interface)), max_size=3
    ).map(tuple),
    routes=st.lists(ROUTES, max_size=4).map(tuple),
    rules=st.lists(RULES, max_size=3).map(tuple),
    neighbours=st.lists(
        st.builds(Neighbour, NAMES, ADDRESSES, proxy=st.booleans(), states=st.just(("PERMANENT",))),
        max_size=2,
    ).map(tuple),
    sysctls=SYSCTLS,
    netns_ids=st.dictionaries(st.integers(0, 3), st.integers(0, 3)),
)
PLACES = st.sampled_from([HOST, ROUTER, WEB, Place("netns:x"), Place("")])
ORIGINS = ["lan", "router", "host", "guest:web", "packet:eth0:10.0.0.2", "packet:br0:fd00::2", ""]


@given(st.dictionaries(PLACES, SPACES, max_size=4), ADDRESSES)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_trace_ends(spaces: dict[Place, Namespace], address: object) -> None:
    snapshot = Snapshot(namespaces=spaces)
    first, again = Tracer(snapshot), Tracer(snapshot)

    for origin in ORIGINS:
        for port in (None, 80):
            to = target(str(address), port)
            trace = first.trace(origin, to)
            assert (trace.cause is None) == (trace.outcome is Outcome.DELIVERED)
            assert trace == again.trace(origin, to)
    judge(Inventory(), snapshot)


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_one_thing_amiss_in_a_healthy_lab(data: st.DataObject) -> None:
    made = lab()
    place = data.draw(st.sampled_from(sorted(made.spaces)))
    column = data.draw(st.sampled_from(["links", "addresses", "routes", "rules"]))
    rows = list(getattr(made.spaces[place], column))
    if rows:
        rows.pop(data.draw(st.integers(0, len(rows) - 1)))
    made.change(place, **{column: tuple(rows)})

    trace = made.trace("lan", "10.90.1.10", 80)

    assert (trace.cause is None) == trace.ok
