from ipaddress import ip_address, ip_network

import pytest

from homelab.model import operation as op
from homelab.model.docker import Attachment, DockerNetwork
from homelab.model.inverse import inverse, standing
from homelab.model.kernel import NextHop, Route
from homelab.model.persistence import KeptRoute
from homelab.model.place import HOST, guest

WEB = guest("web")
ROUTE = Route(
    ip_network("10.90.1.0/24"), (NextHop(ip_address("10.77.0.11"), "lxdbr0"),), protocol="201"
)
KEPT = KeptRoute(ip_network("10.90.1.0/24"), ip_address("10.77.0.11"), "br0", "ifupdown", "/x")
RULE = op.FilterRule("iptables-nft", "filter", "DOCKER-USER", "web/apps")
INGRESS = op.IngressFilter("web-apps", "br-apps", "web/apps:0")
NETWORK = DockerNetwork("", "apps")
ATTACHMENT = Attachment("apps")

THERE_AND_BACK: list[op.Operation] = [
    op.AddRoute(HOST, ROUTE),
    op.DeleteRoute(HOST, ROUTE),
    op.SetSysctl(WEB, "net.ipv4.ip_forward", "1", "0"),
    op.KeepSysctl(HOST, "net.ipv4.ip_forward", "1", "0"),
    op.ForgetSysctl(HOST, "net.ipv4.ip_forward", "1", "0"),
    op.KeepRoute(HOST, KEPT),
    op.ForgetRoute(HOST, KEPT),
    op.KeepFilter(WEB, INGRESS),
    op.ForgetFilter(WEB, INGRESS),
    op.SetInstanceConfig(WEB, "web", {"security.nesting": "true"}, {"security.nesting": None}),
    op.SetInstanceDevice(WEB, "web", "eth0", {"type": "nic"}, None),
    op.CreateDockerNetwork(WEB, NETWORK),
    op.RemoveDockerNetwork(WEB, NETWORK),
    op.ConnectContainer(WEB, "app", ATTACHMENT),
    op.DisconnectContainer(WEB, "app", ATTACHMENT),
    op.AddFilterRule(WEB, RULE),
    op.DeleteFilterRule(WEB, RULE),
    op.SetIngressFilter(WEB, INGRESS),
    op.DeleteIngressFilter(WEB, INGRESS),
]


@pytest.mark.parametrize("operation", THERE_AND_BACK, ids=lambda each: type(each).__name__)
def test_the_way_back_of_the_way_back_is_the_way(operation: op.Operation) -> None:
    (back,) = inverse(operation)

    assert back != operation
    assert back.place == operation.place
    assert inverse(back) == (operation,)


def test_a_sysctl_goes_back_to_what_it_was() -> None:
    there = op.SetSysctl(WEB, "net.ipv4.ip_forward", value="1", was="0")

    assert inverse(there) == (op.SetSysctl(WEB, "net.ipv4.ip_forward", value="0", was="1"),)


@pytest.mark.parametrize(
    "operation", [op.RestartInstance(WEB, "web"), op.StartContainer(WEB, "app")]
)
def test_a_restart_and_a_start_leave_nothing_to_undo(operation: op.Operation) -> None:
    assert inverse(operation) == ()


def test_what_was_undone_already_does_not_stand_any_more() -> None:
    first, second = op.SetSysctl(HOST, "a", "1", "0"), op.SetSysctl(HOST, "b", "1", "0")
    back = [each for one in (second, first) for each in inverse(one)]

    assert standing((first, second)) == (first, second)
    assert standing((first, second, *back)) == ()
    assert standing((first, second, back[1])) == (second,)
    assert standing((first, *inverse(first), first)) == (first,)
