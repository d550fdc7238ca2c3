"""A redacted snapshot tells the same network, and nothing that its owner would not show."""

import re
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homelab.load.hiding import Addresses, Macs
from homelab.load.redact import REDACTED, Redaction, redact
from homelab.load.snapshot import dump_snapshot
from homelab.model.docker import Daemon, DockerNetwork
from homelab.model.kernel import FdbEntry, Link, LinkAddress, Namespace, Neighbour, Ruleset
from homelab.model.lxc import Instance, InstanceNetwork, Runtime
from homelab.model.place import HOST, Address, guest
from homelab.model.snapshot import Snapshot
from tests.captured import DOCKER, name, snapshot

MAC = "00:16:3e:4b:d0:2c"


@pytest.mark.parametrize("folder", DOCKER, ids=name)
def test_no_hardware_address_of_a_captured_lab_is_left(folder: Path) -> None:
    taken = snapshot(folder)
    macs = {each.mac for one in taken.namespaces.values() for each in one.links if each.mac}

    shown = dump_snapshot(redact(taken))

    assert macs
    assert not [each for each in macs if each in shown]
    assert "10.90.1" not in shown


def test_a_hardware_address_stays_the_same_everywhere() -> None:
    seen = Namespace(
        links=(Link(1, "lo"), Link(2, "eth0", mac=MAC)),
        neighbours=(
            Neighbour("eth0", snapshot(DOCKER[0]).namespaces[HOST].addresses[0].interface.ip, MAC),
        ),
        fdb=(FdbEntry("eth0", MAC.upper()), FdbEntry("eth0", "ff:ff:ff:ff:ff:ff")),
        rulesets=(Ruleset("nft", f"ether saddr {MAC} drop"),),
    )

    hidden = redact(Snapshot(namespaces={HOST: seen})).namespaces[HOST]

    mac = hidden.links[1].mac
    assert hidden.links[0].mac is None
    assert mac is not None
    assert mac != MAC
    assert hidden.neighbours[0].mac == mac
    assert [each.mac for each in hidden.fdb] == [mac, "ff:ff:ff:ff:ff:ff"]
    assert hidden.rulesets[0].text == f"ether saddr {mac} drop"


def test_secrets_of_instances_and_networks_are_gone_and_what_matters_stays() -> None:
    config = {
        "security.nesting": "true",
        "user.user-data": "#cloud-config\npassword: x",
        "user.homelab.network": "apps",
        "environment.API": "x",
        "volatile.eth0.hwaddr": MAC,
        "cloud-init.user-data": "x",
    }
    devices = {"eth0": {"type": "nic", "hwaddr": MAC}}
    instance = Instance("web", "Running", 1, (), config, devices, config, devices)
    networks = (InstanceNetwork("lxdbr0", config={"bgp.peers.a.password": "x"}),)

    hidden = redact(Snapshot(runtime=Runtime("lxd", "5.0.2", (instance,), networks))).runtime

    assert hidden is not None
    kept = hidden.instances[0].config
    assert kept["security.nesting"] == "true"
    assert kept["user.homelab.network"] == "apps"
    assert kept["user.user-data"] == kept["environment.API"] == REDACTED
    assert kept["cloud-init.user-data"] == REDACTED
    assert MAC not in str(hidden)
    assert hidden.networks[0].config == {"bgp.peers.a.password": REDACTED}


def test_labels_of_docker_networks_are_kept_only_if_they_are_ours() -> None:
    labels = {"homelab.network": "web/apps", "deploy_token": "x", "com.acme.team": "rockets"}
    daemon = Daemon("28.5.2", networks=(DockerNetwork("1" * 64, "apps", labels=labels),))
    redaction = Redaction(Snapshot(daemons={guest("web"): daemon}))

    (network,) = redaction.of(daemon).networks

    assert network.labels == {
        "homelab.network": redaction.of("web/apps"),
        "deploy_token": REDACTED,
        "com.acme.team": REDACTED,
    }
    assert redaction.of("web/apps") != "web/apps"


RULES = """\
-A FORWARD -i lab+ -m comment --comment "John's laptop" -j ACCEPT
-A FORWARD -i lab-web -m comment --comment secret -j LOG --log-prefix "acme: "
-A FORWARD -d 10.90.1.10/255.255.255.0 -m comment --comment "generated for LXD network lxdbr0" -j DROP
-A HOMELAB -d 10.90.1.0/24 -m comment --comment "homelab:web/apps:in:0249a546" -j ACCEPT
-A FORWARD -m string --string "hunter2" --algo bm -m iprange --src-range 10.90.1.100-10.90.2.7 -j DROP
-A FORWARD -m mac --mac-source 02:AA:00:00:00:01 -s fd00::10 -j DROP
"""
JSON = '{"prefix": {"addr": "10.90.0.0", "len": 16}}, {"log": {"prefix": "acme"}}, {"comment": "secret"}'


