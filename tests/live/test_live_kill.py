"""Killed at every line of its journal, an apply is taken back, or carried through, to the byte."""

import re
import time
from collections.abc import Iterator

import pytest

from tests.live.test_live_main_job import look
from tests.live.the_lab import ROOT, Lab

pytestmark = pytest.mark.lab

APPLY = f"{ROOT}/.venv/bin/homelab -i inventory apply --yes"
BEGUN, ENDED = 8, 26
"""Between these calls of fsync(2) an apply of the lab's inventory begins and ends; see journal.py."""


@pytest.fixture
def bare(lab: Lab) -> Iterator[Lab]:
    """The lab without anything of ours; applied again afterwards."""
    assert lab.homelab("destroy", "--yes").returncode == 0
    yield lab
    assert lab.homelab("apply", "--yes").returncode == 0
    lab.wait_for_containers()


def inject(lab: Lab, what: str, command: str = APPLY) -> int:
    """Run a command in which the kernel, at a certain system call, does ``what`` instead."""
    call = what.partition(":")[0]
    words = ["strace", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={what}"]
    return lab.host(*words, *command.split(), timeout=300).returncode


def declared(lab: Lab) -> dict[str, str]:
    """What is to be seen once the containers run; Docker gives a network another id each time."""
    lab.wait_for_containers()
    return {
        place: re.sub(r"^[0-9a-f]{12}$", "", text, flags=re.MULTILINE)
        for place, text in look(lab).items()
    }


def test_killed_anywhere_and_rolled_back_the_lab_is_the_old_one(bare: Lab) -> None:
    before = look(bare)
    pending = 0
    for call in range(BEGUN, ENDED, 2):
        inject(bare, f"fsync:signal=SIGKILL:when={call}")

        done = bare.host("homelab", "rollback")

        assert done.returncode == 0, f"killed at {call}: {done.stdout}{done.stderr}"
        assert look(bare) == before, f"killed at {call}"
        pending += "rolled back: the lab is as before" in done.stdout
    assert pending >= 7


def test_killed_anywhere_and_applied_again_the_lab_is_the_new_one(bare: Lab) -> None:
    assert bare.homelab("apply", "--yes").returncode == 0
    wanted = declared(bare)
    cut_short = 0
    for call in range(BEGUN + 1, ENDED, 3):
        assert bare.homelab("destroy", "--yes").returncode == 0
        inject(bare, f"fsync:signal=SIGKILL:when={call}")

        done = bare.homelab("apply", "--yes")

        assert done.returncode == 0, f"killed at {call}: {done.stdout}{done.stderr}"
        assert declared(bare) == wanted, f"killed at {call}"
        cut_short += "was cut short: taking it back first" in done.stderr
    assert cut_short >= 5


def test_a_disk_that_fills_up_in_the_middle_takes_the_change_back(bare: Lab) -> None:
    before = look(bare)

    assert inject(bare, f"fsync:error=ENOSPC:when={BEGUN + 8}") == 5

    assert look(bare) == before
    history = bare.document("history")
    assert history["revisions"][-1]["outcome"] == "rolled back"
    assert "No space left on device" in history["revisions"][-1]["failure"]
    assert history["pending"] is None


def test_a_killed_rollback_is_gone_on_with(bare: Lab) -> None:
    before = look(bare)
    inject(bare, f"fsync:signal=SIGKILL:when={ENDED - 3}")
    rollback = f"{ROOT}/.venv/bin/homelab rollback"
    for netlink in (20, 40):
        inject(bare, f"sendto:signal=SIGKILL:when={netlink}", rollback)

    assert bare.host("homelab", "rollback").returncode == 0
    assert look(bare) == before


def test_what_nobody_confirms_takes_itself_back(bare: Lab) -> None:
    before = look(bare)

    done = bare.homelab("apply", "--yes", "--confirm-within", "4")
    assert done.returncode == 0, done.stderr
    refused = bare.homelab("apply", "--yes")

    assert (refused.returncode, "waits for `homelab confirm`" in refused.stderr) == (1, True)
    until = time.monotonic() + 30
    while bare.document("history")["pending"] and time.monotonic() < until:
        time.sleep(0.5)
    assert look(bare) == before
    assert bare.document("history")["revisions"][-1]["failure"] == "not confirmed"


def test_what_is_confirmed_stays(bare: Lab) -> None:
    assert bare.homelab("apply", "--yes", "--confirm-within", "5").returncode == 0
    assert bare.host("homelab", "confirm").returncode == 0
    time.sleep(6)

    assert "nothing to change" in bare.homelab("apply").stdout
    assert bare.document("history")["revisions"][-1]["verified"] == "confirmed"


def test_a_revision_is_returned_to(bare: Lab) -> None:
    before = look(bare)
    assert bare.homelab("apply", "--yes").returncode == 0
    number = bare.document("history")["revisions"][-1]["revision"]
    after = declared(bare)

    assert bare.host("homelab", "rollback", str(number - 1), "--yes").returncode == 0
    assert look(bare) == before
    assert bare.host("homelab", "rollback", str(number), "--yes").returncode == 0
    assert declared(bare) == after


def test_two_at_once_wait_for_each_other(bare: Lab) -> None:
    hold = "flock -x /var/lib/homelab/lock sleep 3 & sleep 0.3;"
    refused = bare.host("sh", "-c", f"{hold} homelab -i inventory apply --no-wait")
    assert refused.returncode == 1
    assert "another homelab changes this lab" in refused.stderr

    waited = bare.host("sh", "-c", f"{hold} homelab -i inventory apply --yes")
    assert waited.returncode == 0, waited.stderr
    assert "waiting for another homelab" in waited.stderr


def test_a_plan_is_applied_as_it_was_saved_or_not_at_all(bare: Lab) -> None:
    file = "tests/lab/.plan.json"
    try:
        assert bare.homelab("plan", "--out", file).returncode == 0
        bare.sh("host", "ip route add 10.90.1.0/24 via 10.77.0.11 dev lxdbr0 proto 201")
        other = bare.homelab("apply", "--plan", file)
        bare.sh("host", "ip route del 10.90.1.0/24")
        same = bare.homelab("apply", "--plan", file)
    finally:
        (ROOT / file).unlink(missing_ok=True)

    assert (other.returncode, "not what this plan was made for" in other.stderr) == (1, True)
    assert same.returncode == 0, same.stderr
