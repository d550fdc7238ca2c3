"""Who wrote a rule: told by the names in it, and by nothing else."""

import pytest

from homelab.diagnosis.netfilter.owner import docker_bridges, owner
from homelab.diagnosis.netfilter.rules import Chain, Rule, Table


def rule(
    text: str,
    table: str = "filter",
    chain: str = "",
    tool: str = "iptables-nft",
    kind: str = "rule",
    comment: str = "",
) -> Rule:
    words = text.split()
    name = chain or (words[1] if len(words) > 1 else "c")
    return Rule(tool, "ip", table, name, 0, text, tuple, kind=kind, comment=comment)


def native(table: str, chain: str = "c", text: str = "drop", comment: str = "") -> Rule:
    return rule(text, table, chain, "nft", comment=comment)


BRIDGES = frozenset({"br-n1", "docker0"})


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (rule("-A DOCKER ! -i br-n1 -o br-n1 -j DROP"), "docker"),
        (rule("-A DOCKER-ISOLATION-STAGE-2 -o br-n1 -j DROP"), "docker"),
        (rule("-A DOCKER-USER -j RETURN"), "user"),
        (rule("-A DOCKER-USER -s 1.1.1.1/32 -j DROP"), "user"),
        (rule('-A DOCKER-USER -m comment --comment "homelab:web/apps" -j ACCEPT'), "homelab"),
        (rule("-A DOCKER-USER -m comment --comment homelab:web/apps -j ACCEPT"), "homelab"),
        (rule("-A DOCKER-USER -j HOMELAB"), "homelab"),
        (rule("-A HOMELAB -d 10.90.1.0/24 -j ACCEPT"), "homelab"),
        (rule("-A FORWARD -j DOCKER-USER"), "docker"),
        (rule("-A FORWARD -j DOCKER-FORWARD"), "docker"),
        (rule("-A FORWARD -o br-n1 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"), "docker"),
        (rule("-A FORWARD -i br-n1 ! -o br-n1 -j ACCEPT"), "docker"),
        (rule("-A FORWARD -i br-n1 -o br-n1 -j DROP"), "docker"),
        (rule("-A FORWARD -i br-other -o br-other -j DROP"), "user"),
        (rule("-A FORWARD -d 10.90.1.0/24 -j DROP"), "user"),
        (rule("-A PREROUTING -d 10.90.1.10/32 ! -i br-n1 -j DROP", "raw"), "docker"),
        (rule("-A PREROUTING -d 127.0.0.1/32 ! -i lo -p tcp -m tcp --dport 81 -j DROP", "raw"), "docker"),
        (rule("-A POSTROUTING -s 10.90.1.0/24 ! -o br-n1 -j MASQUERADE", "nat"), "docker"),
        (rule("-A POSTROUTING -s 10.90.1.2/32 -d 10.90.1.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE", "nat"), "docker"),
        (rule("-A POSTROUTING -o eth0 -j MASQUERADE", "nat"), "user"),
        (rule("-A ufw-user-forward -j DROP"), "ufw"),
        (rule("-A ufw6-user-forward -j DROP"), "ufw"),
        (rule("-A FORWARD -j ufw-before-forward"), "ufw"),
        (rule("-A LIBVIRT_FWI -o virbr0 -j REJECT"), "libvirt"),
        (rule("-A FORWARD -j LIBVIRT_FWX"), "libvirt"),
        (rule("-A ts-forward -i tailscale0 -j ACCEPT"), "tailscale"),
        (rule("-A FORWARD_IN_ZONES -g FWDI_public"), "firewalld"),
        (rule("-A FWDI_public -j DROP"), "firewalld"),
        (rule('-A FORWARD -o lxdbr0 -m comment --comment "generated for LXD network lxdbr0" -j ACCEPT'), "lxd"),
        (rule('-A FORWARD -m comment --comment "generated for Incus network x" -j ACCEPT'), "incus"),
        (rule("-A FORWARD -g"), "user"),
        (native("lxd", "fwd.lxdbr0"), "lxd"),
        (native("incus", "fwd.incusbr0"), "incus"),
        (native("firewalld", "filter_FORWARD"), "firewalld"),
        (native("libvirt_network", "guest_input"), "libvirt"),
        (native("docker-bridges", "filter-FORWARD"), "docker"),
        (native("homelab", "in-web"), "homelab"),
        (native("filter", "c", comment="homelab:x"), "homelab"),
        (native("filter", "c", "jump ufw-after"), "ufw"),
        (native("mine", "forward"), "user"),
    ],
)  # fmt: skip
def test_the_owner_of_a_rule(given: Rule, name: str) -> None:
    assert owner(given, None, BRIDGES) == name


def policy(*texts: str) -> str:
    rules = tuple(rule(each) for each in texts)
    own = rule("-P FORWARD DROP", chain="FORWARD", kind="policy")
    return owner(own, Chain("FORWARD", rules, policy=own), BRIDGES)


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        ((), "user"),
        (("-A FORWARD -s 1.1.1.1/32 -j DROP",), "user"),
        (("-A FORWARD -j DOCKER-USER", "-A FORWARD -j DOCKER-FORWARD"), "docker"),
        (("-A FORWARD -j DOCKER-USER", "-A FORWARD -j ufw-before-forward"), "user"),
        (("-A FORWARD -j ufw-before-forward",), "ufw"),
        (
            ("-A FORWARD -j DOCKER-USER", "-A FORWARD -j ts-forward", "-A FORWARD -j LIBVIRT_FWI"),
            "docker",
        ),
        (("-A FORWARD -j HOMELAB", "-A FORWARD -j DOCKER-USER"), "docker"),
    ],
)
def test_a_policy_is_of_the_one_program_whose_jumps_are_in_its_chain(
    texts: tuple[str, ...], name: str
) -> None:
    assert policy(*texts) == name


def test_a_policy_of_a_named_table_is_of_its_owner() -> None:
    assert owner(rule("policy drop", "lxd", "c", "nft", "policy"), None, BRIDGES) == "lxd"
    assert owner(rule("policy drop", "lxd", "c", "nft", "policy"), Chain("c"), BRIDGES) == "lxd"


def test_dockers_bridges_are_those_its_own_chains_name() -> None:
    chains = {
        "DOCKER": Chain("DOCKER", (rule("-A DOCKER ! -i br-n1 -o br-n1 -j DROP"),)),
        "DOCKER-USER": Chain("DOCKER-USER", (rule("-A DOCKER-USER -i eth7 -j DROP"),)),
        "FORWARD": Chain("FORWARD", (rule("-A FORWARD -i eth8 -j DROP"),)),
    }

    assert docker_bridges([Table("iptables-nft", "ip", "filter", chains)]) == {"br-n1"}
