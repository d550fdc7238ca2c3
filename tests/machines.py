"""Machines of one's own: each with its network, mounts, processes and name, joined by one segment."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
# What two machines must not share: their journal, their named namespaces, their settings.
_OWN = ("/run/netns", "/run/lxc", "/var/lib/homelab", "/etc/sysctl.d", "/run/sshd")
_START = """
set -e
hostname {name}
mount -t sysfs sysfs /sys
for each in {own}; do mkdir -p $each; mount -t tmpfs -o mode=755 own $each; done
ip link set lo up
sysctl -qw net.ipv4.ip_forward=1
touch {folder}/{name}.up
exec sleep infinity
"""
_SSHD = """
/usr/sbin/sshd -f /dev/null -h {folder}/key -o ListenAddress={address} -o PidFile={folder}/{name}.sshd \
  -o AuthorizedKeysFile={folder}/user.pub -o StrictModes=no -o PermitRootLogin=yes -o UsePAM=no \
  -o 'SetEnv=PATH={bin}:/usr/sbin:/usr/bin:/sbin:/bin' </dev/null >{folder}/{name}.log 2>&1
until [ -s {folder}/{name}.sshd ]; do sleep 0.1; done
"""


@dataclass(frozen=True, slots=True)
class Machine:
    name: str
    address: str
    pid: int
    folder: Path

    def run(
        self, *words: str, stdin: str = "", timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(*words),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def argv(self, *words: str) -> list[str]:
        """The command as it is run inside, in a folder of its own and with its own ssh."""
        own = self.folder / self.name
        path = f"{own}:{os.environ['PATH']}"
        inside = ["nsenter", "-t", str(self.pid), "--net", "--mount", "--pid", "--uts", "--"]
        return [*inside, "env", "-C", str(own), f"PATH={path}", *words]

    def sh(self, script: str) -> str:
        done = self.run("sh", "-c", script)
        assert done.returncode == 0, f"{self.name}: {script}: {done.stdout}{done.stderr}"
        return done.stdout

    def homelab(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return self.run("homelab", *words, stdin=stdin)

    def serve_ssh(self) -> None:
        """A real sshd on the machine's own address."""
        own = self.folder / self.name
        self.sh(
            _SSHD.format(folder=self.folder, name=self.name, address=self.address, bin=str(own))
        )


@contextmanager
def machines(folder: Path, *names: str) -> Iterator[list[Machine]]:
    """Machines on 10.66.0.0/24: the first has 10.66.0.1. They end with everything that runs in them."""
    started: list[subprocess.Popen[bytes]] = []
    try:
        found = []
        _keys(folder)
        for number, name in enumerate(names, 1):
            holder, machine = _start(folder, name, f"10.66.0.{number}")
            started.append(holder)
            found.append(machine)
        _wire(found)
        yield found
    finally:
        for each in started:
            _end(each)


def _keys(folder: Path) -> None:
    for each in ("key", "user"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / each)], check=True
        )


def _start(folder: Path, name: str, address: str) -> tuple[subprocess.Popen[bytes], Machine]:
    script = _START.format(name=name, folder=folder, own=" ".join(_OWN))
    words = ["unshare", "--net", "--mount", "--uts", "--pid", "--fork", "--kill-child"]
    holder = subprocess.Popen([*words, "--mount-proc", "sh", "-c", script])
    _write_programs(folder, name)
    while not (folder / f"{name}.up").exists():
        assert holder.poll() is None
        time.sleep(0.05)
    children = Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text()
    return holder, Machine(name, address, int(children.split()[0]), folder)


def _write_programs(folder: Path, name: str) -> None:
    """``homelab`` of this checkout, and an ssh that knows the keys of this test alone."""
    own = folder / name
    own.mkdir()
    python, root = shlex.quote(sys.executable), shlex.quote(str(ROOT))
    options = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
    programs = {
        "homelab": f"export PYTHONPATH={root}\nexec {python} -m homelab",
        "ssh": f'exec /usr/bin/ssh -F "${{SSH_CONFIG:-none}}" -i {folder}/user {options}',
    }
    for program, text in programs.items():
        (own / program).write_text(f'#!/bin/sh\n{text} "$@"\n')
        (own / program).chmod(0o755)


def _wire(found: list[Machine]) -> None:
    """A bridge in the first machine; the others hang on it."""
    first, *others = found
    first.sh(f"ip link add eth0 type bridge; ip addr add {first.address}/24 dev eth0")
    first.sh("ip link set eth0 up")
    for number, each in enumerate(others):
        # The pid of the other one means nothing to the processes of the first.
        words = f"ip link add p{number} type veth peer name eth0 netns {each.pid}"
        subprocess.run(["nsenter", "-t", str(first.pid), "--net", "--", *words.split()], check=True)
        first.sh(f"ip link set p{number} master eth0 up")
        each.sh(f"ip addr add {each.address}/24 dev eth0; ip link set eth0 up")


def _end(holder: subprocess.Popen[bytes]) -> None:
    holder.kill()
    holder.wait()
