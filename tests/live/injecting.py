"""One fault, injected into the real lab: what breaks it, what must be said of it, and how the lab is put right."""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.live.the_lab import LAB, ROOT, Lab

INVENTORY = "tests/live/ipv6.yaml"
EDITED = "tests/lab/.run-injected.yaml"
OUTSIDE = ("client", "router", "host")
GUESTS = {"web": "fd77::11", "db": "fd77::12", "app": "fd77::13"}


@dataclass(frozen=True)
class Row:
    """``inject`` and ``undo`` are scripts by place; ``cause`` is part of the first finding's cause.

    ``probe`` is an address to ping, an IPv4 ADDRESS:PORT for TCP, or a script of a place that succeeds
    while all is well. ``mend``: the offered fix brings the packet through, by ``--fix`` or typed as it
    stands; else only who made the fault can mend it, and ``hand`` is what he does who follows the words
    before he types the commands. ``advice`` is part of the fix's words and commands. ``edit`` makes of the
    lab's inventory, by sed(1), the one that is asked. ``exit`` is what a diagnosis ends with. ``fresh``: whom
    the probe asks comes with the fault, and answered nobody before.
    """

    code: str
    at: str
    probe: "str | Script"
    inject: Mapping[str, str]
    cause: Mapping[str, object] = field(default_factory=dict)
    undo: Mapping[str, str] = field(default_factory=dict)
    mend: bool = True
    hand: Mapping[str, str] = field(default_factory=dict)
    advice: str = ""
    edit: str = ""
    exit: int = 1
    fresh: bool = False


class Script(NamedTuple):
    place: str
    words: str


class Answer(NamedTuple):
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Bench:
    """The lab with IPv6, and one homelab in it that need not start anew for each question."""

    lab: Lab
    worker: "subprocess.Popen[str]"

    def homelab(self, *words: str, inventory: str = INVENTORY) -> Answer:
        if self.worker.stdin is None or self.worker.stdout is None:
            raise ValueError("a worker without pipes")
        self.worker.stdin.write(json.dumps(["-i", inventory, *words]) + "\n")
        self.worker.stdin.flush()
        return Answer(**json.loads(self.worker.stdout.readline()))

    def run(self, scripts: Mapping[str, str]) -> None:
        for place, script in scripts.items():
            self.lab.sh(place, script)

    def arrives(self, probe: str | Script, tries: int = 1) -> bool:
        """A real packet comes back: of the LAN's client, or of whomever the script sends from."""
        return any(self._arrives(probe) for _ in range(tries))

    def _arrives(self, probe: str | Script) -> bool:
        if isinstance(probe, Script):
            place = (probe.place,) if probe.place in OUTSIDE else ("exec", probe.place)
            return self.lab.run(*place, "--", "sh", "-c", probe.words).returncode == 0
        address, dot, port = probe.partition(":") if "." in probe else (probe, "", "")
        return self.lab.serves(address, int(port)) if dot else self.lab.pings(address)

    def edited(self, edit: str) -> str:
        """The inventory that is asked."""
        if edit:
            self.lab.sh("host", f"sed {shlex.quote(edit)} {INVENTORY} >{EDITED}")
        return EDITED if edit else INVENTORY

    def diagnose(self, row: Row | None = None) -> list[dict[str, Any]]:
        """What is found; model and real packets agree, or the exit code would be 4."""
        inventory = self.edited(row.edit if row else "")
        done = self.homelab("diagnose", "--json", inventory=inventory)
        assert done.code == (row.exit if row else 1), f"exit {done.code}: {done.out}{done.err}"
        found: list[dict[str, Any]] = json.loads(done.out)["findings"]
        return found

    def mend(self, found: Sequence[Mapping[str, Any]], row: Row | None = None) -> None:
        """As someone would who does what he is told, and nothing else."""
        inventory = self.edited(row.edit if row else "")
        offered = [each["fix"] for each in found if each["fix"]]
        if any(each["automatic"] for each in offered):
            self.homelab("diagnose", "--fix", "--no-probe", inventory=inventory)
        self.run(row.hand if row else {})
        for line in (one for each in offered if not each["automatic"] for one in each["commands"]):
            done = self.lab.host("sh", "-c", line.replace("homelab ", f"homelab -i {inventory} "))
            assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"

    def put_right(self, undo: Mapping[str, str]) -> None:
        self.run(undo)
        done = self.homelab("apply", "--yes")
        assert done.code == 0, done.out + done.err
        self.lab.sh("host", _IN_EACH + "unfix; done")

    def look(self) -> str:
        """All of the lab that a fault or its fix can change, without what moves by itself."""
        return self.lab.sh("host", _IN_EACH + "look; done; " + _OF_LXD)


_IN_EACH = r"""
look() {
    echo "== $place"
    for f in -4 -6; do $in ip $f route show table all; $in ip $f rule; done |
        grep -Ev '^(local|multicast|anycast|broadcast) |linkdown|veth' | sed 's/ expires [0-9]*sec//' | sort
    $in ip -br addr | grep -v ^veth | sed "s/@[^ ]*//; s/ fe80:[^ ]*//g; s/  */ /g" | sort
    for s in iptables-nft iptables-legacy ip6tables-nft ip6tables-legacy; do
        $in $s-save 2>/dev/null | grep -E '^-A|DROP' | grep -vE 'homelab:|docker0' | sed 's/ \[.*//'
    done
    # LXD leaves its table of bridges there, empty, once it has filtered.
    $in nft list tables | grep -vE ' (filter|nat|raw|mangle)$|^table bridge lxd$'
    $in ip neigh show nud permanent
    $in grep -rs . /proc/sys/net/ipv4/conf /proc/sys/net/ipv6/conf --include=forwarding --include=rp_filter |
        grep -v veth | sort
}
unfix() {
    for s in iptables-nft iptables-legacy ip6tables-nft ip6tables-legacy; do
        $in $s-save 2>/dev/null | grep -E '^\*|homelab:[^ "]*:fix-' | while read -r word rest; do
            case $word in
            \**) table=${word#\*} ;;
            *) echo "$rest" | tr -d '"' | xargs $in $s -t $table -D ;;
            esac
        done
    done
}
for place in router client web db app host; do
    case $place in
    host) in= ;;
    router | client) in="ip netns exec $place" ;;
    *) in="nsenter -n -t $(lxc query /1.0/instances/$place/state | sed -n 's/.*"pid": \([0-9]*\).*/\1/p' | head -1)" ;;
    esac
"""
_OF_LXD = r"""
for guest in web db app; do
    lxc config show $guest | grep -v volatile
    lxc exec $guest -- docker ps -a --format '{{.Names}} {{.State}}' | sort
done
"""


@contextmanager
def bench(lab: Lab) -> Iterator[Bench]:
    """Guests with a fixed address of IPv6, which LXD hands out only to those that ask by DHCPv6."""
    words = [str(LAB), "host", "--", sys.executable, "-m", "tests.live.worker"]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as worker:
        for name, address in GUESTS.items():
            lab.sh(name, f"ip -6 addr replace {address}/64 dev eth0 nodad")
        made = Bench(lab, worker)
        made.put_right({})
        lab.wait_for_containers()
        yield made
        if worker.stdin:
            worker.stdin.close()
