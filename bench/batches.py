"""1,000 routes and 1,000 rules into a namespace of its own, by homelab's batches and by ip(8) and iptables-restore(8) alone: as root.

`python -m bench.batches`. Each is the median of RUNS, made and taken away again.
"""

import statistics
import subprocess
import time
from collections.abc import Callable
from ipaddress import ip_address, ip_network

from homelab.model.kernel import NextHop, Route
from homelab.model.operation import (
    AddFilterRule,
    AddRoute,
    DeleteFilterRule,
    DeleteRoute,
    FilterRule,
)
from homelab.model.place import Place
from homelab.system.doors import Door
from homelab.system.iptables import change_filter
from homelab.system.routes import change_routes

COUNT = 1_000
RUNS = 5
NAME = "homelab-bench"
PLACE = Place(f"netns:{NAME}")
DOOR = Door(PLACE, f"/run/netns/{NAME}")
NETS = [ip_network(f"10.{100 + number // 250}.{number % 250}.0/24") for number in range(COUNT)]
ROUTES = [Route(each, (NextHop(ip_address("10.77.0.11")),), protocol="201") for each in NETS]
RULES = [
    FilterRule("iptables-nft", "filter", "FORWARD", f"n{each}", destination=each) for each in NETS
]


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def plain_routes(verb: str) -> None:
    lines = "".join(f"route {verb} {each} via 10.77.0.11 proto 201\n" for each in NETS)
    DOOR.run(["ip", "-batch", "-"], stdin=lines)


def plain_rules(verb: str) -> None:
    lines = "".join(f"-{verb} FORWARD -d {each} -j ACCEPT\n" for each in NETS)
    DOOR.run(["iptables-nft-restore", "--noflush"], stdin=f"*filter\n{lines}COMMIT\n")


def both(
    name: str, ours: tuple[Callable[[], object], ...], least: tuple[Callable[[], object], ...]
) -> None:
    """Each pair makes and takes away; the making is what counts."""
    pairs = []
    for _ in range(RUNS):
        mine = timed(ours[0])
        ours[1]()
        pairs.append((mine, timed(least[0])))
        least[1]()
    mine, theirs = (statistics.median(each) for each in zip(*pairs, strict=True))
    print(
        f"{COUNT} {name}: {mine * 1000:.0f} ms, the tool alone {theirs * 1000:.0f} ms ({mine / theirs:.2f} times)"
    )


def main() -> None:
    ip("netns", "add", NAME)
    try:
        ip("-n", NAME, "link", "add", "v0", "type", "veth", "peer", "name", "v1")
        ip("-n", NAME, "addr", "add", "10.77.0.1/24", "dev", "v0")
        for link in ("lo", "v0", "v1"):
            ip("-n", NAME, "link", "set", link, "up")
        both(
            "routes",
            (
                lambda: change_routes(DOOR, [AddRoute(PLACE, each) for each in ROUTES]),
                lambda: change_routes(DOOR, [DeleteRoute(PLACE, each) for each in ROUTES]),
            ),
            (lambda: plain_routes("add"), lambda: plain_routes("del")),
        )
        both(
            "rules",
            (
                lambda: change_filter(DOOR, [AddFilterRule(PLACE, each) for each in RULES]),
                lambda: change_filter(DOOR, [DeleteFilterRule(PLACE, each) for each in RULES]),
            ),
            (lambda: plain_rules("A"), lambda: plain_rules("D")),
        )
    finally:
        ip("netns", "del", NAME)


if __name__ == "__main__":
    main()
