from ipaddress import ip_address, ip_network

import pytest

from homelab.model import operation as op
from homelab.model.docker import Attachment, DockerNetwork, DockerSubnet
from homelab.model.kernel import NextHop, Route
from homelab.model.lxc import Runtime
from homelab.model.operation import FilterRule, IngressFilter
from homelab.model.persistence import KeptRoute
from homelab.model.place import HOST, ROUTER, Place, container, guest
from homelab.model.snapshot import Snapshot
from homelab.report.commands import commands, undo_commands

LAB = Snapshot(
    aliases={Place("netns:edge"): ROUTER},
    runtime=Runtime("lxd", "5.0.2"),
)
SUBNET = ip_network("10.90.1.0/24")
ROUTE = Route(SUBNET, (NextHop(ip_address("10.77.0.11"), "lxdbr0"),), protocol="201")
SIX = Route(ip_network("fd90::/64"), (NextHop(ip_address("fd77::11")),), protocol="201", metric=5)
KEPT = KeptRoute(
    ip_network("10.90.1.0/24"),
    ip_address("10.77.0.11"),
    "br0",
    "ifupdown",
    "/etc/network/if-up.d/homelab",
)
RULE = FilterRule("iptables-nft", "filter", "DOCKER-USER", "web/apps:open:1", destination=SUBNET)
FILTER = IngressFilter("apps", "hl-apps", "web/apps:1")
NETWORK = DockerNetwork(
    "",
    "apps",
    subnets=(DockerSubnet(SUBNET, ip_address("10.90.1.1")),),
    options={"a.b": "c d"},
    labels={"homelab.network": "web/apps"},
)
ATTACHED = Attachment("apps", fixed_ipv4=ip_address("10.90.1.10"), aliases=("shop",))
WEB = guest("web")
FILTER_ADD = "lxc exec web -- iptables-nft -w -t filter -A HOMELAB"
CREATE = "lxc exec web -- docker network create --subnet 10.90.1.0/24 --gateway 10.90.1.1"

CASES: list[tuple[op.Operation, tuple[str, ...]]] = [
    (
        op.AddRoute(HOST, ROUTE),
        ("ip route add 10.90.1.0/24 via 10.77.0.11 dev lxdbr0 proto 201",),
    ),
    (
        op.AddRoute(WEB, SIX),
        ("lxc exec web -- ip -6 route add fd90::/64 via fd77::11 proto 201 metric 5",),
    ),
    (
        op.DeleteRoute(ROUTER, ROUTE),
        ("ip netns exec edge ip route del 10.90.1.0/24 via 10.77.0.11 dev lxdbr0 proto 201",),
    ),
    (
        op.SetSysctl(WEB, "net.ipv4.ip_forward", "1", "0"),
        ("lxc exec web -- sysctl -w net.ipv4.ip_forward=1",),
    ),
    (
        op.SetSysctl(container("web", "app"), "net.ipv4.ip_forward", "1", "0"),
        ("lxc exec web -- docker exec app sysctl -w net.ipv4.ip_forward=1",),
    ),
    (
        op.KeepSysctl(HOST, "net.ipv4.ip_forward", "1", "0"),
        ("# keep net.ipv4.ip_forward=1 in /etc/sysctl.d/60-homelab.conf",),
    ),
    (
        op.KeepRoute(ROUTER, KEPT),
        ("# router: keep the route to 10.90.1.0/24 in /etc/network/if-up.d/homelab",),
    ),
    (op.KeepFilter(WEB, FILTER), ("# keep the filter apps for each start of guest:web",)),
    (
        op.AddFilterRule(WEB, RULE),
        (
            "lxc exec web -- iptables-nft -w -t filter -N HOMELAB",
            "lxc exec web -- iptables-nft -w -t filter -I DOCKER-USER -j HOMELAB",
            f"{FILTER_ADD} -d 10.90.1.0/24 -m comment --comment homelab:web/apps:open:1 -j ACCEPT",
        ),
    ),
    (op.DeleteIngressFilter(WEB, FILTER), ("lxc exec web -- nft delete chain inet homelab apps",)),
    (op.RestartInstance(HOST, "web"), ("lxc restart web",)),
    (
        op.SetInstanceConfig(HOST, "web", {"security.nesting": "true", "a": None}, {}),
        ("lxc config set web security.nesting=true", "lxc config unset web a"),
    ),
    (
        op.SetInstanceDevice(HOST, "web", "eth0", {"ipv4.address": "10.77.0.11"}, None),
        ("lxc config device override web eth0 ipv4.address=10.77.0.11",),
    ),
    (op.SetInstanceDevice(HOST, "web", "eth0", None, {}), ("lxc config device remove web eth0",)),
    (
        op.CreateDockerNetwork(WEB, NETWORK),
        (f"{CREATE} -o 'a.b=c d' --label homelab.network=web/apps apps",),
    ),
    (op.RemoveDockerNetwork(WEB, NETWORK), ("lxc exec web -- docker network rm apps",)),
    (
        op.ConnectContainer(WEB, "shop", ATTACHED),
        ("lxc exec web -- docker network connect --ip 10.90.1.10 --alias shop apps shop",),
    ),
    (
        op.DisconnectContainer(WEB, "shop", ATTACHED),
        ("lxc exec web -- docker network disconnect apps shop",),
    ),
    (op.StartContainer(WEB, "shop"), ("lxc exec web -- docker start shop",)),
]


@pytest.mark.parametrize(("operation", "typed"), CASES, ids=lambda each: type(each).__name__)
def test_an_operation_prints_as_what_a_person_would_type(
    operation: op.Operation, typed: tuple[str, ...]
) -> None:
    assert commands(operation, LAB) == typed


def test_a_hostile_name_stays_one_quoted_word() -> None:
    typed = commands(op.StartContainer(guest("web; rm -rf /"), "$(reboot)"), LAB)

    assert typed == ("lxc exec 'web; rm -rf /' -- docker start '$(reboot)'",)


def test_an_ingress_filter_says_whom_it_lets_in() -> None:
    typed = commands(op.SetIngressFilter(WEB, FILTER), LAB)

    assert typed[-1] == "# then accept replies and nobody, drop the rest to hl-apps"


def test_a_router_behind_ssh_is_typed_over_ssh() -> None:
    typed = commands(op.AddRoute(ROUTER, ROUTE), Snapshot())

    assert typed[0].startswith("ssh router 'ip route add")


def test_the_way_back_runs_backwards() -> None:
    done = (op.AddRoute(HOST, ROUTE), op.SetSysctl(HOST, "net.ipv4.ip_forward", "1", "0"))

    assert undo_commands(done, LAB) == (
        "sysctl -w net.ipv4.ip_forward=0",
        "ip route del 10.90.1.0/24 via 10.77.0.11 dev lxdbr0 proto 201",
    )
