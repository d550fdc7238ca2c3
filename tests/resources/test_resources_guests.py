"""What is set on a guest in LXD or Incus, and given back as it was."""

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homelab.model.inventory import ContainerNetwork, Guest, Host, Inventory, Nic
from homelab.model.kernel import LinkAddress, Namespace
from homelab.model.lxc import Instance, InstanceNetwork, Runtime
from homelab.model.operation import ForgetConnections, RestartInstance, SetInstanceConfig
from homelab.model.place import HOST, Interface, guest
from homelab.model.plan import Plan
from homelab.model.snapshot import Snapshot
from homelab.planning.diff import actual_state, desired_state, diff, obstacles
from homelab.planning.execute import execute, undo
from homelab.resources.forwarding import Forwarding
from homelab.resources.guest_address import GuestAddress
from homelab.resources.instance import GuestSetting
from homelab.system.simulated import SimulatedSystem

KINDS = (GuestSetting, GuestAddress)
NIC = {"type": "nic", "network": "lxdbr0", "name": "eth0"}
FOUR, SIX = ip_address("10.77.0.11"), ip_address("fd77::11")
APPS = ContainerNetwork("web", "apps", (ip_network("10.90.1.0/24"), ip_network("fd90:1::/64")))


def lab(
    config: Mapping[str, str] | None = None,
    devices: Mapping[str, Mapping[str, str]] | None = None,
    *,
    stateful: bool = True,
    addresses: tuple[Interface, ...] = (),
) -> Snapshot:
    """One guest whose NIC comes from a profile, and a spare one of the same profile."""
    own, keys = dict(devices or {}), dict(config or {})
    web = Instance(
        "web",
        "Running",
        config=keys,
        devices=own,
        expanded_config=keys,
        expanded_devices={"eth0": NIC, **own},
    )
    spare = Instance("spare", "Stopped", expanded_devices={"eth0": NIC})
    network = InstanceNetwork(
        "lxdbr0", managed=True, config={"ipv6.dhcp.stateful": str(stateful).lower()}
    )
    here = Namespace(addresses=tuple(LinkAddress("eth0", each) for each in addresses))
    return Snapshot(
        runtime=Runtime("lxd", "5.0.2", (web, spare), (network,)), namespaces={guest("web"): here}
    )


def declared(nic: Nic | None = None, *, restart: bool = True) -> Inventory:
    nic = nic or Nic(network="lxdbr0", addresses=(FOUR, SIX))
    return Inventory((Host("nuc"),), guests=(Guest("web", "nuc", nic, (APPS,), restart=restart),))


def plan(inventory: Inventory, snapshot: Snapshot) -> Plan:
    desired = desired_state(inventory, snapshot, KINDS)
    return diff(desired, actual_state(snapshot, KINDS), snapshot)


def carried_out(inventory: Inventory, snapshot: Snapshot) -> Snapshot:
    system = SimulatedSystem(snapshot)
    execution = execute(plan(inventory, snapshot).operations(), system.run)
    assert execution.failure is None
    return system.read()


def web(snapshot: Snapshot) -> Instance:
    found = snapshot.instance("web")
    assert found is not None
    return found


def test_a_device_of_a_profile_gets_a_copy_of_the_guest_s_own() -> None:
    applied = web(carried_out(declared(), lab()))

    assert applied.devices == {
        "eth0": {**NIC, "ipv4.address": "10.77.0.11", "ipv6.address": "fd77::11"}
    }
    assert applied.config["user.homelab.was.device.eth0.ipv4.address"] == "inherited"
    assert applied.config["user.homelab.was.security.nesting"] == "unset"
    assert applied.config["linux.sysctl.net.ipv6.conf.all.forwarding"] == "1"


def test_without_stateful_dhcp_lxd_would_refuse_a_fixed_ipv6_address() -> None:
    applied = web(carried_out(declared(), lab(stateful=False)))

    assert applied.devices == {"eth0": {**NIC, "ipv4.address": "10.77.0.11"}}


