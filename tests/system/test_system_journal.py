"""The journal on a real disk, and the lock that a dead process gives back."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from homelab.errors import OperationError
from homelab.system.journal import KEPT, Journal
from homelab.system.lock import HeldError, locked


def quiet(_: str) -> None:
    pass


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_change_is_on_disk_from_before_it_begins_until_it_is_a_revision(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "state")
    assert (journal.is_pending(), journal.read(), journal.numbers()) == (False, {}, ())

    journal.begin({"intent.json": "{}"})
    journal.add("steps.jsonl", "one")
    journal.add("steps.jsonl", "two")
    journal.write("applied", "")

    assert journal.is_pending()
    assert journal.read() == {"applied": "", "intent.json": "{}", "steps.jsonl": "one\ntwo\n"}
    assert mode(journal.pending) == 0o700
    assert {mode(each) for each in journal.pending.iterdir()} == {0o600}

    journal.end(journal.next_number())
    assert not journal.is_pending()
    assert journal.numbers() == (1,)
    assert journal.read(1)["steps.jsonl"] == "one\ntwo\n"
    assert journal.next_number() == 2


def test_the_oldest_revisions_go(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for number in range(1, KEPT + 3):
        journal.begin({})
        journal.end(number)

    assert journal.numbers() == tuple(range(3, KEPT + 3))


def test_nothing_is_begun_while_something_is_pending(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.begin({"intent.json": "first"})

    with pytest.raises(OperationError, match="nothing is changed"):
        journal.begin({"intent.json": "second"})

    assert journal.read() == {"intent.json": "first"}
    assert [each.name for each in tmp_path.iterdir()] == ["pending"]


def test_a_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.begin({})
    (journal.pending / "steps.jsonl").symlink_to("/dev/full")

    with pytest.raises(OperationError, match="No space left"):
        journal.add("steps.jsonl", "one")


def test_a_journal_that_cannot_be_kept_stops_the_change(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    journal = Journal(tmp_path / "file")

    for refused in (
        lambda: journal.begin({}),
        lambda: journal.add("steps.jsonl", "one"),
        lambda: journal.write("applied", ""),
        lambda: journal.end(1),
        journal.numbers,
    ):
        with pytest.raises(OperationError, match="without a journal nothing is changed"):
            refused()
    with pytest.raises(OperationError, match="by hand"):
        journal.read()


def test_what_is_no_revision_is_none(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.begin({})
    journal.end(7)
    (journal.revisions / "notes").mkdir()

    assert journal.numbers() == (7,)


def test_two_changes_at_once_and_the_second_hears_of_the_first(tmp_path: Path) -> None:
    with (
        locked("homelab apply of root", wait=False, tell=quiet, folder=tmp_path),
        pytest.raises(HeldError, match=f"homelab apply of root, pid {os.getpid()}"),
        locked("another", wait=False, tell=quiet, folder=tmp_path),
    ):
        pytest.fail("both have it")

    with locked("a third", wait=False, tell=quiet, folder=tmp_path):
        assert (tmp_path / "lock").read_text() == f"a third, pid {os.getpid()}"
    assert mode(tmp_path / "lock") == 0o600


HOLDER = """
import sys, time
from pathlib import Path
from homelab.system.lock import locked
with locked("the holder", wait=True, tell=print, folder=Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_dead_holder_is_no_obstacle_and_a_live_one_is_waited_for(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    heard: list[str] = []

    def told(text: str) -> None:
        heard.append(text)
        holder.send_signal(signal.SIGKILL)

    with locked("the next", wait=True, tell=told, folder=tmp_path):
        assert heard == [f"waiting for another homelab: the holder, pid {holder.pid}"]
    holder.wait()
    holder.stdout.close()


def test_a_lock_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with (
        pytest.raises(OperationError, match="run as root"),
        locked("me", wait=False, tell=quiet, folder=tmp_path / "file"),
    ):
        pytest.fail("held")
