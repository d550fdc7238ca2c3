"""One trial: rule sets into a real router, packets through it, and the model's word on each."""

import re
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import TypeAlias

from homelab.diagnosis.tracer import Tracer
from homelab.model.kernel import Ruleset
from homelab.model.place import netns
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Target, Trace
from homelab.system.live import LiveSystem
from homelab.system.probe import probe
from homelab.workflow.agreement import EXPECTED, KNOWN
from tests.diagnosis.netfilter_world import CLIENT_NS, ROUTER_NS, SERVER_NS, World, inside, router
from tests.kernel import fuzz_dice, fuzz_nft
from tests.kernel.fuzz_dice import CLIENT, FAR, NEAR, SERVER, Trial

PROTOCOLS = (("icmp", None), ("tcp", 80), ("tcp", 81), ("tcp", 82), ("udp", 53), ("udp", 55))
AIMS = {
    CLIENT_NS: (SERVER, NEAR),
    SERVER_NS: (CLIENT, FAR),
    ROUTER_NS: (CLIENT, SERVER),
}
QUICK, PATIENT = 0.08, 0.7
OPEN = (
    *(
        "tcp-option",
        "limit",
        "statistic",
        "recent",
        "string",
        "policy",
        "ecn",
        "u32",
        "realm",
        "cpu",
    ),
    *("physdev", "socket", "helper", "quota", "skuid", "cgroup", "numgen", "jhash", "count over"),
    *(
        "tcp option",
        "@th",
        "@nh",
        "random",
        "ipsec",
        "time",
        "hour",
        "osf",
        "label",
        "bytes",
        "avgpkt",
    ),
    *("expiration", "packets >", "rtclassid", "classid", "transparent", "connlimit", "mac"),
)
"""Words of what a packet does not determine."""
_NUMBERS = re.compile(r"\b(?=\d|fd\d)[\w.:/]+|(?<=netns:)\w+")
_COUNTERS = re.compile(r"counter packets \d+ bytes \d+|^\[\d+:\d+\] ?")


Road: TypeAlias = tuple[str, Target]
"""From where, and to what."""
ROADS: tuple[Road, ...] = tuple(
    (origin, Target(ip_address(where[version]), protocol, port))
    for origin, aims in AIMS.items()
    for where in aims
    for version in (4, 6)
    for protocol, port in PROTOCOLS
)


@dataclass
class Score:
    """What was compared; ``wrong`` are definite verdicts that the kernel contradicts.

    ``silent`` counts what the kernel said nothing of: a datagram that nobody has to answer, or one that
    its sender's own rules kept back.
    """

    pairs: int = 0
    silent: int = 0
    beyond: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    roads: list[Road] = field(default_factory=list)

    def add(self, other: "Score") -> None:
        self.pairs += other.pairs
        self.outcomes += other.outcomes
        self.unknown += other.unknown
        self.silent += other.silent
        self.beyond += other.beyond
        self.wrong += other.wrong


