"""Networks thrown by dice against the kernel, until somebody stops it: python -m tests.kernel.topologies [PAIRS] [SEED]."""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tests.kernel.fuzz_world import Score
from tests.kernel.topology_dice import Topology, topology
from tests.kernel.topology_world import hear

CASES = Path(__file__).parents[1] / "cases/topologies"


def main(pairs: int, seed: int) -> int:
    total, begun, first = Score(), time.monotonic(), seed
    while total.pairs < pairs or not pairs:
        thrown = topology(seed)
        score = hear(thrown)
        total.add(score)
        for line in score.wrong:
            sys.stdout.write(f"WRONG {line}\n")
        if score.wrong:
            keep(thrown, score)
        if seed % 20 == 0:
            rate = total.pairs / (time.monotonic() - begun)
            sys.stdout.write(f"{seed}: {total.pairs} pairs, {rate:.0f}/s, {dict(total.outcomes)}\n")
        sys.stdout.flush()
        seed += 1
    sys.stdout.write(
        f"{total.pairs} pairs ({total.silent} more that the kernel said nothing of) of seeds {first} to {seed - 1}: {len(total.wrong)} wrong, {dict(total.outcomes)}\n"
    )
    for what, count in total.unknown.most_common():
        sys.stdout.write(f"  unknown {count / total.pairs:.3%}  {what}\n")
    return 1 if total.wrong else 0


def keep(thrown: Topology, score: Score) -> None:
    """Shrink what is wrong, a line at a time, and write it down as a case."""
    small = replace(thrown, roads=tuple(score.roads[:1]))
    if not hear(small).wrong:
        sys.stdout.write("  not seen again\n")
        return
    *_, smallest = (small, *_fewer(small))
    small = smallest if hear(smallest).wrong else small
    CASES.mkdir(parents=True, exist_ok=True)
    file = CASES / f"{small.name}.json"
    file.write_text(json.dumps(written(small), indent=1) + "\n")
    sys.stdout.write(
        f"  kept as {file}\n" + "".join(f"    {at}: {line}\n" for at, line in small.lines)
    )


def _fewer(small: Topology) -> Iterator[Topology]:
    """Halves first, then smaller parts, then one line after the other."""
    size = len(small.lines) // 2
    while size:
        at = len(small.lines)
        while at > 0:
            lines = (*small.lines[: max(at - size, 0)], *small.lines[at:])
            tried = replace(small, lines=lines)
            if hear(tried, times=1).wrong:
                small = tried
                yield small
            at -= size
        size //= 2


def written(case: Topology) -> dict[str, object]:
    return {
        "name": case.name,
        "wires": case.wires,
        "lines": case.lines,
        "deaf": sorted(case.deaf),
        "roads": [[origin, str(to.address), to.protocol, to.port] for origin, to in case.roads],
    }


if __name__ == "__main__":
    numbers = [int(each) for each in sys.argv[1:]] + [0, 0]
    sys.exit(main(numbers[0], numbers[1]))
