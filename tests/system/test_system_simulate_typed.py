"""What a person types, in memory: understood whole or not at all, and refused where the tools would refuse."""

import json
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from homelab.load.snapshot import load_snapshot
from homelab.model.kernel import BridgeVlan, Link, LinkAddress, Ruleset
from homelab.model.place import HOST, Place, container, guest
from homelab.model.snapshot import Snapshot
from homelab.system.simulated import is_known, type_in
from tests.checks.cases import WEB, at, docker_network, front, lab, route, routes

APPLIED = load_snapshot(Path(__file__).parents[1] / "recorded/applied.json")
IN_WEB = "lxc exec web -- "
ACCEPT = "iptables -t filter -I FORWARD -d 10.90.1.0/24 -j ACCEPT"

UNKNOWN = (
    "",
    "ip",
    "ip route",
    "ip route get 10.90.1.10",
    "ip route show 10.90.1.0/24",
    "ip route add nonsense via 10.77.0.11",
    "ip route add 10.90.1.0/24 via",
    "ip route add 10.90.1.0/24 onlink yes",
    "ip rule add to 10.90.1.0/24 lookup main",
    "ip rule add fwmark 1 lookup main priority 3",
    "ip rule show",
    "ip neigh show dev eth0",
    "ip link set eth0 down",
    "bridge vlan",
    "bridge vlan add dev eth0 vid 10 tunnel",
    "iptables -t filter -F FORWARD",
    "docker network connect --alias x apps front",
    "docker network inspect apps",
    "homelab apply --yes",
    "lxc network acl list",
    "sysctl -w nothing",
    "systemctl restart docker",
    "echo 'open",
)


@pytest.mark.parametrize("line", UNKNOWN)
def test_what_only_looks_or_is_not_known_is_not_tried(line: str) -> None:
    assert not is_known((line,))
    assert not is_known(("ip link set lxdbr0 up", line))
    assert type_in(lab(), (line,)) is None


def test_nothing_to_type_is_nothing_known() -> None:
    assert not is_known(())


@given(st.lists(st.sampled_from(" ".join(UNKNOWN).replace("'", "").split())), st.text())
@example(["ip", "route", "add", "blackhole"], "")
@example(["docker", "exec"], "")
def test_no_line_raises(words: list[str], text: str) -> None:
    is_known((" ".join(words), text))
    type_in(lab(), (" ".join(words),))


REFUSED = (
    "ip route add 10.77.0.0/24 dev lxdbr0",
    "ip route del 10.91.0.0/24",
    "ip rule del priority 4711",
    "ip link set eth9 up",
    "bridge vlan del dev eth9 vid 3",
    "ip netns exec nobody ip link set eth0 up",
    "docker start nobody",
)


@pytest.mark.parametrize("line", REFUSED)
def test_what_the_tools_refuse_is_no_fix(line: str) -> None:
    there = replace(lab(), daemons={})
    there = routes(there, HOST, *(e for e in lab().namespaces[HOST].routes[:1]))

    assert is_known((line,))
    assert type_in(there, (line,)) is None


PLACES = {
    "ip link set br0 up": HOST,
    "lxc exec web -- ip link set br0 up": WEB,
    "incus exec web -- ip link set br0 up": WEB,
    "lxc exec web -- docker exec front ip link set br0 up": container("web", "front"),
    "ssh root@10.0.0.1 ip link set br0 up": Place("router"),
    "ip netns exec edge ip link set br0 up": Place("router"),
}


@pytest.mark.parametrize("line", PLACES)
def test_a_command_is_carried_out_where_it_is_typed(line: str) -> None:
    snapshot = replace(lab(), aliases={Place("netns:edge"): Place("router")})
    down = Link(9, "br0", "bridge", up=False, carrier=False)
    for place, here in snapshot.namespaces.items():
        snapshot = at(snapshot, place, links=(*here.links, down))

    after = type_in(snapshot, (line,))

    assert after is not None
    up = [
        place
        for place, here in after.namespaces.items()
        if any(each.name == "br0" and each.up for each in here.links)
    ]
    assert up == [PLACES[line]]


