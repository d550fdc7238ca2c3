"""Listeners, sysctls, the sysctls homelab keeps, and the sections of the collector."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homelab.errors import UnreadableError
from homelab.model.kernel import Listener, Ruleset
from homelab.system.collect import Section, split
from homelab.system.namespaces import parse
from homelab.system.parse_sockets import parse_sockets
from homelab.system.parse_sysctls import parse_kept, parse_sysctls
from homelab.system.rows import UnparsableError

EMPTY = "\n[]" * 4
HEALTHY = {
    "links": Section("[]"),
    "ipv4": Section(EMPTY),
    "ipv6": Section(EMPTY),
    "sockets": Section(""),
    "sysctls": Section("/proc/sys/net/ipv4/ip_forward:1", status=2, said="grep: no such file"),
    "nft": Section(""),
}


def test_listeners_as_ss_prints_them() -> None:
    printed = """
tcp   LISTEN 0      128          0.0.0.0:80         0.0.0.0:*
tcp   LISTEN 0      128             [::]:81            [::]:*
tcp   LISTEN 0      128                *:82               *:*
tcp   LISTEN 0      128        127.0.0.1:83         0.0.0.0:*
udp   UNCONN 0      0     0.0.0.0%lxdbr0:67         0.0.0.0:*
udp   UNCONN 0      0    [fe80::1]%eth0:546            [::]:*
tcp   LISTEN 0      128 [::ffff:10.0.0.1]:84              *:*
udp   ESTAB  0      0           10.0.0.1:85       10.0.0.2:5
""".strip()

    assert parse_sockets(printed) == (
        Listener("tcp", 4, None, 80),
        Listener("tcp", 6, None, 81),
        Listener("tcp", 4, None, 82),
        Listener("tcp", 6, None, 82),
        Listener("tcp", 4, ip_address("127.0.0.1"), 83),
        Listener("udp", 4, None, 67, "lxdbr0"),
        Listener("udp", 6, ip_address("fe80::1"), 546, "eth0"),
        Listener("tcp", 4, ip_address("10.0.0.1"), 84),
    )


@pytest.mark.parametrize(
    "line",
    ["tcp LISTEN", "tcp LISTEN 0 1 0.0.0.0:http 0.0.0.0:*", "tcp LISTEN 0 1 here:80 0.0.0.0:*"],
)
def test_another_line_is_refused(line: str) -> None:
    with pytest.raises(UnparsableError):
        parse_sockets(line)


def test_sysctls_have_the_name_of_their_interface_as_it_is() -> None:
    printed = (
        "/proc/sys/net/ipv4/conf/eth0.20/rp_filter:1\n"
        "grep: /proc/sys/net/x: Permission denied\n"
        "/proc/sys/net/ipv4/ip_local_port_range:32768\t60999\n"
        "/proc/sys/net/bridge/bridge-nf-call-iptables:0"
    )

    assert parse_sysctls(printed) == {
        "net.ipv4.conf.eth0.20.rp_filter": "1",
        "net.ipv4.ip_local_port_range": "32768 60999",
        "net.bridge.bridge-nf-call-iptables": "0",
    }


def test_kept_sysctls_are_those_with_the_mark_of_homelab_above() -> None:
    lines = [
        "# Written by homelab",
        "# homelab: was 0",
        "net.ipv4.ip_forward = 1",
        "# homelab: was 32768 60999",
        "net.ipv4.ip_local_port_range=1024 65000",
        "net.ipv4.conf.all.rp_filter = 1",
        "# homelab: was 0",
        "",
        "net.ipv6.conf.all.forwarding = 1",
        "; a remark",
    ]

    assert parse_kept(lines) == {
        "net.ipv4.ip_forward": ("1", "0"),
        "net.ipv4.ip_local_port_range": ("1024 65000", "32768 60999"),
    }


@given(st.text(alphabet='[]{}" :\nlinks', max_size=80), st.integers(0, 255), st.text(max_size=20))
def test_sections_come_back_as_they_were_printed(text: str, status: int, said: str) -> None:
    token = "0123456789abcdef"
    printed = f"{text}\n{token} links {status}\n{said}\n{token}[]\n{token} fdb 0\n\n{token}"

    assert split(printed, token) == {
        "links": Section(text, status, f"{said}\n"),
        "fdb": Section("[]", 0, "\n"),
    }


def test_an_answer_that_is_none_of_our_script_is_refused() -> None:
    with pytest.raises(UnreadableError):
        split("T what\nT", "T")


def test_a_healthy_place_has_no_gaps() -> None:
    seen = parse(HEALTHY)

    assert seen.unread == {}
    assert seen.sysctls == {"net.ipv4.ip_forward": "1"}


@pytest.mark.parametrize(
    ("section", "reason"),
    [
        (Section("", 139, "Segmentation fault"), "crashed (SIGSEGV)"),
        (Section("", 128 + 99), "crashed (signal 99)"),
        (Section("", 127, "sh: 1: nft: not found\n"), "sh: 1: nft: not found"),
        (Section("table ip x", 1, ""), "exit status 1"),
    ],
)
def test_a_tool_that_failed_is_not_observed_and_never_no_rules(
    section: Section, reason: str
) -> None:
    seen = parse(HEALTHY | {"nft": section})

    assert seen.unread == {"nft": reason}
    assert seen.rulesets == ()


def test_rulesets_stand_in_a_fixed_order_and_empty_ones_are_left_out() -> None:
    found = {"ipset": Section("create a"), "iptables-nft": Section("*filter"), "nft": Section("t")}

    seen = parse(HEALTHY | found | {"nft-json": Section(" \n")})

    assert seen.rulesets == (
        Ruleset("nft", "t"),
        Ruleset("iptables-nft", "*filter"),
        Ruleset("ipset", "create a"),
    )


def test_links_that_cannot_be_understood_are_a_gap() -> None:
    assert "links" in parse(HEALTHY | {"links": Section("{}")}).unread


def test_a_batch_that_ended_early_leaves_gaps_only_for_what_is_missing() -> None:
    cut = Section(
        '[{"dst":"default","dev":"eth0"}]', 1, "RTNETLINK answers: Operation not permitted"
    )

    seen = parse(HEALTHY | {"ipv4": cut})

    assert len(seen.routes) == 1
    assert seen.unread == {
        "rules": "ipv4: RTNETLINK answers: Operation not permitted",
        "neighbours": "ipv4: RTNETLINK answers: Operation not permitted",
    }


@pytest.mark.parametrize("text", ["[}", "5", '[{"dst":5}]'])
def test_a_batch_that_cannot_be_understood_is_a_gap_for_all_it_tells(text: str) -> None:
    assert set(parse(HEALTHY | {"ipv6": Section(text)}).unread) == {"routes", "rules", "neighbours"}


def test_what_was_never_collected_is_a_gap() -> None:
    assert set(parse({}).unread) == {
        "links",
        "routes",
        "rules",
        "neighbours",
        "sockets",
        "sysctls",
    }
