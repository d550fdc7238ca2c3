"""Real guests in many states, and every flow of each judged by real packets; by hand, inside the lab's host.

``make matrix`` runs it: ``python -m tests.live.matrix FOLDER [NAME …]``. FOLDER gets, for each case and
guest, what was observed and what every packet met, as tests/captures/matrix keeps the most telling of them;
what differs from the model is printed.
"""

import gzip
import json
import os
import subprocess
import sys
import time
from collections import Counter as Tally
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from homelab.diagnosis.tracer import Tracer
from homelab.load.snapshot import dump_snapshot
from homelab.model.place import HOST, Place, guest, guest_of
from homelab.model.proof import Counts, Evidence
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Target, Trace
from homelab.system.doors import Door
from homelab.system.live import LiveSystem
from homelab.system.probe import probe
from homelab.workflow.witness import evidence_of, wanted
from tests.live.matrix_case import GENERATIONS, Case, fill
from tests.live.matrix_flows import CLIENT, OTHERS, flows
from tests.live.matrix_rows import CASES
from tests.live.matrix_servers import datagrams, servers
from tests.matrix_kept import fits, line, shown

TOOLS = os.environ.get("HOMELAB_MATRIX_TOOLS", "")
"""A tree of Debian 12 with ufw, ipset and iptables, and with /proc mounted in it; cases that need it are left out else."""

_QUIET = """
echo 0 >/proc/sys/net/ipv4/icmp_ratelimit; echo 0 >/proc/sys/net/ipv6/icmp/ratelimit
for k in icmp_msgs_per_sec icmp_msgs_burst; do
    [ ! -e /proc/sys/net/ipv4/$k ] || echo 100000 >/proc/sys/net/ipv4/$k
done
"""
PATIENCE = 0.7
TCP, UDP = 80, 5005

Flow = tuple[Place, Target]


@dataclass
class Bench:
    system: LiveSystem

    def door(self, place: Place) -> Door:
        return self.system.doors[place]

    def make(self, case: Case) -> dict[str, str]:
        """Guests in which it could not be made, and why."""
        with ThreadPoolExecutor() as pool:
            said = list(pool.map(lambda each: self._make(case, each), case.guests))
        return {each: why for each, why in zip(case.guests, said, strict=True) if why}

    def _make(self, case: Case, name: str) -> str:
        words = ["lxc", "exec", name, "--", "sh", "-c", case.script(name)]
        why = _run(words)
        if why or not case.tools:
            return why
        inside = ["chroot", TOOLS, "sh", "-euc", fill(case.tools, name)]
        return _run(self.door(guest(name)).argv(inside))

    def quiet(self, snapshot: Snapshot) -> None:
        """No limit on ICMP errors, which nobody could foresee."""
        for place in snapshot.namespaces:
            self.door(place).run(["sh", "-c", _QUIET])

    def ask(self, asked: Sequence[Flow]) -> list[str]:
        """What one packet of each flow met; datagrams bear a byte, since docker-proxy passes on no empty one."""
        by_place: dict[Place, list[Target]] = {}
        for place, target in asked:
            by_place.setdefault(place, []).append(target)
        with ThreadPoolExecutor() as pool:
            said = dict(zip(by_place, pool.map(self._of, by_place, by_place.values()), strict=True))
        answers = {place: iter(each) for place, each in said.items()}
        return [next(answers[place]) for place, _ in asked]

    def _of(self, place: Place, targets: Sequence[Target]) -> list[str]:
        udp = [each for each in targets if each.protocol == "udp"]
        rest = [each for each in targets if each.protocol != "udp"]
        with ThreadPoolExecutor() as pool:
            asked = pool.submit(datagrams, self.door(place), udp, PATIENCE)
            others = iter(probe(self.door(place), rest, PATIENCE))
            said = iter(asked.result())
        return [next(said if each.protocol == "udp" else others) for each in targets]


def _run(words: Sequence[str]) -> str:
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired as error:
        return str(error)
    return (done.stderr.strip() or f"exit {done.returncode}")[-600:] if done.returncode else ""


@dataclass(frozen=True)
class Judged:
    flow: Flow
    trace: Trace
    said: str
    evidence: Evidence

    @property
    def is_wrong(self) -> bool:
        return self.trace.outcome.value != "unknown" and not fits(self.trace, self.said)

    @property
    def is_uncounted(self) -> bool:
        """The rule that the model blames has seen no packet; of neighbour discovery one stands for many."""
        count = self.evidence.cause
        return count is not None and count.after == count.before


def judge(bench: Bench, snapshot: Snapshot, asked: Sequence[Flow]) -> list[Judged]:
    tracer = Tracer(snapshot)
    traces = [tracer.trace(place, target) for place, target in asked]
    reads = [each for each in wanted(traces, way=False) if each.source]
    before = bench.system.count(reads)
    said = bench.ask(asked)
    after = bench.system.count(reads)
    evidence = _evidence(traces, before, after)
    said = _again(bench, asked, traces, said)
    return [Judged(*each) for each in zip(asked, traces, said, evidence, strict=True)]


def _evidence(traces: Sequence[Trace], before: Counts, after: Counts) -> Sequence[Evidence]:
    return evidence_of(traces, 1, before, after)