def test_a_cable_that_nobody_sees_may_be_unplugged() -> None:
    links = (*lab().namespaces[HOST].links, Link(9, "eno1", up=False, carrier=False))

    assert type_in(at(lab(), HOST, links=links), ("ip link set eno1 up",)) is None


def test_two_variants_of_iptables_leave_open_which_is_meant() -> None:
    both = tuple(Ruleset(each, "*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n") for each in TOOLS)

    assert type_in(at(lab(), HOST, rulesets=both), (ACCEPT,)) is None
    one = type_in(at(lab(), HOST, rulesets=both[1:]), (ACCEPT,))
    assert one is not None
    (found,) = one.namespaces[HOST].rulesets
    assert found.tool == "iptables-legacy"
    assert "-A FORWARD -d 10.90.1.0/24 -j ACCEPT" in found.text
    none = type_in(at(lab(), HOST, rulesets=()), (ACCEPT.replace("iptables", "ip6tables"),))
    assert none is not None
    assert none.namespaces[HOST].rulesets[0].tool == "ip6tables-nft"


TOOLS = ("iptables-nft", "iptables-legacy")


def vlans(snapshot: Snapshot | None, name: str) -> tuple[BridgeVlan, ...]:
    assert snapshot is not None
    (found,) = (each for each in snapshot.namespaces[HOST].links if each.name == name)
    return found.vlans


def test_the_vlans_of_a_port_have_one_pvid() -> None:
    was = BridgeVlan(1, 1, pvid=True, untagged=True)
    links = tuple(replace(each, vlans=(was,)) for each in lab().namespaces[HOST].links)
    there = at(lab(), HOST, links=links)

    added = type_in(there, ("bridge vlan add dev vethweb vid 30 pvid untagged",))

    assert vlans(added, "vethweb") == (
        replace(was, pvid=False),
        BridgeVlan(30, 30, pvid=True, untagged=True),
    )
    assert vlans(type_in(there, ("bridge vlan del dev vethweb vid 1",)), "vethweb") == ()


def test_a_bridge_takes_an_option() -> None:
    after = type_in(lab(), ("ip link set lxdbr0 type bridge vlan_filtering 1",))

    assert after is not None
    (found,) = (each for each in after.namespaces[HOST].links if each.name == "lxdbr0")
    assert found.options["vlan_filtering"] == "1"


def test_a_container_is_started_and_plugged_in() -> None:
    web = guest("web")
    daemon = APPLIED.daemons[web]
    apart = type_in(APPLIED, (f"{IN_WEB}docker network disconnect apps front",))
    assert apart is not None

    back = type_in(apart, (f"{IN_WEB}docker network connect --ip 10.90.1.10 apps front",))

    assert back is not None
    plugged = {
        one.name: each.ipv4 for one in back.daemons[web].containers for each in one.attachments
    }
    assert plugged["front"] == ip_address("10.90.1.10")
    stopped = replace(lab(), daemons={WEB: replace(daemon, networks=(docker_network(),))})
    stopped = replace(
        stopped, daemons={WEB: replace(stopped.daemons[WEB], containers=(front("exited"),))}
    )
    started = type_in(stopped, (f"{IN_WEB}docker start front",))
    assert started is not None
    assert started.daemons[WEB].containers[0].is_running


def test_the_routes_of_a_link_that_comes_up_come_with_it() -> None:
    here = lab().namespaces[HOST]
    down = tuple(replace(e, up=e.name != "lxdbr0") for e in here.links)
    kept = tuple(each for each in here.routes if each.link != "lxdbr0")

    after = type_in(at(lab(), HOST, links=down, routes=kept), ("ip link set lxdbr0 up",))

    assert after is not None
    subnet = ip_interface("10.77.0.1/24").network
    assert any(each.destination == subnet for each in after.namespaces[HOST].routes)
    assert not any(
        each.destination == ip_network("10.90.1.0/24") for each in after.namespaces[HOST].routes
    )


