"""A lab of real network namespaces is read as ip(8), nft(8) and iptables(8) tell it."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path

import pytest

from homelab.errors import OperationError, UnreadableError
from homelab.model.docker import Daemon, DockerContainer
from homelab.model.inventory import Connection, Guest, Host, Inventory, Router
from homelab.model.kernel import Namespace, NextHop
from homelab.model.place import HOST, ROUTER, Place, container, guest, netns
from homelab.model.snapshot import Snapshot
from homelab.system import live, sighting
from homelab.system.doors import Door
from homelab.system.live import LiveSystem
from homelab.system.namespaces import read_namespace
from homelab.system.processes import lxc_guests, sweep

pytestmark = pytest.mark.kernel

A, B, LXC = "read-test-a", "read-test-b", "read-test-lxc"
HOSTILE = "$(x);'\"\\"
BUILD = f"""
ip link add left type veth peer name right netns {B}
ip link set left alias "info_kind\\":\\"bridge"
ip addr add 10.1.0.1/24 dev left
ip addr add fd01::1/64 dev left nodad
ip link set left up
ip route add default via 10.1.0.2 proto 201
ip route add 10.2.0.0/16 nexthop via 10.1.0.2 dev left weight 2 nexthop via 10.1.0.3 dev left onlink
ip route add blackhole 10.3.0.0/16 metric 7
ip route add 10.4.0.0/16 dev left table 1000 mtu 1400 src 10.1.0.1
ip -6 route add default via fd01::2 dev left
ip rule add priority 100 not from 10.9.0.0/16 iif left fwmark 0x10/0xff ipproto tcp dport 80-90 table 1000
ip rule add priority 200 to 10.8.0.0/16 prohibit
ip rule add priority 300 goto 32766
ip -6 rule add priority 400 from fd09::/64 lookup main suppress_prefixlength 0
ip neigh add 10.1.0.9 lladdr 02:00:00:00:00:09 dev left nud permanent
ip neigh add proxy 10.1.0.8 dev left
sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.left.rp_filter=2
"""
BRIDGED = f"""
ip link add br0 type bridge
ip link set right master br0 up
ip link set br0 up
bridge link set dev right hairpin on
bridge fdb add 02:00:00:00:00:07 dev right master static
ip link add {HOSTILE} type veth peer name other
nft add table inet lab
nft add chain inet lab forward {{ type filter hook forward priority 0 \\; policy drop \\; }}
iptables-nft -A FORWARD -s 10.9.0.0/16 -j DROP
iptables-legacy -A FORWARD -s 10.7.0.0/16 -j DROP
ip6tables-nft -A FORWARD -j ACCEPT
ipset create known hash:ip
iptables-nft -A FORWARD -m set --match-set known src -j ACCEPT
"""


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def within(name: str, script: str) -> None:
    for line in script.strip().splitlines():
        quoted = line.replace(HOSTILE, '"$HOSTILE"')
        environment = os.environ | {"HOSTILE": HOSTILE}
        subprocess.run(
            ["ip", "netns", "exec", name, "sh", "-ec", quoted], check=True, env=environment
        )


def in_use(tool: str) -> bool:
    return subprocess.run(["which", tool], check=False, capture_output=True).returncode == 0


@pytest.fixture(scope="module")
def lab() -> Iterator[Snapshot]:
    missing = [
        each
        for each in ("ip", "nft", "iptables-nft", "iptables-legacy", "ipset")
        if not in_use(each)
    ]
    if missing or os.geteuid() != 0:
        pytest.skip(f"needs root and {' '.join(missing) or 'nothing else'}")
    for each in (A, B):
        run("ip", "netns", "add", each)
    try:
        within(A, BUILD)
        within(B, BRIDGED)
        with socket.socket(socket.AF_INET6) as server:
            yield LiveSystem().read()
            server.close()
    finally:
        for each in (A, B):
            run("ip", "netns", "del", each)


@pytest.fixture
def a(lab: Snapshot) -> Namespace:
    return lab.namespaces[netns(A)]


@pytest.fixture
def b(lab: Snapshot) -> Namespace:
    return lab.namespaces[netns(B)]


def test_nothing_is_left_unread(a: Namespace, b: Namespace) -> None:
    assert (a.unread, b.unread) == ({}, {})


def test_two_ends_of_a_veth_pair_find_each_other(lab: Snapshot, a: Namespace, b: Namespace) -> None:
    left = next(each for each in a.links if each.name == "left")
    right = next(each for each in b.links if each.name == "right")

    assert (left.peer, right.peer) == (right.index, left.index)
    assert a.netns_ids[left.peer_netns or 0] == b.inode
    assert b.netns_ids[right.peer_netns or 0] == a.inode
    assert lab.namespaces[HOST].inode not in (a.inode, b.inode)


def test_an_alias_that_looks_like_json_is_only_an_alias(a: Namespace) -> None:
    left = next(each for each in a.links if each.name == "left")

    assert left.alias == 'info_kind":"bridge'
    assert a.fdb == ()


def test_addresses(a: Namespace) -> None:
    found = {each.interface for each in a.addresses if each.link == "left"}

    assert {ip_interface("10.1.0.1/24"), ip_interface("fd01::1/64")} <= found


def test_routes(a: Namespace) -> None:
    routes = {str(each.destination): each for each in a.routes if each.table in (254, 1000)}

    assert routes["0.0.0.0/0"].protocol == "201"
    assert routes["0.0.0.0/0"].via == ip_address("10.1.0.2")
    assert routes["10.2.0.0/16"].hops == (
        NextHop(ip_address("10.1.0.2"), "left", 2),
        NextHop(ip_address("10.1.0.3"), "left", onlink=True),
    )
    assert (routes["10.3.0.0/16"].kind, routes["10.3.0.0/16"].metric) == ("blackhole", 7)
    assert (routes["10.4.0.0/16"].table, routes["10.4.0.0/16"].mtu) == (1000, 1400)
    assert routes["10.1.0.0/24"].protocol == "kernel"
    assert routes["::/0"].via == ip_address("fd01::2")


def test_as_many_routes_and_rules_as_ip_shows(a: Namespace) -> None:
    shown = [
        json.loads(run("ip", "-n", A, f"-{family}", "-j", *what))
        for what in (("route", "show", "table", "all"), ("rule",))
        for family in (4, 6)
    ]

    assert len(a.routes) == len(shown[0]) + len(shown[1])
    assert len(a.rules) == len(shown[2]) + len(shown[3])


def test_rules(a: Namespace) -> None:
    rules = {each.priority: each for each in a.rules}

    first = rules[100]
    assert (first.inverted, first.source, first.iif) == (True, ip_network("10.9.0.0/16"), "left")
    assert (first.fwmark, first.fwmask, first.protocol) == (16, 255, 6)
    assert (first.destination_ports, first.table, first.action) == ((80, 90), 1000, "lookup")
    assert (rules[200].action, rules[200].destination) == ("prohibit", ip_network("10.8.0.0/16"))
    assert (rules[300].action, rules[300].goto) == ("goto", 32766)
    assert (rules[400].family, rules[400].suppress_prefixlength) == (6, 0)


def test_neighbours_and_proxies(a: Namespace) -> None:
    found = {str(each.address): each for each in a.neighbours}

    assert found["10.1.0.9"].states == ("PERMANENT",)
    assert found["10.1.0.8"].proxy


def test_sysctls_are_those_of_the_namespace(a: Namespace, b: Namespace) -> None:
    assert a.sysctls["net.ipv4.ip_forward"] == "1"
    assert a.sysctls["net.ipv4.conf.left.rp_filter"] == "2"
    assert (
        b.sysctls["net.ipv4.conf.br0.forwarding"]
        == run("ip", "netns", "exec", B, "cat", "/proc/sys/net/ipv4/conf/br0/forwarding").strip()
    )


def test_a_bridge_with_its_port_and_its_table(b: Namespace) -> None:
    bridge = next(each for each in b.links if each.name == "br0")
    port = next(each for each in b.links if each.name == "right")

    assert port.master == bridge.index
    assert port.port is not None
    assert port.port.hairpin
    assert [each.permanent for each in b.fdb if each.mac == "02:00:00:00:00:07"] == [False]


def test_a_hostile_name_of_a_link_is_data(b: Namespace) -> None:
    link = next(each for each in b.links if each.name == HOSTILE)

    assert f"net.ipv4.conf.{HOSTILE}.forwarding" in b.sysctls
    assert link.peer == next(each.index for each in b.links if each.name == "other")


def test_the_rules_of_every_firewall_tool(b: Namespace) -> None:
    text = {each.tool: each.text for each in b.rulesets}

    assert "policy drop" in text["nft"]
    assert "# handle" in text["nft"]
    assert json.loads(text["nft-json"])["nftables"]
    assert "-A FORWARD -s 10.9.0.0/16 -j DROP" in text["iptables-nft"]
    assert "[0:0] -A FORWARD -s 10.7.0.0/16 -j DROP" in text["iptables-legacy"]
    assert "-A FORWARD -j ACCEPT" in text["ip6tables-nft"]
    assert text["ipset"].startswith("create known hash:ip")
    assert "ip6tables-legacy" not in text


@pytest.fixture
def empty() -> Iterator[str]:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    run("ip", "netns", "add", "read-test-c")
    yield "read-test-c"
    run("ip", "netns", "del", "read-test-c")


def door(name: str) -> Door:
    return Door(netns(name), f"/run/netns/{name}")


def test_reading_makes_no_table(empty: str) -> None:
    seen = read_namespace(door(empty))

    assert seen.rulesets == ()
    assert run("ip", "netns", "exec", empty, "nft", "list", "tables") == ""
    names = Path("/proc/net/ip_tables_names")
    assert not names.exists() or run("ip", "netns", "exec", empty, "cat", str(names)) == ""


def test_listeners_of_a_namespace(empty: str) -> None:
    server = "import socket,time;s=socket.create_server(('',81));print(flush=True);time.sleep(9)"
    run("ip", "-n", empty, "link", "set", "lo", "up")
    with subprocess.Popen(
        ["ip", "netns", "exec", empty, "python3", "-c", server], stdout=subprocess.PIPE
    ) as listener:
        assert listener.stdout is not None
        listener.stdout.readline()
        seen = read_namespace(door(empty))
        listener.kill()

    assert [(each.protocol, each.family, each.port) for each in seen.listeners] == [("tcp", 4, 81)]


def tool(folder: Path, name: str, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program of that name, first on the path."""
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_a_crash_of_nft_is_not_observed_and_iptables_is_read_still(
    empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("ip", "netns", "exec", empty, "iptables-nft", "-A", "FORWARD", "-j", "DROP")
    tool(tmp_path, "nft", "kill -SEGV $$", monkeypatch)

    seen = read_namespace(door(empty))

    assert seen.unread == {"nft": "crashed (SIGSEGV)", "nft-json": "crashed (SIGSEGV)"}
    assert [each.tool for each in seen.rulesets] == ["iptables-nft"]


def test_a_tool_that_does_not_end_is_named(
    empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool(tmp_path, "ip", "exec sleep 2", monkeypatch)

    with pytest.raises(UnreadableError, match=r"its tools did not end within 0\.2 s"):
        read_namespace(door(empty), timeout=0.2)


def test_a_router_behind_ssh_is_read_with_the_same_script(
    empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool(
        tmp_path,
        "ssh",
        f'while [ "$1" != -- ]; do shift; done; shift 2; exec ip netns exec {empty} sh -c "$*"',
        monkeypatch,
    )
    routers = (Router("edge", Connection("ssh", "root@192.0.2.1")),)
    system = LiveSystem(Inventory(hosts=(Host("nuc", router="edge"),), routers=routers))

    snapshot = system.read()

    assert [each.name for each in snapshot.namespaces[ROUTER].links] == ["lo"]
    assert snapshot.namespaces[ROUTER].inode == 0
    assert system.door(ROUTER).ssh is not None


def test_a_router_that_cannot_be_reached_is_a_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool(tmp_path, "ssh", "echo 'ssh: connect: Connection refused' >&2; exit 255", monkeypatch)
    routers = (Router("edge", Connection("ssh", "root@192.0.2.1")),)

    snapshot = LiveSystem(Inventory(hosts=(Host("nuc", router="edge"),), routers=routers)).read()

    assert snapshot.unread[ROUTER] == "ssh: connect: Connection refused"


def test_a_router_in_a_named_namespace_has_two_names(empty: str) -> None:
    routers = (Router("edge", Connection("netns", empty)),)
    inventory = Inventory(hosts=(Host("nuc", router="edge"),), routers=routers)

    snapshot = LiveSystem(inventory).read()

    assert snapshot.aliases[netns(empty)] == ROUTER
    assert netns(empty) not in snapshot.namespaces
    assert snapshot.namespace(netns(empty)) == snapshot.namespaces[ROUTER]


def test_a_second_name_of_a_namespace_is_an_alias(empty: str) -> None:
    second = Path("/run/netns/read-test-d")
    second.touch()
    run("mount", "--bind", f"/run/netns/{empty}", str(second))
    try:
        snapshot = LiveSystem().read()
    finally:
        run("umount", str(second))
        second.unlink()

    assert snapshot.aliases[netns("read-test-d")] == netns(empty)


def test_a_stale_name_is_a_gap_with_the_command_that_removes_it() -> None:
    stale = Path("/run/netns/read-test-e")
    stale.parent.mkdir(exist_ok=True)
    stale.touch()
    try:
        snapshot = LiveSystem().read()
    finally:
        stale.unlink()

    assert "ip netns del" in snapshot.unread["netns:read-test-e"]
    assert netns("read-test-e") not in snapshot.namespaces


def test_guests_that_the_inventory_names_and_nobody_runs_are_gaps(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("homelab.system.lxd_read._PLACES", {"lxd": (), "incus": ()})
    monkeypatch.setenv("LXD_DIR", str(tmp_path))
    inventory = Inventory(hosts=(Host("nuc"),), guests=(Guest("nobody", "nuc"),))

    snapshot = LiveSystem(inventory).read()

    assert snapshot.host == "nuc"
    assert snapshot.unread["guest:nobody"] == snapshot.unread["host/lxd"]
    assert snapshot.unread["host/lxd"] == "there is no LXD or Incus here"


def test_a_door_to_a_place_that_is_gone_is_refused(empty: str) -> None:
    system = LiveSystem()
    system.read()

    assert system.door(netns(empty)).netns == f"/run/netns/{empty}"
    with pytest.raises(OperationError, match="guest:nobody: no such place is running now"):
        system.door(guest("nobody"))


def test_a_name_given_to_another_namespace_is_entered_anew(empty: str) -> None:
    system = LiveSystem()
    before = system.read().namespaces[netns(empty)].inode
    run("ip", "netns", "del", empty)
    run("ip", "netns", "add", empty)

    system.door(netns(empty))

    assert system._inodes[netns(empty)] != before


def test_daemons_that_are_not_there_are_refused_with_their_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("homelab.system.lxd_read._PLACES", {"lxd": (), "incus": ()})
    monkeypatch.setenv("LXD_DIR", str(tmp_path))
    system = LiveSystem()

    assert system.door(HOST) == Door(HOST)
    with pytest.raises(OperationError, match="host: lxd: there is no LXD or Incus here"):
        system.lxd()
    with pytest.raises(OperationError, match="nowhere"):
        system.docker(Place("nowhere"))


def test_the_sysctls_that_homelab_keeps_are_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "60-homelab.conf"
    file.write_text("# homelab: was 0\nnet.ipv4.conf.eth0/20.rp_filter = 1\n")
    monkeypatch.setattr(live, "KEPT_FILE", file)

    assert LiveSystem().read().kept_sysctls == {"net.ipv4.conf.eth0.20.rp_filter": ("1", "0")}


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without LXD and Incus."""
    monkeypatch.setattr("homelab.system.lxd_read._PLACES", {"lxd": (), "incus": ()})
    monkeypatch.setenv("LXD_DIR", str(tmp_path))


@pytest.fixture
def lxc_guest() -> Iterator[str]:
    """A guest as plain LXC runs it: a monitor with its name, and an init in namespaces of its own.

    Inside, pid 2 is another process with a network namespace of its own: a container.
    """
    monitor = f"exec -a '[lxc monitor] /var/lib/lxc {LXC}' sh"
    with subprocess.Popen(
        ["unshare", "--pid", "bash", "-c", monitor],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        running.stdin.write("unshare -n sh -c 'unshare -n sh -c \"echo; exec sleep 60\" & wait'\n")
        running.stdin.flush()
        running.stdout.readline()
        yield LXC
        for each in sorted(lxc_guests(sweep()).items()):
            if each[0] == LXC:
                os.kill(each[1], signal.SIGKILL)
        running.stdin.close()


@pytest.mark.usefixtures("alone")
def test_guests_of_plain_lxc_and_their_containers_are_found_without_any_daemon(
    lxc_guest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    containers = (
        DockerContainer("1", "app", "running", 2),
        DockerContainer("2", "gone", "running", 99),
    )

    def docker(root: str, _: float) -> Daemon | None:
        return None if root == "/" else Daemon("28.5.2", containers=containers)

    monkeypatch.setattr(sighting, "read_daemon", docker)
    system = LiveSystem()

    snapshot = system.read()

    inodes = {each.inode for each in snapshot.namespaces.values()}
    assert {guest(lxc_guest), container(lxc_guest, "app")} <= set(snapshot.namespaces)
    assert len(inodes) == len(snapshot.namespaces)
    assert system.doors[container(lxc_guest, "app")].pid > 2
    assert snapshot.unread[container(lxc_guest, "gone")] == (
        f"no process of this machine is pid 99 of guest:{lxc_guest}"
    )


@pytest.mark.usefixtures("alone")
def test_a_daemon_that_cannot_be_asked_is_a_gap_of_its_guest(
    lxc_guest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def docker(_: str, __: float) -> Daemon | None:
        raise UnreadableError("daemon down")

    monkeypatch.setattr(sighting, "read_daemon", docker)

    assert LiveSystem().read().unread[f"guest:{lxc_guest}/docker"] == "daemon down"


def test_without_root_the_rest_is_named_with_the_way_out(empty: str) -> None:
    code = (
        "import json;from homelab.system.live import LiveSystem;s=LiveSystem().read();"
        "print(json.dumps([dict(s.unread), dict(s.namespaces['host'].unread)]))"
    )
    python = Path(live.__file__).parents[2] / ".venv/bin/python"
    if not python.exists():
        pytest.skip("needs the checkout's own .venv")
    done = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", str(python), "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(live.__file__).parents[2],
    )
    if done.returncode != 0:
        pytest.skip(f"nobody cannot run this checkout: {done.stderr[-200:]}")

    unread, host = json.loads(done.stdout)

    assert "run as root" in unread[netns(empty)]
    assert "nft" in host
