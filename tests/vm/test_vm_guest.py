"""A real LXD guest with dockerd in VLAN 20 of a bridge that homelab makes: containers reached over tagged frames.

Run by ``make vlan-lab-test``: to unpack a guest and to start Docker takes two minutes on an emulated machine.
"""

from collections.abc import Iterator

import pytest

from tests.vm.lxd_in_vm import ROOT, Lab, lxd, pings, run, sh

pytestmark = pytest.mark.vmlab

INVENTORY = """
vlans:
  servers: {id: 20, subnet: 10.20.0.0/24}
hosts:
  nuc:
    uplink: eth0
    router: edge
    vlans: [servers]
    bridges: {br0: {ports: {eth1: {tagged: [servers]}}}}
routers:
  edge: {connection: "netns://router"}
guests:
  web:
    nic: {bridge: br0, vlan: servers, address: 10.20.0.12}
    networks: {apps: {subnet: 10.90.1.0/24}}
"""
# eth0 is the LAN, eth1 the trunk to a router on a stick, which gives addresses in VLAN 20.
BUILD = """
modprobe -a 8021q bridge veth overlay br_netfilter
sysctl -qw kernel.keys.maxkeys=2000 net.ipv4.ip_forward=1
ip netns add router; ip -n router link set lo up
for n in 0 1; do
    ip link add eth$n type veth peer name t$n netns router; ip link set eth$n up; ip -n router link set t$n up
done
ip addr add 10.0.0.2/24 dev eth0; ip route add default via 10.0.0.1; ip -n router addr add 10.0.0.1/24 dev t0
ip -n router link add link t1 name t1.20 type vlan id 20
ip -n router addr add 10.20.0.1/24 dev t1.20; ip -n router link set t1.20 up
ip netns exec router sysctl -qw net.ipv4.ip_forward=1
ip netns exec router dnsmasq --no-resolv --no-hosts --port=0 --interface=t1.20 --bind-interfaces \
    --dhcp-range=10.20.0.12,10.20.0.12,255.255.255.0,1h --dhcp-leasefile=/run/leases --pid-file=/run/dnsmasq-vm.pid
"""
IMAGES = ROOT / "tests/lab/.cache"
SERVE = (
    "docker import - lab </run/bb.tar >/dev/null && docker run -d --name front --network apps --ip 10.90.1.10 "
    "lab /bin/busybox sleep 100000"
)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    sh(BUILD)
    image = next(IMAGES.glob("bookworm-*/rootfs.squashfs"))
    with lxd():
        run(
            "lxc",
            "image",
            "import",
            str(image.with_name("metadata.tar")),
            str(image),
            "--alias",
            "docker",
        )
        run(
            "lxc",
            "init",
            "docker",
            "web",
            "-c",
            "security.nesting=true",
            "-c",
            "security.privileged=true",
        )
        run("lxc", "config", "device", "add", "web", "eth0", "nic", "nictype=p2p", "name=eth0")
        programs = ROOT / "tests/lab/guest"
        run(
            "lxc",
            "config",
            "device",
            "add",
            "web",
            "lab",
            "disk",
            f"source={programs}",
            "path=/lab",
        )
        run("lxc", "start", "web")
        run(
            "lxc",
            "exec",
            "web",
            "--",
            "sh",
            "-c",
            "until docker version >/dev/null 2>&1; do sleep 1; done",
        )
        yield Lab(INVENTORY)


def test_a_container_in_a_guest_in_a_vlan_is_reached_through_a_tagged_trunk(lab: Lab) -> None:
    lab.apply()

    assert lab.differs() == []
    assert '"vlan": 20' in run("bridge", "-j", "vlan").replace('"vlan":20', '"vlan": 20')
    assert pings("router", "10.20.0.12", tries=20)
    sh(
        "tar -C /bin -cf /run/bb.tar --transform 's,^,bin/,' busybox; lxc file push /run/bb.tar web/srv/bb.tar"
    )
    run("lxc", "exec", "web", "--", "sh", "-c", SERVE.replace("/run/bb.tar", "/srv/bb.tar"))
    assert pings("router", "10.90.1.10", tries=20)
    (judged,) = lab.diagnosis().case.judgements
    assert judged.reachable is True

    sh("bridge vlan del dev eth1 vid 20")
    assert not pings("router", "10.90.1.10", tries=1)
    assert lab.diagnosis().findings[0].fault == "vlan-missing-on-port"
    lab.apply()
    assert pings("router", "10.90.1.10", tries=5)
