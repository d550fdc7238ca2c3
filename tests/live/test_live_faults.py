"""Every relative of the founding fault, injected for real, named, mended by --fix, and probed."""

from typing import NamedTuple

import pytest

from tests.live.the_lab import Lab

pytestmark = pytest.mark.lab


class Fault(NamedTuple):
    """``inject`` and ``restore`` are scripts by place; ``cause`` is part of the expected cause."""

    code: str
    at: str
    network: str
    address: str
    inject: dict[str, str]
    cause: dict[str, object]
    restore: dict[str, str]


# A fault that only its maker can mend: named, with what to type.
BY_HAND = ("guest-rp-filter", "docker-pool-overlaps-lan")
NO_RULES = "iptables -D DOCKER-USER -j HOMELAB -m comment --comment homelab:jump"
FAULTS = {
    "the guest's FORWARD policy": Fault(
        "guest-forward-policy-drop",
        "guest:db",
        "data",
        "10.90.7.10",
        {"db": f"{NO_RULES}; iptables -P FORWARD DROP"},
        {"kind": "policy", "chain": "FORWARD", "rule": "-P FORWARD DROP", "owner": "docker"},
        {},
    ),
    "a missing route on the router": Fault(
        "router-no-route",
        "router",
        "data",
        "10.90.7.10",
        {"router": "ip route del 10.90.7.0/24"},
        {"kind": "route"},
        {},
    ),
    "a missing route on the host": Fault(
        "host-no-route",
        "host",
        "apps",
        "10.90.1.10",
        {"host": "ip route del 10.90.1.0/24"},
        {"kind": "route"},
        {},
    ),
    "no default route in the guest": Fault(
        "guest-no-default-route",
        "guest:web",
        "apps",
        "10.90.1.10",
        {"web": "ip route del default"},
        {"kind": "route", "direction": "return"},
        {},
    ),
    "forwarding off in the guest": Fault(
        "guest-forwarding-off",
        "guest:app",
        "apps",
        "10.90.3.10",
        {"app": "sysctl -qw net.ipv4.ip_forward=0"},
        {"kind": "sysctl", "key": "net.ipv4.ip_forward"},
        {},
    ),
    "forwarding off in the host": Fault(
        "host-forwarding-off",
        "host",
        "apps",
        "10.90.3.10",
        {"host": "sysctl -qw net.ipv4.ip_forward=0"},
        {"kind": "sysctl", "key": "net.ipv4.ip_forward"},
        {},
    ),
    "a drop of the user in DOCKER-USER": Fault(
        "docker-user-drop",
        "guest:db",
        "data",
        "10.90.7.11",
        {"db": "iptables -I DOCKER-USER -d 10.90.7.0/24 -j DROP"},
        {"kind": "rule", "chain": "DOCKER-USER", "rule": "-A DOCKER-USER -d 10.90.7.0/24 -j DROP"},
        {"db": "iptables -D DOCKER-USER -d 10.90.7.0/24 -j DROP"},
    ),
    "a stopped container": Fault(
        "container-stopped",
        "container:app/cart",
        "apps",
        "10.90.3.11",
        {"app": "docker stop -t 0 cart"},
        {},
        {},
    ),
    "ipv4.routes of LXD, without a next hop": Fault(
        "host-route-without-next-hop",
        "host",
        "apps",
        "10.90.1.10",
        {
            "host": "ip route del 10.90.1.0/24;"
            " lxc config device set web eth0 ipv4.routes=10.90.1.0/24"
        },
        {"kind": "neighbour"},
        {},
    ),
    "a Docker network on the LAN's own subnet": Fault(
        "docker-pool-overlaps-lan",
        "guest:web",
        "apps",
        "10.90.1.10",
        {"web": "docker network create --subnet 10.0.0.0/24 clash"},
        {"direction": "return"},
        {"web": "docker network rm clash"},
    ),
    "strict rp_filter on an asymmetric path": Fault(
        "guest-rp-filter",
        "guest:web",
        "apps",
        "10.90.1.11",
        {
            "web": "ip link add away type veth peer name away2; ip addr add 10.0.0.77/24 dev away;"
            " ip link set away up; ip link set away2 up; sysctl -qw net.ipv4.conf.eth0.rp_filter=1"
        },
        {"kind": "sysctl", "key": "net.ipv4.conf.eth0.rp_filter"},
        {"web": "ip link del away; sysctl -qw net.ipv4.conf.eth0.rp_filter=0"},
    ),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_is_named_mended_and_the_packet_arrives(applied: Lab, fault: Fault) -> None:
    for place, script in fault.inject.items():
        applied.sh(place, script)
    try:
        assert not applied.pings(fault.address)
        document = applied.document("diagnose", codes=(1,))
        found = [each for each in document["findings"] if each["fault"] == fault.code]
        assert found, document["findings"]
        assert found[0]["at"] == fault.at
        cause = found[0]["cause"] or {}
        assert {key: cause.get(key) for key in fault.cause} == fault.cause
        if fault.code in BY_HAND:
            assert found[0]["fix"]["commands"] or found[0]["fix"]["text"]
            return

        mended = applied.homelab("diagnose", "--fix")

        assert mended.returncode == 0, mended.stdout + mended.stderr
        assert applied.pings(fault.address, tries=5)
    finally:
        for place, script in fault.restore.items():
            applied.sh(place, script)


def test_docker_28_drops_direct_access_to_a_network_of_its_user(applied: Lab) -> None:
    applied.sh("app", "docker network create --subnet 10.90.33.0/24 plain >/dev/null")
    applied.sh(
        "app", "docker run -d --name raw --network plain --ip 10.90.33.10 lab httpd -f -p 80"
    )
    applied.sh("host", "ip route add 10.90.33.0/24 via 10.77.0.13")
    applied.sh("router", "ip route add 10.90.33.0/24 via 10.0.0.2")
    try:
        assert not applied.pings("10.90.33.10")
        done = applied.host("sh", "-c", "cd /; homelab diagnose --json")
        assert done.returncode == 1, done.stdout + done.stderr
        assert '"docker-direct-access-drop"' in done.stdout

        mended = applied.host("sh", "-c", "cd /; homelab diagnose --fix")

        assert mended.returncode in (0, 1), mended.stdout + mended.stderr
        assert applied.pings("10.90.33.10", tries=3)
    finally:
        applied.sh("app", "docker rm -f raw; docker network rm plain")
        applied.sh("host", "ip route del 10.90.33.0/24")
        applied.sh("router", "ip route del 10.90.33.0/24")
        applied.homelab("apply", "--yes")
