"""Real containers of plain LXC, without an API: found, judged from the LAN, and written into an inventory."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.kernel

TAG = f"p{os.getpid() % 10000}"
HOST, CLIENT, APP = f"{TAG}host", f"{TAG}client", f"{TAG}app"
# client 10.2.0.1 - host 10.2.0.2/10.3.0.1 - lxcbr0 - web (br-app 10.4.0.1 - app 10.4.0.10), 101 in the foreground
WIRES = f"""
set -eu
for n in {HOST} {CLIENT} {APP}; do ip netns add $n; ip -n $n link set lo up; done
ip link add eth0 netns {HOST} type veth peer name eth0 netns {CLIENT}
ip -n {CLIENT} addr add 10.2.0.1/24 dev eth0; ip -n {CLIENT} link set eth0 up
ip -n {CLIENT} route add default via 10.2.0.2
ip -n {HOST} addr add 10.2.0.2/24 dev eth0; ip -n {HOST} link set eth0 up
ip -n {HOST} link add lxcbr0 type bridge; ip -n {HOST} addr add 10.3.0.1/24 dev lxcbr0
ip -n {HOST} link set lxcbr0 up; ip -n {HOST} route add default via 10.2.0.1
ip -n {HOST} route add 10.4.0.0/24 via 10.3.0.11
for n in {HOST} {CLIENT}; do ip netns exec $n sysctl -qw net.ipv4.ip_forward=1; done
"""
GUESTS = """
set -eu
mkdir -p /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p {0}/lxc {0}/tree/bin {0}/tree/proc {0}/tree/sys {0}/tree/dev {0}/tree/sbin
mount --bind {0}/lxc /var/lib/lxc
cp {1} {0}/tree/bin/busybox; ln -sf busybox {0}/tree/bin/sh; ln -sf busybox {0}/tree/bin/sleep
printf '#!/bin/sh\\nwhile :; do sleep 99; done\\n' >{0}/tree/sbin/init; chmod +x {0}/tree/sbin/init
n=10
for g in web 101 old; do
    n=$((n + 1)); mkdir -p {0}/lxc/$g
    cat >{0}/lxc/$g/config <<EOF
lxc.uts.name = $g
lxc.rootfs.path = dir:{0}/tree
lxc.net.0.type = veth
lxc.net.0.link = lxcbr0
lxc.net.0.flags = up
lxc.net.0.name = eth0
lxc.net.0.ipv4.address = 10.3.0.$n/24
lxc.net.0.ipv4.gateway = 10.3.0.1
lxc.apparmor.profile = unconfined
EOF
done
lxc-start -n web
setsid lxc-start -F -n 101 </dev/null >/dev/null 2>&1 &
lxc-wait -n 101 -s RUNNING -t 20
"""
INSIDE = f"""
set -eu
pid=$(lxc-info -n web -p -H)
ip link add vapp type veth peer name eth0 netns {APP}; ip link set vapp netns $pid
in="nsenter -t $pid -n"
$in ip link add br-app type bridge; $in ip addr add 10.4.0.1/24 dev br-app; $in ip link set br-app up
$in ip link set vapp master br-app; $in ip link set vapp up; $in sysctl -qw net.ipv4.ip_forward=1
ip -n {APP} addr add 10.4.0.10/24 dev eth0; ip -n {APP} link set eth0 up
ip -n {APP} route add default via 10.4.0.1
"""


@dataclass(frozen=True)
class Lab:
    holder: int
    folder: Path

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """As typed on the host, where its folders are those of the lab."""
        return subprocess.run(
            ["nsenter", "-t", str(self.holder), "-m", "-n", *words],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            timeout=60,
            env={**os.environ, "HOMELAB_STATE": str(self.folder / "state")},
        )

    def sh(self, script: str) -> None:
        done = self.run("sh", "-c", script)
        assert done.returncode == 0, done.stdout + done.stderr

    def homelab(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run("env", "-C", str(self.folder), sys.executable, "-m", "homelab", *words)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("plain")
    folder.chmod(0o755)
    subprocess.run(["sh", "-c", WIRES], check=True)
    words = [
        "ip",
        "netns",
        "exec",
        HOST,
        "unshare",
        "-m",
        "--propagation",
        "private",
        "sleep",
        "600",
    ]
    with subprocess.Popen(words) as holder:
        built = Lab(holder.pid, folder)
        try:
            _wait_for_the_holder(holder.pid)
            built.sh(GUESTS.format(folder, shutil.which("busybox")))
            built.sh(INSIDE)
            yield built
        finally:
            for name in ("web", "101"):
                built.run("lxc-stop", "-k", "-n", name)
            holder.kill()
            for name in (HOST, CLIENT, APP):
                subprocess.run(["ip", "netns", "del", name], check=False)


def _wait_for_the_holder(pid: int) -> None:
    for _ in range(100):
        if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"sleep"):
            return
        time.sleep(0.05)
    raise AssertionError("the holder of the lab's namespaces did not start")


def diagnosed(lab: Lab) -> Any:
    done = lab.homelab("diagnose", "--json", "--no-probe")
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return json.loads(done.stdout)


def errors(document: Any) -> list[Any]:
    return [each for each in document["findings"] if each["severity"] == "error"]


def test_guests_without_an_api_are_found_and_judged(lab: Lab) -> None:
    (network,) = diagnosed(lab)["networks"]

    assert (network["guest"], network["network"]) == ("web", "br-app")
    assert network["reachable"] is True, errors(diagnosed(lab))


def test_a_fault_in_one_of_them_is_named_with_its_own_commands(lab: Lab) -> None:
    lab.sh("nsenter -t $(lxc-info -n web -p -H) -n iptables -P FORWARD DROP")
    try:
        (finding,) = errors(diagnosed(lab))
    finally:
        lab.sh("nsenter -t $(lxc-info -n web -p -H) -n iptables -P FORWARD ACCEPT")

    assert (finding["fault"], finding["at"]) == ("guest-forward-policy-drop", "guest:web")
    assert finding["fix"]["commands"][0].startswith("lxc-attach -n web -- iptables")
    assert finding["fix"]["verified_on_model"] is True


def test_init_writes_an_inventory_for_which_there_is_nothing_to_do(lab: Lab) -> None:
    assert lab.homelab("init").returncode == 0

    text = (lab.folder / "inventory/homelab.yaml").read_text()
    assert "runtime: lxc" in text
    assert [each for each in ("web:", '"101":', "old:") if f"\n  {each}\n" not in text] == [], text
    assert "nic: {bridge: lxcbr0, address: 10.3.0.11}" in text
    assert lab.homelab("check").returncode == 0
    planned = lab.homelab("plan", "--check")
    assert planned.returncode == 0, planned.stdout + planned.stderr


def test_the_inventory_stays_what_it_is_for_a_snapshot(lab: Lab) -> None:
    assert lab.homelab("snapshot", "-o", "seen.json").returncode == 0

    seen = json.loads((lab.folder / "seen.json").read_text())
    states = {each["name"]: each["status"] for each in seen["runtime"]["instances"]}
    assert states == {"101": "Running", "old": "Stopped", "web": "Running"}
    assert (seen["runtime"]["name"], seen["unread"]["guest:old"]) == ("lxc", "not running")