def hidden_rules(text: str) -> str:
    here = Namespace(
        links=(Link(1, "lab-web", alias="to John"),),
        addresses=(LinkAddress("lab-web", ip_interface("10.90.1.1/24")),),
        rulesets=(Ruleset("iptables-nft", text),),
    )
    taken = Snapshot(namespaces={guest("web"): here}, host="acme")
    return dump_snapshot(redact(taken))


@pytest.mark.parametrize("word", ["John", "secret", "acme", "hunter2", "10.90.1", "0249a546", "AA:00", "fd00::10", "lab-web", "web"])  # fmt: skip
def test_what_a_person_wrote_into_a_rule_is_gone(word: str) -> None:
    assert word in RULES
    assert word not in hidden_rules(RULES)


def test_what_a_rule_means_stays() -> None:
    shown = hidden_rules(RULES)

    assert "-i lab+" in shown
    assert re.search(r'"name": "lab\d"', shown)
    assert "/255.255.255.0" in shown
    assert "generated for LXD network lxdbr0" in shown
    first, last = re.findall(r"--src-range (\S+)-(\S+) ", shown)[0]
    assert int(ip_address(first)) < int(ip_address(last))
    assert '"len\\": 16' in hidden_rules(JSON)
    assert "acme" not in hidden_rules(JSON)
    assert "secret" not in hidden_rules(JSON)
    addr = re.findall(r'addr\\": \\"([0-9.]+)', hidden_rules(JSON))[0]
    assert ip_network(f"{addr}/16")


def test_an_address_made_of_a_hardware_address_is_made_of_the_hidden_one() -> None:
    here = Namespace(
        links=(Link(2, "eth0", mac="00:16:3e:4b:d0:2c"),),
        addresses=(LinkAddress("eth0", ip_interface("fe80::216:3eff:fe4b:d02c/64"), "link"),),
        fdb=(FdbEntry("eth0", "33:33:ff:4b:d0:2c"), FdbEntry("eth0", "33:33:00:00:00:01")),
    )

    hidden = redact(Snapshot(namespaces={HOST: here})).namespaces[HOST]

    assert hidden.links[0].mac == "02:00:00:00:00:02"
    assert hidden.addresses[0].interface == ip_interface("fe80::ff:fe00:2/64")
    assert [each.mac for each in hidden.fdb] == ["33:33:ff:00:00:03", "33:33:00:00:00:01"]


def test_a_name_that_is_a_word_of_a_rule_is_left_alone() -> None:
    links = tuple(
        Link(at, name) for at, name in enumerate(("filter", "eth0", "a", "wan.20", "w\u00e4n"), 1)
    )
    rule = Ruleset(
        "iptables-nft",
        "*filter\n-A FORWARD -i filter -o wan.20 -j DROP\n-A FORWARD -i w\u00e4n -j DROP",
    )

    hidden = redact(Snapshot(namespaces={HOST: Namespace(links=links, rulesets=(rule,))}))

    names = [each.name for each in hidden.namespaces[HOST].links]
    assert names == ["filter", "eth0", "a", "name0", "name1"]
    assert hidden.namespaces[HOST].rulesets[0].text == (
        "*filter\n-A FORWARD -i filter -o name0 -j DROP\n-A FORWARD -i name1 -j DROP"
    )


ADDRESSES = st.one_of(
    st.ip_addresses(v=4),
    st.ip_addresses(network="10.0.0.0/8"),
    st.ip_addresses(network="172.16.0.0/12"),
)


@given(st.lists(st.tuples(ADDRESSES, st.integers(1, 32)), max_size=4), ADDRESSES, ADDRESSES)
def test_law_addresses_keep_their_relations(
    blocks: list[tuple[Address, int]], one: Address, other: Address
) -> None:
    subnets = [ip_network(each, strict=False) for each in blocks]
    hiding = Addresses(b"key", subnets, Macs())
    was, now = int(one) ^ int(other), int(hiding.hide(one)) ^ int(hiding.hide(other))

    assert was.bit_length() == now.bit_length()
    for each in subnets:
        assert (one in each) is (hiding.hide(one) in hiding.hide_network(each))
    for kind in ("is_private", "is_loopback", "is_multicast", "is_link_local"):
        if not one.is_global and not hiding.hide(one).is_global:
            assert getattr(one, kind) is getattr(hiding.hide(one), kind)


@given(st.ip_addresses(v=6), st.ip_addresses(v=6))
def test_law_addresses_of_ipv6_keep_their_relations(one: Address, other: Address) -> None:
    hiding = Addresses(b"key", [], Macs())
    was, now = int(one) ^ int(other), int(hiding.hide(one)) ^ int(hiding.hide(other))

    assert (was == 0) is (now == 0)
    if was.bit_length() > 64:
        assert was.bit_length() == now.bit_length()
