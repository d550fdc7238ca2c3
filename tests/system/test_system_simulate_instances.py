from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network

import pytest

from homelab.errors import OperationError
from homelab.model.inverse import inverse
from homelab.model.kernel import Link, Namespace, NextHop, Route, Ruleset
from homelab.model.lxc import Instance, Runtime
from homelab.model.operation import (
    AddFilterRule,
    AddRoute,
    FilterRule,
    ForgetSysctl,
    IngressFilter,
    KeepSysctl,
    RestartInstance,
    SetIngressFilter,
    SetInstanceConfig,
    SetInstanceDevice,
)
from homelab.model.place import HOST, guest
from homelab.model.snapshot import Snapshot
from homelab.system.simulate_places import with_address
from homelab.system.simulated import SimulatedSystem, simulate

WEB = guest("web")
NIC = {"type": "nic", "network": "lxdbr0", "name": "eth0"}
BARE = Namespace(
    links=(Link(1, "lo", loopback=True), Link(2, "eth0", "veth")),
    rulesets=(Ruleset("nft", "table ip x {\n}\n"),),
    sysctls={"net.ipv4.ip_forward": "0", "net.ipv4.conf.eth0.forwarding": "0"},
)
HERE = with_address(BARE, "eth0", ip_interface("10.77.0.55/24"), down=False)
DEFAULT = Route(ip_network("0.0.0.0/0"), (NextHop(ip_address("10.77.0.1"), "eth0"),))
SNAPSHOT = Snapshot(
    namespaces={HOST: Namespace(), WEB: replace(HERE, routes=(*HERE.routes, DEFAULT))},
    runtime=Runtime(
        "lxd",
        "5.0.2",
        (
            Instance("db", "Running", profiles=("default",), expanded_devices={"eth0": NIC}),
            Instance("web", "Running", profiles=("default",), expanded_devices={"eth0": NIC}),
        ),
    ),
)
FIXED = {**NIC, "ipv4.address": "10.77.0.11", "ipv6.address": "none"}
SET = SetInstanceDevice(HOST, "web", "eth0", FIXED, None)
KEY = SetInstanceConfig(HOST, "web", {"security.nesting": "true"}, {"security.nesting": None})
RESTART = RestartInstance(HOST, "web")


def test_a_key_is_set_and_taken_back() -> None:
    there = simulate(SNAPSHOT, KEY)
    one = there.instance("web")
    assert one is not None
    assert one.config == one.expanded_config == {"security.nesting": "true"}

    (back,) = inverse(KEY)
    assert simulate(there, back) == SNAPSHOT


def test_a_device_that_is_taken_back_is_the_one_of_the_profile_again() -> None:
    there = simulate(SNAPSHOT, SET)
    one = there.instance("web")
    assert one is not None
    assert one.devices == {"eth0": FIXED}

    (back,) = inverse(SET)
    assert simulate(there, back) == SNAPSHOT


def test_a_device_of_no_profile_is_gone_when_it_is_taken_away() -> None:
    wanted = SetInstanceDevice(HOST, "web", "scratch", {"type": "none"}, None)
    (back,) = inverse(wanted)

    assert simulate(simulate(SNAPSHOT, wanted), back) == SNAPSHOT


@pytest.mark.parametrize("snapshot", [Snapshot(), SNAPSHOT])
def test_an_instance_that_is_not_there_is_named(snapshot: Snapshot) -> None:
    with pytest.raises(OperationError, match="there is no instance nobody"):
        simulate(snapshot, RestartInstance(HOST, "nobody"))


def test_a_restarted_guest_has_the_address_of_its_device() -> None:
    after = simulate(simulate(SNAPSHOT, SET), RESTART).namespaces[WEB]

    assert [str(each.interface) for each in after.addresses] == ["10.77.0.11/24"]
    assert {str(each.source) for each in after.routes if each.source} == {"10.77.0.11"}
    assert DEFAULT in after.routes
    assert "10.77.0.55" not in str(after.routes)


def test_a_restarted_guest_has_the_sysctls_that_lxd_keeps_for_it() -> None:
    kept = SetInstanceConfig(HOST, "web", {"linux.sysctl.net.ipv4.ip_forward": "1"}, {})
    after = simulate(simulate(SNAPSHOT, kept), RESTART).namespaces[WEB]

    assert after.sysctls["net.ipv4.ip_forward"] == "1"
    assert after.sysctls["net.ipv4.conf.eth0.forwarding"] == "1"


def test_what_was_only_in_the_kernel_of_a_guest_is_gone_after_its_restart() -> None:
    route = Route(ip_network("10.9.0.0/24"), DEFAULT.hops, protocol="201")
    system = SimulatedSystem(SNAPSHOT)
    system.run(AddRoute(WEB, route))
    system.run(AddFilterRule(WEB, FilterRule("iptables-nft", "filter", "FORWARD", "x")))
    system.run(SetIngressFilter(WEB, IngressFilter("x", "br-x", "x")))
    system.run(RESTART)

    after = system.read().namespaces[WEB]
    assert "HOMELAB" not in str(after.rulesets)
    assert "homelab" not in str(after.rulesets)
    assert after.routes == SNAPSHOT.namespaces[WEB].routes
    assert ("nft", "table ip x {\n}\n") in {(each.tool, each.text) for each in after.rulesets}


def test_a_guest_that_did_not_run_is_not_observed_yet_when_it_does() -> None:
    runtime = Runtime("lxd", "5.0.2", (Instance("web", "Stopped"),))
    after = simulate(Snapshot(runtime=runtime), RESTART)

    assert after.instance("web") == Instance("web", "Running")
    assert after.namespaces == {}


def test_a_kept_sysctl_is_remembered_with_what_it_was() -> None:
    keep = KeepSysctl(HOST, "net.ipv4.ip_forward", "1", "0")
    there = simulate(SNAPSHOT, keep)
    assert there.kept_sysctls == {"net.ipv4.ip_forward": ("1", "0")}

    assert simulate(there, ForgetSysctl(HOST, "net.ipv4.ip_forward", "1", "0")) == SNAPSHOT


def test_only_the_hosts_own_sysctls_are_kept() -> None:
    with pytest.raises(OperationError, match="only the host's own"):
        simulate(SNAPSHOT, KeepSysctl(WEB, "net.ipv4.ip_forward", "1", "0"))


def test_a_system_breaks_once_where_it_shall() -> None:
    system = SimulatedSystem(SNAPSHOT, breaks_on=SetInstanceConfig)

    with pytest.raises(OperationError, match="was made to fail"):
        system.run(KEY)
    assert system.read() == SNAPSHOT

    system.run(KEY)
    assert system.read() != SNAPSHOT
