"""Expectations as people write them: what they mean, and every problem of the wrong ones with its position."""

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homelab.errors import InventoryError
from homelab.load import flows
from homelab.load.inventory import parse_inventory
from homelab.model.inventory import (
    ContainerCalled,
    Destination,
    Expectation,
    Inventory,
    NetworkOf,
    Where,
)
from homelab.model.trace import Outcome

LAB = """\
hosts: {nuc: {}}
guests:
  web: {nic: {address: 10.77.0.11}, networks: {apps: {subnet: 10.90.1.0/24}}}
"""


def load(*entries: str) -> Inventory:
    lines = "".join(f"  - {each}\n" for each in entries)
    return parse_inventory([("lab.yaml", f"{LAB}expect:\n{lines}".encode())], "lab.yaml")


def problems(*entries: str) -> tuple[str, ...]:
    with pytest.raises(InventoryError) as caught:
        load(*entries)
    return caught.value.problems


def test_an_expectation_says_from_where_to_whom_and_how() -> None:
    (found,) = load("{from: lan, to: web/apps:80, outcome: dropped, reason: because}").expect

    to = Destination(NetworkOf("web", "apps"), "tcp", 80)
    assert found == Expectation("lan", to, Outcome.DROPPED, "because")
    assert found.where == Where("lab.yaml", 5, 5)


def test_delivered_is_what_is_expected_when_nothing_else_is_said() -> None:
    (found,) = load("{from: host, to: web/apps}").expect

    assert (found.outcome, found.reason, found.to.protocol) == (Outcome.DELIVERED, "", "icmp")


@pytest.mark.parametrize(
    "written",
    [
        "lan",
        "router",
        "host",
        "guest:web",
        "container:web/front_1.x",
        "container:host/front",
        "netns:client",
        "packet:eth0:10.0.0.9",
        "packet:eth0.20:fd00::9",
    ],
)
def test_every_vantage_is_understood(written: str) -> None:
    assert flows.origin(written) == written


@pytest.mark.parametrize(
    ("written", "meant", "shown"),
    [
        ("web/apps", Destination(NetworkOf("web", "apps")), "web/apps"),
        ("web/apps:53/udp", Destination(NetworkOf("web", "apps"), "udp", 53), "web/apps:53/udp"),
        ("front", Destination(ContainerCalled("front")), "front"),
        ("front:80/tcp", Destination(ContainerCalled("front"), "tcp", 80), "front:80/tcp"),
        (
            "container:web/front:80",
            Destination(ContainerCalled("front", "web"), "tcp", 80),
            "container:web/front:80/tcp",
        ),
        ("10.90.1.10", Destination(ip_address("10.90.1.10")), "10.90.1.10"),
        ("10.90.1.10:80", Destination(ip_address("10.90.1.10"), "tcp", 80), "10.90.1.10:80/tcp"),
        ("fd00::1", Destination(ip_address("fd00::1")), "fd00::1"),
        ("[fd00::1]", Destination(ip_address("fd00::1")), "fd00::1"),
        ("[fd00::1]:53/udp", Destination(ip_address("fd00::1"), "udp", 53), "[fd00::1]:53/udp"),
    ],
)
def test_every_form_of_a_target_is_understood_and_shown(
    written: str, meant: Destination, shown: str
) -> None:
    assert flows.destination(written) == meant
    assert str(meant) == shown


@pytest.mark.parametrize(
    ("entry", "position", "said"),
    [
        ("{from: wlan, to: web/apps}", "5:12", '"wlan" is no place to send from; write lan, router'),
        ("{from: guest:wbe, to: web/apps}", "5:12", 'unknown guest "wbe"; did you mean "web"?'),
        ("{from: container:db/x, to: web/apps}", "5:12", 'unknown guest "db"'),
        ("{from: 'guest:', to: web/apps}", "5:12", '"" is not a guest name'),
        ("{from: 'packet:eth0:here', to: web/apps}", "5:12", '"here" is not an IP address'),
        ("{from: 'packet::10.0.0.1', to: web/apps}", "5:12", '"" is not an interface name'),
        ("{from: lan, to: web/app}", "5:21", 'unknown network of guest web "app"; did you mean "apps"?'),
        ("{from: lan, to: wbe/apps}", "5:21", 'unknown guest "wbe"'),
        ("{from: lan, to: 'container:db/pg'}", "5:21", 'unknown guest "db"'),
        ("{from: lan, to: web/apps:0}", "5:21", "no port; write 1 to 65535"),
        ("{from: lan, to: web/apps:99999}", "5:21", "no port; write 1 to 65535"),
        ("{from: lan, to: web/apps:80/sctp}", "5:21", "no port; write 1 to 65535"),
        ("{from: lan, to: 'web/apps:'}", "5:21", "no port; write 1 to 65535"),
        ("{from: lan, to: '[web/apps]:80'}", "5:21", "is no target"),
        ("{from: lan, to: 127.0.0.1}", "5:21", "127.0.0.1 is loopback"),
        ("{from: lan, to: ''}", "5:21", "is no target"),
        ("{from: lan, to: [web/apps]}", "5:21", "a list or a mapping stands here"),
        ("{from: lan, to: web/apps, outcome: droped}", "5:40", 'did you mean "dropped"?'),
        ("{from: lan, to: web/apps, outcome: unknown}", "5:40", "allowed: delivered, dropped, rejected"),
        ("{from: lan, to: web/apps, reason: {a: b}}", "5:39", "a list or a mapping stands here"),
        ("{from: lan}", "5:5", "the key `to` is missing; write to: web/apps:80"),
        ("{to: web/apps}", "5:5", "the key `from` is missing; write from: lan"),
        ("{from: lan, to: web/apps, port: 80}", "5:31", 'unknown key "port"'),
        ("{from: 'packet:eth0:10.0.0.9', to: 'fd00::1'}", "5:6", "write two addresses of one family"),
        ("lan", "5:5", "a mapping (KEY: VALUE) is expected here"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_position_and_the_way_out(
    entry: str, position: str, said: str
) -> None:
    (problem,) = problems(entry)

    assert problem.startswith(f"lab.yaml:{position}: ")
    assert said in problem


def test_all_problems_are_told_at_once() -> None:
    found = problems("{from: guest:a, to: web/b}", "{from: netns:x, to: c/d}")

    assert [each.split(": ")[0] for each in found] == ["lab.yaml:5:12", "lab.yaml:5:25", "lab.yaml:6:25"]  # fmt: skip


def test_a_long_reason_is_refused_in_short() -> None:
    (problem,) = problems(f"{{from: lan, to: web/apps, reason: {'x' * 201}}}")

    assert "at most 200" in problem
    assert len(problem) < 200


@given(st.one_of(st.text(), st.lists(st.text()), st.none(), st.text("[]:/.0123456789abf")))
def test_anything_else_is_a_value_error_that_can_be_shown(written: Any) -> None:
    for parse in (flows.origin, flows.destination, flows.outcome, flows.reason):
        assert said_by(parse, written).isprintable()


def said_by(parse: Callable[[object], object], written: object) -> str:
    try:
        parse(written)
    except ValueError as error:
        return str(error)
    return ""


@given(
    st.sampled_from(["web/apps", "front", "container:web/front", "10.0.0.9", "[fd00::9]"]),
    st.one_of(st.just(""), st.integers(1, 65535).map(lambda n: f":{n}/tcp"), st.just(":53/udp")),
)
def test_a_target_is_shown_as_it_can_be_written(host: str, port: str) -> None:
    found = flows.destination(host + port)

    assert flows.destination(str(found)) == found