def _again(
    bench: Bench, asked: Sequence[Flow], traces: Sequence[Trace], said: list[str]
) -> list[str]:
    """What seems wrong is asked twice more: a packet may get lost on a busy machine."""
    for _ in range(2):
        doubted = [
            at
            for at, (trace, word) in enumerate(zip(traces, said, strict=True))
            if not fits(trace, word)
        ]
        for at, word in zip(doubted, bench.ask([asked[each] for each in doubted]), strict=True):
            if word != "timeout":
                said[at] = word
    return said


def keep(folder: Path, name: str, snapshot: Snapshot, judged: Sequence[Judged]) -> None:
    """One file for each guest: what was observed, and what was measured from or to it."""
    document = {
        "snapshot": json.loads(dump_snapshot(snapshot)),
        "measured": [[each.flow[0], str(each.flow[1]), each.said] for each in judged],
    }
    text = json.dumps(document, separators=(",", ":"), sort_keys=True)
    (folder / f"{name}.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


def only(snapshot: Snapshot, name: str) -> Snapshot:
    """Without the other guests, whose packets take no part."""
    kept = [
        each
        for each in snapshot.namespaces
        if guest_of(each) in (name, None) and (each in (HOST, *OTHERS) or guest_of(each))
    ]
    daemons = {each: one for each, one in snapshot.daemons.items() if each in kept}
    files = {each: one for each, one in snapshot.daemon_files.items() if each in kept}
    return replace(
        snapshot,
        namespaces={each: snapshot.namespaces[each] for each in kept},
        daemons=daemons,
        daemon_files=files,
    )


def run(bench: Bench, folder: Path, name: str, case: Case) -> Tally[str]:
    start = time.monotonic()
    failed = bench.make(case)
    for each, why in failed.items():
        show(f"-- {name} {each}: not made: {why}")
    time.sleep(1.5)
    seen = bench.system.read()
    there = [each for each in case.guests if each not in failed]
    total = Tally[str](failed=len(failed))
    with servers(_served(bench, seen)):
        bench.quiet(seen)
        snapshot = bench.system.read()
        for each in there:
            judged = judge(bench, only(snapshot, each), list(flows(snapshot, each)))
            keep(folder, f"{name}.{each}".replace(" ", "-"), only(snapshot, each), judged)
            total += report(f"{name} {each}", judged)
    show(f"== {name}: {dict(total)} in {time.monotonic() - start:.1f} s")
    return total


def _served(bench: Bench, snapshot: Snapshot) -> Iterator[tuple[Door, int, int]]:
    for place in snapshot.namespaces:
        if place.startswith("container:") or place in (CLIENT, HOST):
            yield bench.door(place), TCP, UDP
        elif place.startswith("guest:"):
            yield bench.door(place), 9000, 9053


def report(name: str, judged: Sequence[Judged]) -> Tally[str]:
    wrong = [each for each in judged if each.is_wrong]
    unknown = [each for each in judged if each.trace.outcome.value == "unknown"]
    uncounted = [each for each in judged if each.is_uncounted]
    for kind, lines in (("WRONG", wrong), ("UNCOUNTED", uncounted)):
        for each in lines[:12]:
            show(f"{kind} {name}: {line(each.trace, each.said)}")
    for text, count in Tally(shown(each.trace.cause) for each in unknown).most_common(6):
        show(f"UNKNOWN {name}: {count} times {text}")
    counted = sum(each.evidence.cause is not None for each in judged)
    return Tally(
        flows=len(judged),
        wrong=len(wrong),
        unknown=len(unknown),
        uncounted=len(uncounted),
        blamed=counted,
        guests=1,
    )


def show(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(folder: Path, names: Sequence[str]) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    chosen: Mapping[str, Case] = {
        name: case
        for name, case in CASES.items()
        if (not names or any(each in name for each in names)) and (TOOLS or not case.tools)
    }
    bench = Bench(LiveSystem())
    prepare(bench)
    total = Tally[str]()
    for name, case in chosen.items():
        total += run(bench, folder, name, case)
    show(f"all: {len(chosen)} cases, {dict(total)}")
    return 1 if total["wrong"] or total["uncounted"] else 0


def prepare(bench: Bench) -> None:
    """The ways to the guests' subnets: the client asks the router, the router the host."""
    bench.system.read()
    for name, number in GENERATIONS.items():
        for subnet, near, far in (
            (f"10.9{number}.0.0/16", f"10.77.0.1{number - 3}", "10.0.0.2"),
            (f"fd9{number}::/32", f"fd77::1{number}", "fd00:10::2"),
        ):
            _must(bench.door(HOST).argv(["ip", "route", "replace", subnet, "via", near]))
            router = bench.door(Place("netns:router"))
            _must(router.argv(["ip", "route", "replace", subnet, "via", far]))
        address = ["ip", "-6", "addr", "replace", f"fd77::1{number}/64", "dev", "eth0", "nodad"]
        _must(bench.door(guest(name)).argv(address))
    for key in ("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"):
        _must(["sysctl", "-qw", key])


def _must(words: Sequence[str]) -> None:
    why = _run(words)
    if why:
        raise SystemExit(f"{' '.join(words)}: {why}")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
