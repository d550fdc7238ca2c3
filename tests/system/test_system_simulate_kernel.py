"""Corners of the simulated kernel that no real one is made to show."""

import json
from ipaddress import ip_address, ip_interface, ip_network

import pytest

from homelab.errors import OperationError
from homelab.model.kernel import Link, Namespace, NextHop, Route, Ruleset
from homelab.model.operation import (
    AddFilterRule,
    AddRoute,
    AllowEntry,
    DeleteIngressFilter,
    FilterRule,
    IngressFilter,
    Operation,
    SetIngressFilter,
    SetSysctl,
)
from homelab.model.place import guest
from homelab.model.snapshot import Snapshot
from homelab.system.simulate_nft import without_table
from homelab.system.simulate_places import with_address, with_namespace, without_address
from homelab.system.simulated import simulate

WEB = guest("web")
FILTER = IngressFilter("apps", "br-apps", "web/apps:0")


def lab(namespace: Namespace) -> Snapshot:
    return Snapshot(namespaces={WEB: namespace})


@pytest.mark.parametrize(
    "text", ["", "no json", "{}", "[]", '{"nftables": 7}', '{"nftables": [1, {"rule": 2}]}']
)
def test_an_ingress_filter_comes_and_goes_whatever_nft_had_printed(text: str) -> None:
    before = lab(Namespace(rulesets=(Ruleset("nft-json", text),)))

    there = simulate(before, SetIngressFilter(WEB, FILTER))
    gone = simulate(there, DeleteIngressFilter(WEB, FILTER))

    chains = [each["chain"]["name"] for each in items(there) if "chain" in each]
    assert chains == ["apps"]
    assert not [each for each in items(gone) if "homelab" in str(each)]


def items(snapshot: Snapshot) -> list[dict[str, dict[str, str]]]:
    texts = {each.tool: each.text for each in snapshot.namespaces[WEB].rulesets}
    found = json.loads(texts["nft-json"])["nftables"]
    return [each for each in found if isinstance(each, dict)]


def test_what_others_have_in_nft_stays_as_it_is() -> None:
    other = "table inet x {\n\tchain y {\n\t}\n}\n"
    before = lab(Namespace(rulesets=(Ruleset("nft", other),)))

    there = simulate(before, SetIngressFilter(WEB, FILTER))
    gone = simulate(there, DeleteIngressFilter(WEB, FILTER))

    text = next(each.text for each in gone.namespaces[WEB].rulesets if each.tool == "nft")
    assert text == other
    assert without_table(before.namespaces[WEB]) == before.namespaces[WEB]


@pytest.mark.parametrize(
    "entry",
    [
        AllowEntry(ip_network("10.0.0.0/8"), "Tcp"),
        AllowEntry(ip_network("10.0.0.0/8"), None, (1, 2)),
        AllowEntry(ip_network("10.0.0.0/8"), "icmp", (1, 2)),
        AllowEntry(ip_network("10.0.0.0/8"), "tcp", (2, 1)),
        AllowEntry(ip_network("10.0.0.0/8"), "tcp", (1, 65536)),
    ],
)
def test_an_entry_that_nft_could_not_read_is_refused(entry: AllowEntry) -> None:
    wanted = IngressFilter("apps", "br-apps", "m", (entry,))

    with pytest.raises(OperationError, match="none that nft knows"):
        simulate(lab(Namespace()), SetIngressFilter(WEB, wanted))


@pytest.mark.parametrize(
    ("tool", "table"), [("iptables", "filter"), ("iptables-nft", "nat"), ("../sh", "filter")]
)
def test_a_rule_stands_only_where_rules_of_ours_stand(tool: str, table: str) -> None:
    with pytest.raises(OperationError, match="no rule of homelab's stands"):
        simulate(lab(Namespace()), AddFilterRule(WEB, FilterRule(tool, table, "FORWARD", "x")))


def test_a_chain_that_nobody_makes_is_asked_after() -> None:
    rule = FilterRule("iptables-nft", "filter", "ufw-user", "x")

    with pytest.raises(OperationError, match="who makes it"):
        simulate(lab(Namespace()), AddFilterRule(WEB, rule))


TWO = (NextHop(ip_address("10.0.0.1")), NextHop(ip_address("10.0.0.2")))
V0 = Namespace(links=(Link(1, "v0"),))


@pytest.mark.parametrize(
    ("route", "said"),
    [
        (Route(ip_network("10.9.0.0/24"), TWO, protocol="201"), "exactly one next hop"),
        (Route(ip_network("10.9.0.0/24"), protocol="201"), "exactly one next hop"),
        (Route(ip_network("10.9.0.0/24"), (NextHop(),), protocol="201"), "no such device"),
        (Route(ip_network("10.9.0.0/24"), (NextHop(link="-x"),), protocol="201"), "no name"),
    ],
)
def test_a_route_that_is_none_of_ours_is_refused(route: Route, said: str) -> None:
    with pytest.raises(OperationError, match=said):
        simulate(lab(V0), AddRoute(WEB, route))


def test_a_sysctl_that_the_reader_leaves_out_may_be_set() -> None:
    wanted = SetSysctl(WEB, "net.ipv4.tcp_syncookies", "0", "1")
    after = simulate(lab(Namespace(sysctls={"net.ipv4.ip_forward": "0"})), wanted)

    assert after.namespaces[WEB].sysctls["net.ipv4.tcp_syncookies"] == "0"


def test_ipv6_is_switched_off_on_every_link_at_once() -> None:
    known = {f"net.ipv6.conf.{each}.disable_ipv6": "0" for each in ("all", "default", "v0")}
    wanted = SetSysctl(WEB, "net.ipv6.conf.all.disable_ipv6", "1", "0")

    after = simulate(lab(Namespace(sysctls=known)), wanted)

    assert after.namespaces[WEB].sysctls == dict.fromkeys(known, "1")


def test_a_link_between_two_hosts_has_no_broadcast_address() -> None:
    address = ip_interface("10.0.0.0/31")
    there = with_address(V0, "v0", address, down=False)

    assert {each.kind for each in there.routes} == {"unicast", "local"}
    assert without_address(there, "v0", address) == V0


def test_a_place_is_known_by_its_other_name_too() -> None:
    named = Snapshot(namespaces={WEB: Namespace()}, aliases={guest("alias"): WEB})
    operation: Operation = SetSysctl(guest("alias"), "net.ipv4.ip_forward", "1", "0")

    assert simulate(named, operation).namespaces[WEB].sysctls["net.ipv4.ip_forward"] == "1"
    assert with_namespace(named, guest("alias"), V0).namespaces == {WEB: V0}