class Court:
    """The model before its judge."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.system = LiveSystem()
        self.bare: Snapshot = self.system.read()

    def hear(self, trial: Trial, roads: Sequence[Road] = ROADS, *, whole: bool = False) -> Score:
        """Load, read back, send, compare; the router is bare again afterwards.

        ``whole``: every line has to be taken by the kernel, or it is an error of the trial.
        """
        legacy = any("legacy" in tool for tool, _ in trial.rules)
        self.world.clear()
        try:
            for tool, text in trial.rules:
                (self.world.load if whole else load)(tool, text)
            texts = self.world.texts(legacy)
            return self._compare(trial, self._seen(texts), roads, legacy=legacy)
        finally:
            self.world.clear()

    def _seen(self, texts: dict[str, str]) -> Snapshot:
        place = netns(ROUTER_NS)
        rules = tuple(Ruleset(tool, text) for tool, text in texts.items())
        here = replace(self.bare.namespaces[place], rulesets=rules)
        return replace(self.bare, namespaces={**self.bare.namespaces, place: here})

    def _compare(
        self, trial: Trial, snapshot: Snapshot, roads: Sequence[Road], *, legacy: bool
    ) -> Score:
        tracer, score = Tracer(snapshot), Score()
        dropped: list[tuple[str, Trace]] = []
        for origin, aims in by_origin(roads).items():
            inside(ROUTER_NS, "conntrack", "-F", check=False)
            for target, said in zip(aims, self._ask(origin, aims, QUICK), strict=True):
                trace = tracer.trace(netns(origin), target)
                if said not in KNOWN or is_kept_back(trace, said):
                    score.silent += 1
                    continue
                score.pairs += 1
                score.outcomes[trace.outcome.value] += 1
                if trace.outcome.value == "unknown":
                    score.unknown[reason(trace)] += 1
                elif not agrees(trace, said):
                    self._again(trial, origin, trace, score)
                elif trace.outcome.value == "dropped":
                    dropped.append((origin, trace))
        self._uncounted(trial, dropped, score, legacy=legacy)
        return score

    def _ask(self, origin: str, aims: Sequence[Target], patience: float) -> tuple[str, ...]:
        return probe(self.system.door(netns(origin)), aims, patience)

    def _again(self, trial: Trial, origin: str, trace: Trace, score: Score) -> None:
        """A machine that is busy may be late: ask once more, and wait."""
        (said,) = self._ask(origin, [trace.target], PATIENT)
        if agrees(trace, said):
            return
        if is_beyond(trial, trace, said):
            score.beyond += 1
            return
        cause = (
            f"{trace.cause.stage}: {trace.cause.rule or trace.cause.text}" if trace.cause else ""
        )
        road = f"{trial.name}: {origin[-1]} to {trace.target}"
        score.wrong.append(f"{road}: model {trace.outcome.value} ({cause}), kernel {said}")
        score.roads.append((origin, trace.target))

    def _uncounted(
        self, trial: Trial, dropped: list[tuple[str, Trace]], score: Score, *, legacy: bool
    ) -> None:
        """Rules that the model blames and whose counters say that they met no packet."""
        if any(each in text for _, text in trial.rules for each in OPEN):
            return  # A rule before the one that is blamed may have done the same.
        counts = counters(self.world.texts(legacy))
        for origin, trace in dropped:
            cause = trace.cause
            if cause and cause.kind == "rule" and counts.get(bare(cause.rule)) == 0:
                road = f"{trial.name}: {origin[-1]} to {trace.target}"
                score.wrong.append(f"{road}: {cause.rule} met no packet")
                score.roads.append((origin, trace.target))


def by_origin(roads: Sequence[Road]) -> dict[str, list[Target]]:
    grouped: dict[str, list[Target]] = {}
    for origin, target in roads:
        grouped.setdefault(origin, []).append(target)
    return grouped


def is_kept_back(trace: Trace, said: str) -> bool:
    """A datagram that a rule of its own place rejects: send(2) fails at once, and no error is waited for."""
    cause = trace.cause
    own = cause is not None and (cause.at, cause.kind) == (trace.origin, "rule")
    return own and said == "timeout" and trace.target.protocol != "tcp"


def is_beyond(trial: Trial, trace: Trace, said: str) -> bool:
    """A reset for the third packet of a handshake: a trace follows the first and its answer."""
    resets = any("tcp-reset" in text or "tcp reset" in text for _, text in trial.rules)
    tcp = trace.target.protocol == "tcp" and trace.outcome.value == "delivered"
    return resets and tcp and said == "refused"


def agrees(trace: Trace, said: str) -> bool:
    return said not in KNOWN or said in EXPECTED[trace.outcome]


def reason(trace: Trace) -> str:
    """The match or the statement that an unknown verdict hangs on, without its values."""
    cause = trace.cause
    told = (cause.text or cause.rule or cause.key or "") if cause else ""
    return _NUMBERS.sub("N", told.split(": ")[0])


def bare(rule: str | None) -> str:
    return _COUNTERS.sub("counter", (rule or "").strip()).removeprefix("counter").strip()


def counters(texts: dict[str, str]) -> dict[str, int]:
    """How many packets each rule met, by its text; equal rules are added up."""
    counts: Counter[str] = Counter()
    for tool, text in texts.items():
        if tool == "nft-json":
            continue
        for line in text.splitlines():
            found = re.search(r"^\[(\d+):|counter packets (\d+) ", line.strip())
            if found:
                counts[bare(re.sub(r" # handle \d+$", "", line))] += int(found[1] or found[2])
    return counts


def load(tool: str, text: str) -> None:
    """Load what can be loaded: a line that contradicts itself is left out."""
    command = ["nft", "-f", "-"] if tool == "nft" else [f"{tool}-restore", "--noflush"]
    lines = text.split("\n")
    for _ in range(60):
        done = subprocess.run(
            ["nsenter", f"--net=/run/netns/{ROUTER_NS}", "--", *command],
            input="\n".join(lines),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            return
        named = {int(one or two) for one, two in _named(done.stderr)}
        guilty = {each for each in named if lines[each - 1].strip() not in ("", "COMMIT", "}")}
        for number in guilty or _half(lines):
            lines[number - 1] = ""


def _named(errors: str) -> list[tuple[str, str]]:
    return re.findall(r"/dev/stdin:(\d+):|line:? (\d+)", errors)


def _half(lines: list[str]) -> list[int]:
    """The last rule, where the tool does not say which one it is."""
    rules = [number for number, line in enumerate(lines, 1) if line.startswith(("-A", "  "))]
    return rules[-1:]


def refused() -> frozenset[str]:
    """The pieces that this kernel, or its tools, do not take at any hook."""
    return frozenset(
        piece for piece, ways in _pieces() if not any(_is_taken(tool, way) for tool, way in ways)
    )


def _pieces() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    for version in (4, 6):
        tool = "iptables-nft" if version == 4 else "ip6tables-nft"
        for kind in (fuzz_dice.protocols, fuzz_dice.addresses, fuzz_dice.tracked, fuzz_dice.others):
            for piece in kind(version):
                yield piece, [(tool, f"*mangle\n-A FORWARD {piece} -j RETURN\nCOMMIT\n")]
        for table in ("raw", "mangle", "filter"):
            hook = "PREROUTING" if table != "filter" else "FORWARD"
            for piece in fuzz_dice.ends(version, table):
                yield piece, [(tool, f"*{table}\n-A {hook} -j {piece}\nCOMMIT\n")]
        for hook, choices in fuzz_dice.translations(version).items():
            for piece in choices:
                yield piece, [(tool, f"*nat\n-A {hook} {piece}\nCOMMIT\n")]
    for piece in (*fuzz_nft.MATCHES, *fuzz_nft.STATEMENTS, *fuzz_nft.REJECTS):
        yield (
            piece,
            [
                ("nft", _table(f"filter hook {hook} priority 0", piece))
                for hook in ("forward", "prerouting")
            ],
        )
    for piece in (*fuzz_nft.DNAT, *fuzz_nft.SNAT):
        yield (
            piece,
            [
                ("nft", _table(f"nat hook {hook} priority 0", piece))
                for hook in ("prerouting", "postrouting")
            ],
        )


def _table(head: str, rule: str) -> str:
    seen = " set seen { type ipv4_addr; flags dynamic,timeout; timeout 1m; }\n"
    return f"table inet t {{{fuzz_nft.SETS}{seen} chain c {{\n  type {head};\n  {rule}\n }}\n}}\n"


def _is_taken(tool: str, text: str) -> bool:
    command = ["nft", "-f", "-"] if tool == "nft" else [f"{tool}-restore"]
    done = subprocess.run(
        ["nsenter", f"--net=/run/netns/{ROUTER_NS}", "--", *command],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    if tool == "nft" and done.returncode == 0:
        inside(ROUTER_NS, "nft", "flush", "ruleset")
    return done.returncode == 0


@contextmanager
def court() -> Iterator[Court]:
    with router() as world:
        for name in AIMS:
            for link in ("all", "default", "eth0", "in0", "out0"):
                inside(name, "sysctl", "-qw", f"net.ipv4.conf.{link}.rp_filter=0", check=False)
            inside(name, "sysctl", "-qw", "net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0")
        yield Court(world)
