"""The model against the kernel until somebody stops it: python -m tests.kernel.fuzz [PAIRS] [SEED]."""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.kernel.fuzz_dice import Trial, trial
from tests.kernel.fuzz_world import Court, Road, Score, court, refused

CASES = Path(__file__).parents[1] / "cases"


def main(pairs: int, seed: int) -> int:
    total, begun = Score(), time.monotonic()
    with court() as judge:
        unfit = refused()
        sys.stdout.write(
            f"seed {seed}; {len(unfit)} pieces that this kernel does not take are left out\n"
        )
        while total.pairs < pairs or not pairs:
            one = trial(seed, unfit)
            score = judge.hear(one)
            total.add(score)
            for line in score.wrong:
                sys.stdout.write(f"WRONG {line}\n")
            if score.wrong:
                keep(judge, one, score.roads[:3])
            if seed % 50 == 0:
                rate = total.pairs / (time.monotonic() - begun)
                sys.stdout.write(
                    f"{seed}: {total.pairs} pairs, {rate:.0f}/s, {dict(total.outcomes)}\n"
                )
                sys.stdout.flush()
            seed += 1
    sys.stdout.write(
        f"{total.pairs} pairs ({total.silent} more that the kernel said nothing of, {total.beyond} reset at the third packet) up to seed {seed - 1}: {len(total.wrong)} wrong, {dict(total.outcomes)}\n"
    )
    for what, count in total.unknown.most_common():
        sys.stdout.write(f"  unknown {count / total.pairs:.3%}  {what}\n")
    return 1 if total.wrong else 0


def keep(judge: Court, found: Trial, roads: Sequence[Road]) -> None:
    """Shrink what is wrong, a rule at a time, and write it down as a case."""
    rules = list(found.rules)
    for number in range(len(rules)):
        lines = rules[number][1].split("\n")
        for at in range(len(lines) - 1, -1, -1):
            if not lines[at].startswith(("-A", "  ")) or "type " in lines[at]:
                continue
            fewer = [*lines[:at], *lines[at + 1 :]]
            tried = [*rules[:number], (rules[number][0], "\n".join(fewer)), *rules[number + 1 :]]
            if judge.hear(Trial(found.name, tuple(tried)), roads).wrong:
                rules, lines = tried, fewer
    CASES.mkdir(exist_ok=True)
    file = CASES / f"{found.name}.json"
    file.write_text(
        json.dumps(
            {"name": found.name, "rules": rules, "roads": [[o[-1], str(t)] for o, t in roads]},
            indent=1,
        )
        + "\n"
    )
    sys.stdout.write(f"  kept as {file}\n")


if __name__ == "__main__":
    numbers = [int(each) for each in sys.argv[1:]] + [0, 0]
    sys.exit(main(numbers[0], numbers[1]))