def test_the_variant_that_is_named_is_the_one_that_is_changed() -> None:
    both = tuple(Ruleset(each, "*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n") for each in TOOLS)

    after = type_in(
        at(lab(), HOST, rulesets=both), (ACCEPT.replace("iptables ", "iptables-legacy "),)
    )

    assert after is not None
    changed = [each.tool for each in after.namespaces[HOST].rulesets if "10.90.1.0/24" in each.text]
    assert changed == ["iptables-legacy"]


NFT = """table inet x { # handle 3
	chain own { # handle 1
	}

	chain f { # handle 2
		type filter hook forward priority filter; policy accept;
		ip daddr 10.90.1.0/24 drop # handle 4
	}
}
"""
NFT_JSON = json.dumps(
    {
        "nftables": [
            {"metainfo": {"json_schema_version": 1}},
            {"table": {"family": "inet", "name": "x", "handle": 3}},
            {"chain": {"family": "inet", "table": "x", "name": "f", "handle": 2}},
            {"rule": {"family": "inet", "table": "x", "chain": "f", "handle": 4, "expr": []}},
        ]
    }
)
INSERT = "nft insert rule inet x f ip daddr 10.90.1.0/24 accept"


def test_a_rule_of_nft_is_inserted_before_all_of_its_chain() -> None:
    there = at(lab(), HOST, rulesets=(Ruleset("nft", NFT), Ruleset("nft-json", NFT_JSON)))

    after = type_in(there, (INSERT,))

    assert after is not None
    texts = {each.tool: each.text for each in after.namespaces[HOST].rulesets}
    lines = [each.strip().partition(" # ")[0] for each in texts["nft"].splitlines()]
    assert lines[5:8] == [
        "type filter hook forward priority filter; policy accept;",
        "ip daddr 10.90.1.0/24 accept",
        "ip daddr 10.90.1.0/24 drop",
    ]
    kinds = [next(iter(each)) for each in json.loads(texts["nft-json"])["nftables"]]
    assert kinds == ["metainfo", "table", "chain", "rule", "rule"]
    one = type_in(there, (INSERT.replace("/24", ""),))
    assert one is not None
    texts = {each.tool: each.text for each in one.namespaces[HOST].rulesets}
    assert '"right": "10.90.1.0"' in texts["nft-json"]
    assert "ip daddr 10.90.1.0 accept" in texts["nft"]


@pytest.mark.parametrize(
    ("tool", "text"),
    [("nft", NFT.replace("chain f", "chain g")), ("nft-json", '{"nftables": []}'), ("nft", "")],
)
def test_a_rule_for_a_chain_that_is_not_there_is_no_fix(tool: str, text: str) -> None:
    assert type_in(at(lab(), HOST, rulesets=(Ruleset(tool, text),)), (INSERT,)) is None


def test_a_rule_of_nft_with_an_address_of_the_other_version_is_not_tried() -> None:
    assert not is_known((INSERT.replace(" ip ", " ip6 "),))


def test_a_route_of_ipv6_without_a_metric_takes_the_place_of_the_one_with_the_kernels() -> None:
    wrong = route("fd90:1::/64", "fd77::99", "lxdbr0", metric=1024)
    on_link = LinkAddress("lxdbr0", ip_interface("fd77::1/64"))
    near = routes(lab(), HOST, wrong, route("fd77::/64", None, "lxdbr0", protocol="kernel"))
    there = at(near, HOST, addresses=(*near.namespaces[HOST].addresses, on_link))

    after = type_in(there, ("ip -6 route replace fd90:1::/64 via fd77::11 dev lxdbr0",))

    assert after is not None
    to = [e for e in after.namespaces[HOST].routes if e.destination == wrong.destination]
    assert [str(each.via) for each in to] == ["fd77::11"]
