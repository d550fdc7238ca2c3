"""Whatever dies at whatever operation of an apply: afterwards the lab is the old one, or the new one.

In CI a sample with a seed; ``make harm`` runs every operation with every harm.
"""

import difflib
import os
import random
import re
import subprocess
from collections.abc import Iterator
from typing import TypeAlias

import pytest

from tests.live.test_live_main_job import CLEAN, FOREIGN, look
from tests.live.the_lab import LAB, ROOT, Lab

pytestmark = pytest.mark.lab

FIRST, OPERATIONS = 10, 13
"""The fsync(2) before the first operation of an apply of the lab's inventory; how many batches there are."""

HARMS = ("process", "dockerd", "lxd", "guest", "disk")
GUESTS = ("web", "db", "app")
COMMANDS = {
    "rollback": ("rollback",),
    "apply": ("-i", "inventory", "apply", "--yes"),
}
STATE = "/run/homelab-small"
Case: TypeAlias = tuple[int, str, str]

EVERY = [
    (at, harm, ("rollback", "apply")[(at + number) % 2])
    for at in range(OPERATIONS)
    for number, harm in enumerate(HARMS)
]
random.Random(4).shuffle(EVERY)
IN_CI = ("process", "dockerd", "disk")
SAMPLE = [next(each for each in EVERY if each[1] == harm) for harm in IN_CI]
CASES = EVERY if os.environ.get("HOMELAB_HARM") == "all" else SAMPLE


@pytest.fixture(scope="module")
def wanted(lab: Lab) -> Iterator[dict[str, str]]:
    """What is to be seen after an apply, with foreign things beside it; the lab is left bare."""
    restore(lab)
    assert lab.homelab("apply", "--yes").returncode == 0
    lab.wait_for_containers()
    for place in ("host", "router"):
        lab.sh(place, FOREIGN[place])
    seen = known(lab)
    assert lab.homelab("destroy", "--yes").returncode == 0
    yield seen
    restore(lab)
    for place in ("host", "router"):
        lab.sh(place, CLEAN[place])
    assert lab.homelab("apply", "--yes").returncode == 0
    lab.wait_for_containers()


def known(lab: Lab) -> dict[str, str]:
    """Docker gives its networks other ids when it starts, and puts its rules in another order."""
    return {
        place: re.sub(r"^[0-9a-f]{12}$", "id", text, flags=re.MULTILINE)
        if place in ("host", "router")
        else "\n".join(sorted(re.sub(r"\b[0-9a-f]{12}\b", "id", text).splitlines()))
        for place, text in look(lab).items()
    }


def differences(one: dict[str, str], other: dict[str, str]) -> list[str]:
    """Lines that stand in one of the two only, with their place."""
    return [
        f"{place}: {line}"
        for place in one
        for line in difflib.ndiff(one[place].splitlines(), other[place].splitlines())
        if line[0] in "+-"
    ]


def restore(lab: Lab) -> None:
    """Every daemon and every guest runs again; what died stays as it died."""
    subprocess.run([str(LAB), "up"], cwd=ROOT, capture_output=True, check=True, timeout=300)
    for guest in GUESTS:
        lab.sh(guest, "docker version >/dev/null 2>&1 || dockerd-restart")


@pytest.fixture
def small_disk(lab: Lab) -> Iterator[None]:
    lab.sh("host", f"mkdir -p {STATE} && mount -t tmpfs -o size=8m tmpfs {STATE}")
    yield
    restore(lab)
    homelab(lab, "rollback")
    homelab(lab, "-i", "inventory", "destroy", "--yes")
    lab.sh("host", f"umount {STATE}")


def homelab(lab: Lab, *words: str) -> subprocess.CompletedProcess[str]:
    program = f"{ROOT}/.venv/bin/homelab"
    return lab.host("env", f"HOMELAB_STATE={STATE}", program, *words, timeout=300)


def harmed(lab: Lab, at: int, harm: str) -> str:
    words = (str(FIRST + at), harm, GUESTS[at % len(GUESTS)])
    apply = (f"{ROOT}/.venv/bin/homelab", "-i", "inventory", "apply", "--yes")
    script = ("env", f"HOMELAB_STATE={STATE}", "python3", "tests/live/harm.py")
    return lab.host(*script, *words, *apply, timeout=700).stdout


@pytest.mark.usefixtures("small_disk")
@pytest.mark.parametrize(("at", "harm", "then"), CASES)
def test_afterwards_the_lab_is_the_old_one_or_the_new_one(
    lab: Lab, wanted: dict[str, str], at: int, harm: str, then: str
) -> None:
    before = known(lab)

    said = harmed(lab, at, harm)
    restore(lab)
    lab.sh("host", f"rm -f {STATE}/fill")

    outcome = re.search(r"^stopped (-?\d+)$", said, re.MULTILINE)
    assert outcome is not None, said
    if outcome[1] == "0":
        # What was killed was not needed any more. An LXD that starts again sets up its bridge anew, and
        # the kernel drops the routes there, ours too: that is for apply to mend.
        then = "apply"
    done = homelab(lab, *COMMANDS[then])
    assert done.returncode == 0, said + done.stdout + done.stderr
    if then == "rollback":
        assert differences(before, known(lab)) == [], said + done.stdout + done.stderr
        return
    lab.wait_for_containers()
    assert differences(wanted, known(lab)) == [], said + done.stdout + done.stderr
    assert homelab(lab, "-i", "inventory", "destroy", "--yes").returncode == 0
    assert differences(before, known(lab)) == []