@pytest.mark.parametrize(
    "nic", [Nic(bridge="br0", addresses=(FOUR,)), Nic(network="lxdbr0", addresses=())]
)
def test_a_nic_that_no_managed_network_gives_an_address_is_left_alone(nic: Nic) -> None:
    assert not web(carried_out(declared(nic), lab())).devices


STARTS = st.builds(
    lab,
    st.sampled_from(
        [{}, {"security.nesting": "true"}, {"security.nesting": "false", "user.note": "mine"}]
    ),
    st.sampled_from(
        [
            {},
            {"eth0": NIC},
            {"eth0": {**NIC, "ipv4.address": "10.77.0.99"}},
            {"eth0": {**NIC, "ipv4.address": str(FOUR), "mtu": "1400"}},
            {"eth0": {**NIC, "ipv6.address": "fd77::99"}},
        ]
    ),
    stateful=st.booleans(),
)
INVENTORIES = st.builds(
    declared,
    st.sampled_from([(FOUR,), (SIX,), (FOUR, SIX), (ip_address("10.77.0.12"), SIX), ()]).map(
        lambda addresses: Nic(network="lxdbr0", addresses=addresses)
    ),
    restart=st.booleans(),
)


@given(STARTS, INVENTORIES, INVENTORIES)
def test_whatever_is_declared_after_whatever_all_of_it_goes_back(
    start: Snapshot, one: Inventory, other: Inventory
) -> None:
    applied = carried_out(other, carried_out(one, start))

    assert not plan(other, applied)
    assert carried_out(Inventory(), applied).runtime == start.runtime


@given(STARTS, INVENTORIES, INVENTORIES, st.integers(0, 8))
def test_whatever_fails_between_goes_back_too(
    start: Snapshot, one: Inventory, other: Inventory, steps: int
) -> None:
    before = carried_out(one, start)
    system = SimulatedSystem(before)

    back = undo(execute(plan(other, before).operations()[:steps], system.run), system.run)

    assert back.failure is None
    assert system.read().runtime == before.runtime


def test_an_override_that_somebody_took_away_is_not_taken_away_again() -> None:
    applied = carried_out(declared(), lab())
    assert applied.runtime is not None
    by_hand = replace(
        applied,
        runtime=replace(
            applied.runtime,
            instances=tuple(replace(each, devices={}) for each in applied.runtime.instances),
        ),
    )

    operations = plan(Inventory(), by_hand).operations()

    assert all(isinstance(each, SetInstanceConfig) for each in operations)
    assert "guest nic web eth0" in {str(each.key) for each in plan(declared(), by_hand).changes}


def test_a_device_may_have_a_dot_in_its_name() -> None:
    nic = Nic("eth0.20", network="lxdbr0", addresses=(FOUR,))
    start = lab(devices={"eth0.20": NIC})

    applied = carried_out(declared(nic), start)

    assert not plan(declared(nic), applied)
    assert carried_out(Inventory(), applied).runtime == start.runtime


def test_a_guest_restarts_once_and_says_so() -> None:
    start = lab()

    operations = plan(declared(), start).operations()

    assert operations.count(RestartInstance(HOST, "web")) == 1
    assert {each.guest for each in desired_state(declared(), start, KINDS).values()} == {"web"}
    assert plan(declared(), start).disruptions() == (
        "guest web restarts for security.nesting: its containers are down for some seconds",
        "guest web restarts for 10.77.0.11 and fd77::11: its containers are down for some seconds",
    )


def test_a_guest_that_has_its_addresses_already_does_not_restart_for_them() -> None:
    here = (ip_interface("10.77.0.11/24"), ip_interface("fd77::11/64"))
    start = lab({"security.nesting": "true"}, addresses=here)

    assert plan(declared(), start).disruptions() == ()
    assert RestartInstance(HOST, "web") not in plan(declared(), start).operations()


def test_a_guest_that_must_not_restart_has_it_from_its_next_start_on() -> None:
    there = plan(declared(restart=False), lab())

    assert there.disruptions() == ()
    assert RestartInstance(HOST, "web") not in there.operations()
    said = {each.key.name: each.new.describe() for each in there.changes if hasattr(each, "new")}
    assert said["web security.nesting"].endswith(", from the guest's next start on")
    assert said["web eth0"].endswith(", from the guest's next start on")
    assert said["web linux.sysctl.net.ipv4.ip_forward"].endswith("ip_forward = 1")


def test_a_stopped_guest_is_not_started_for_a_setting() -> None:
    start = lab()
    assert start.runtime is not None
    stopped = replace(web(start), status="Stopped")
    off = replace(start, runtime=replace(start.runtime, instances=(stopped,)))

    assert RestartInstance(HOST, "web") not in plan(declared(), off).operations()


def test_a_nic_of_another_name_is_asked_for() -> None:
    nic = Nic("enp5s0", network="lxdbr0", addresses=(FOUR,))
    desired = desired_state(declared(nic), lab(), (GuestAddress,))

    (said,) = obstacles(desired, {}, lab())

    assert said.startswith("guest web: it has no device enp5s0; write the right `nic.name`")


def test_nothing_is_set_on_a_guest_that_is_not_there_or_has_no_networks() -> None:
    empty = Snapshot()
    idle = replace(declared(), guests=(Guest("web", "nuc"),))

    assert not plan(declared(), empty)
    assert not plan(idle, lab())
    gone = GuestAddress("web", "eth0", (("ipv4.address", "10.77.0.11"),), ())
    assert gone.create(empty) == ()
    assert gone.delete(empty) == ()
    assert gone.guest == "web"


def test_what_somebody_changed_back_is_set_again_and_the_first_value_kept() -> None:
    applied = carried_out(declared(), lab({"security.nesting": "false"}))
    assert applied.runtime is not None
    config = {**web(applied).config, "security.nesting": "false"}
    spoiled = replace(web(applied), config=config, expanded_config=config)
    turned = replace(applied, runtime=replace(applied.runtime, instances=(spoiled,)))

    (change,) = plan(declared(), turned).changes

    assert str(change.key) == "guest setting web security.nesting"
    assert web(carried_out(declared(), turned)).config == web(applied).config


@pytest.mark.parametrize(
    ("before", "forgotten"), [("10.77.0.99", ["10.77.0.99"]), ("auto", []), (None, [])]
)
def test_the_connections_of_the_address_before_are_forgotten(
    before: str | None, forgotten: list[str]
) -> None:
    nic = {"type": "nic", "network": "lxdbr0", **({"ipv4.address": before} if before else {})}
    web = Instance("web", "Running", devices={"eth0": nic}, expanded_devices={"eth0": nic})
    host = Snapshot(namespaces={HOST: Namespace()}, runtime=Runtime("lxd", "5", (web,)))
    wanted = GuestAddress(
        "web", "eth0", (("ipv4.address", "10.77.0.11"),), (("ipv4.address", "unset"),)
    )

    gone = [each for each in wanted.create(host) if isinstance(each, ForgetConnections)]

    assert [str(one) for each in gone for one in each.addresses] == forgotten
    assert all(each.place == HOST for each in gone)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("lxc", "'lxc.sysctl.net.ipv4.ip_forward = 1' >>/var/lib/lxc/web/config"),
        ("proxmox", "'lxc.sysctl.net.ipv4.ip_forward: 1' >>/etc/pve/lxc/web.conf"),
    ],
)
def test_where_nothing_can_be_kept_the_owner_is_told_what_to_write(name: str, line: str) -> None:
    """No key of a guest is planned, and what is not forwarding yet stands in the way."""
    seen = replace(lab(), runtime=replace(lab().runtime or Runtime(name, ""), name=name))

    assert desired_state(declared(), seen, KINDS) == {}
    said = obstacles(desired_state(declared(), seen, (Forwarding,)), {}, seen)

    assert [each.partition("`")[2].partition("`")[0] for each in said][:1] == [f"echo {line}"]
    assert len(said) == 2


def test_what_forwards_already_is_no_obstacle() -> None:
    forwards = {"net.ipv4.ip_forward": "1", "net.ipv6.conf.all.forwarding": "1"}
    here = Namespace(sysctls=forwards)
    seen = replace(lab(), runtime=Runtime("lxc", ""), namespaces={guest("web"): here})

    assert desired_state(declared(), seen, (Forwarding,)) == {}
