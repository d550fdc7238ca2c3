"""The commands where nothing is at its place: missing files, closed doors, standard input, options in odd places."""

import errno
import io
import json
from ipaddress import ip_address
from pathlib import Path

import click
import pytest

from homelab.cli import run
from homelab.cli.change import (
    _asked,
    _nothing_done,
    _refuse_cut_off,
    show_applied,
)
from homelab.cli.common import lines_of, observe, telling
from homelab.cli.diagnose import Show, _show
from homelab.cli.group import COMMANDS, cli
from homelab.cli.snapshot import write_private
from homelab.errors import ConflictError, HomelabError, UnsafePlanError, UsageError
from homelab.load.inventory import load_inventory
from homelab.load.snapshot import load_snapshot
from homelab.model import operation as op
from homelab.model.kernel import NextHop, Route
from homelab.model.place import HOST, ROUTER
from homelab.model.plan import Applied, Execution
from homelab.model.proof import Proof, Sender
from homelab.model.trace import Outcome, Target, Trace
from homelab.workflow import change, foresight
from homelab.workflow.look import diagnose
from homelab.workflow.probing import Compared

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "tests/recorded"
APPLIED, BROKEN = (str(RECORDED / f"{each}.json") for each in ("applied", "broken"))
INVENTORY = str(ROOT / "inventory")
Captured = pytest.CaptureFixture[str]
DECLARED = load_inventory(Path(INVENTORY))
SEEN = load_snapshot(Path(APPLIED))

VARIANTS = {
    "check": [],
    "plan": ["--snapshot", APPLIED],
    "diagnose": ["--snapshot", APPLIED],
    "trace": ["lan", "10.90.1.10", "--snapshot", APPLIED],
    "snapshot": ["--snapshot", APPLIED],
}


@pytest.mark.parametrize("command", VARIANTS)
def test_an_inventory_is_named_before_or_after_the_command(command: str, capsys: Captured) -> None:
    words = VARIANTS[command]

    assert run(["-i", INVENTORY, command, *words]) == 0
    before = capsys.readouterr().out
    assert run([command, "-i", INVENTORY, *words]) == 0
    assert capsys.readouterr().out == before
    # The nearer one counts.
    assert run(["-i", "/nonexistent", command, "--inventory", INVENTORY, *words]) == 0
    assert run(["-i", INVENTORY, command, "-i", "/nonexistent", *words]) == 2


WITHOUT = [
    "schema",
    "explain",
    "confirm",
    "rollback",
    "history",
    "watch",
    "render",
    "agent",
    "completion",
]


@pytest.mark.parametrize("command", [each for each in COMMANDS if each not in WITHOUT])
def test_every_command_names_the_file_that_is_not_there(command: str, capsys: Captured) -> None:
    words = ["lan", "10.0.0.1"] if command == "trace" else []

    assert run(["-i", "/nonexistent/lab.yaml", command, *words]) == 2
    assert "/nonexistent/lab.yaml" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["check", "plan", "apply"])
def test_what_needs_an_inventory_says_where_it_looked(
    command: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)

    assert run([command]) == 2
    assert "neither ./inventory nor /etc/homelab/inventory" in capsys.readouterr().err


def test_the_inventory_of_the_folder_is_found(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)

    assert run(["check"]) == 0
    assert "inventory: valid (3 guests, 3 networks)" in capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
def test_an_option_that_there_is_not_is_usage(command: str, capsys: Captured) -> None:
    assert run([command, "--no-such-option"]) == 2
    assert "--no-such-option" in capsys.readouterr().err


def test_no_command_at_all_shows_the_help(capsys: Captured) -> None:
    code = run([])
    said = capsys.readouterr()

    assert code in (0, 2)
    assert "Usage: homelab" in said.out + said.err
    assert run(["-h"]) == 0


@pytest.mark.parametrize(
    "words",
    [
        ["diagnose", "--snapshot"],
        ["plan", "-i", INVENTORY, "--snapshot"],
        ["trace", "lan", "10.0.0.1", "--snapshot"],
        ["snapshot", "--snapshot"],
    ],
    ids=" ".join,
)
def test_a_snapshot_that_is_none(words: list[str], tmp_path: Path, capsys: Captured) -> None:
    for name, content in (("empty", b""), ("binary", bytes(range(256))), ("list", b"[]")):
        file = tmp_path / name
        file.write_bytes(content)
        assert run([*words, str(file)]) == 2
        assert str(file) in capsys.readouterr().err
    assert run([*words, str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err


# Trace ------------------------------------------------------------------------------------------

GOOD = '{"from": "lan", "to": "10.90.1.10"}'
DROPPED = '{"from": "lan", "to": "10.90.7.10"}'
STRANGE = '{"from": "moon", "to": "10.90.7.10"}'


@pytest.mark.parametrize(
    ("lines", "code", "outcomes"),
    [
        ([], 0, []),
        ([GOOD], 0, ["delivered"]),
        ([GOOD, "", "  ", GOOD], 0, ["delivered"] * 2),
        ([GOOD, DROPPED], 1, ["delivered", "dropped"]),
        ([DROPPED, STRANGE, GOOD], 2, ["dropped", "unknown", "delivered"]),
    ],
)
def test_a_batch_from_standard_input(
    lines: list[str],
    code: int,
    outcomes: list[str],
    capsys: Captured,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines)))

    assert run(["trace", "--batch", "-", "--snapshot", BROKEN]) == code
    answers = [json.loads(each) for each in capsys.readouterr().out.splitlines()]
    assert [each["outcome"] for each in answers] == outcomes
    assert {each["schema"] for each in answers} <= {"homelab.trace/1"}


def test_a_batch_that_cannot_be_read(tmp_path: Path, capsys: Captured) -> None:
    latin = tmp_path / "latin"
    latin.write_bytes(b"\xff\xfe")
    for each in (tmp_path / "gone", tmp_path, latin):
        assert run(["trace", "--batch", str(each), "--snapshot", BROKEN]) == 2
        assert str(each) in capsys.readouterr().err
    with pytest.raises(UsageError, match="gone"):
        list(lines_of(str(tmp_path / "gone")))


def test_the_second_line_is_named_as_the_second(tmp_path: Path, capsys: Captured) -> None:
    batch = tmp_path / "batch"
    batch.write_text(f'{GOOD}\n{{"from": 7}}\n')

    assert run(["trace", "--batch", str(batch), "--snapshot", BROKEN]) == 2
    said = capsys.readouterr()
    assert f"{batch}:2:1" in said.err
    assert "delivered" in said.out


def test_verify_needs_a_live_lab_and_is_left_out_offline(capsys: Captured) -> None:
    words = ["trace", "lan", "10.90.1.10", "--verify", "--snapshot", APPLIED]

    assert run(words) == 0
    assert "a real packet" not in capsys.readouterr().out
    assert run([*words, "--json"]) == 0
    assert "probe" not in json.loads(capsys.readouterr().out)


# Documents --------------------------------------------------------------------------------------


def test_a_document_says_its_schema(capsys: Captured) -> None:
    for words in (
        ["check", "--json"],
        ["plan", "--json", "--snapshot", APPLIED],
        ["diagnose", "--json", "--snapshot", APPLIED],
        ["trace", "lan", "10.90.1.10", "--json", "--snapshot", APPLIED],
        ["snapshot", "--json", "--snapshot", APPLIED],
    ):
        assert run(["-i", INVENTORY, *words]) == 0
        said = capsys.readouterr()
        assert json.loads(said.out)["schema"].startswith("homelab.")
        assert said.err == ""
    assert run(["-i", INVENTORY, "diagnose", "--no-probe", "--snapshot", BROKEN]) == 1


def test_an_overlap_is_an_error_of_check(tmp_path: Path, capsys: Captured) -> None:
    text = (ROOT / "inventory/lab.yaml").read_text()
    file = tmp_path / "lab.yaml"
    file.write_text(text.replace("10.90.3.0/24", "10.90.1.0/25"))

    assert run(["check", "-i", str(file)]) == 2
    said = capsys.readouterr()
    assert f"{file}:" in said.out + said.err
    assert run(["check", "-i", str(file), "--json"]) == 2


# Snapshot ---------------------------------------------------------------------------------------


def test_a_snapshot_goes_to_standard_output(capsys: Captured) -> None:
    assert run(["snapshot", "--snapshot", APPLIED]) == 0
    text = capsys.readouterr().out
    assert run(["snapshot", "--snapshot", APPLIED, "-o", "-"]) == 0
    assert capsys.readouterr().out == text


def test_what_was_not_observed_is_told(tmp_path: Path, capsys: Captured) -> None:
    document = json.loads(Path(APPLIED).read_text())
    document["unread"] = {"guest:db/docker": "permission denied"}
    file = tmp_path / "lab.json"
    file.write_text(json.dumps(document))

    assert run(["snapshot", "--snapshot", str(file), "-o", str(file)]) == 0
    assert "not observed: guest:db/docker: permission denied" in capsys.readouterr().err
    assert json.loads(file.read_text())["unread"]


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "inside").mkdir(parents=True)

    with pytest.raises(UsageError, match="folder"):
        write_private(folder, "text")
    assert [each.name for each in tmp_path.iterdir()] == ["folder"]


# The last line of defence -----------------------------------------------------------------------


@pytest.fixture
def broken_by() -> dict[str, BaseException]:
    return {}


@pytest.fixture
def odd_command(broken_by: dict[str, BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command("odd")
    def odd() -> int:
        raise broken_by["with"]

    found = cli.get_command
    monkeypatch.setattr(
        cli, "get_command", lambda context, name: odd if name == "odd" else found(context, name)
    )


@pytest.mark.usefixtures("odd_command")
@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ValueError("no way"), 3, "this is a bug in homelab: ValueError: no way"),
        (RecursionError("deep"), 3, "please report it"),
        (ConflictError("in the way"), 1, "in the way"),
        (UsageError("what?"), 2, "what?"),
        (HomelabError("so"), 1, "so"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (click.Abort(), 130, "interrupted"),
        (click.UsageError("odd word"), 2, "odd word"),
        # click takes a pipe that nobody reads for an end like any other.
        (OSError(errno.EIO, "broken disk"), 3, "this is a bug"),
    ],
)
def test_every_end_has_its_code(
    error: BaseException,
    code: int,
    said: str,
    broken_by: dict[str, BaseException],
    capsys: Captured,
) -> None:
    broken_by["with"] = error

    assert run(["odd"]) == code
    assert said in capsys.readouterr().err


# Apply, as far as it goes without a lab ---------------------------------------------------------


def test_the_end_of_an_apply_is_shown(capsys: Captured) -> None:
    planned = change.plan(change.Goal(DECLARED), SEEN)
    done = Applied(planned.plan, Execution(()))
    back = Applied(planned.plan, Execution((), "jammed"), rollback=Execution(()))
    stuck = Applied(planned.plan, Execution((), "jammed"), rollback=Execution(()), residue=("x",))
    outcomes = []
    for each in (done, back, stuck):
        show_applied(each, planned, as_document=True)
        outcomes.append(json.loads(capsys.readouterr().out)["outcome"])
        show_applied(each, planned, as_document=False)
        assert capsys.readouterr().out

    assert outcomes == ["applied", "rolled back", "not rolled back completely"]


def test_what_was_not_done_is_shown(capsys: Captured) -> None:
    nothing = change.plan(change.Goal(DECLARED), SEEN)
    all_of_it = change.plan(change.Goal(DECLARED, removal=True), SEEN)

    assert _nothing_done(nothing, as_document=False) == 0
    assert _nothing_done(nothing, as_document=True) == 0
    assert _nothing_done(all_of_it, as_document=False) == 1
    capsys.readouterr()
    assert _nothing_done(all_of_it, as_document=True) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["outcome"] == "would change"
    assert document["changes"]


def test_a_plan_that_cuts_off_needs_a_yes() -> None:
    planned = foresight.foresee(change.plan(change.Goal(DECLARED), SEEN))
    lost = change.Planned(
        planned.goal,
        planned.inventory,
        SEEN,
        planned.plan,
        before=planned.before,
        after=tuple(
            type(each)(
                each.name,
                each.place,
                each.subnets,
                each.origin,
                each.targets,
                each.traces,
                reachable=False,
            )
            for each in planned.after
        ),
    )

    _refuse_cut_off(planned, agreed=False)
    _refuse_cut_off(lost, agreed=True)
    with pytest.raises(UnsafePlanError, match="would cut off what works now"):
        _refuse_cut_off(lost, agreed=False)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("typed", "agreed"), [("y\n", True), ("n\n", None), ("\n", None)])
def test_on_a_terminal_the_user_is_asked(
    typed: str, *, agreed: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    if agreed:
        assert _asked()
        return
    with pytest.raises(click.Abort):
        _asked()


def test_elsewhere_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))

    assert not _asked()


def test_progress_is_told_as_a_person_would_type_it(capsys: Captured) -> None:
    net = DECLARED.networks[0].subnets[0]
    route = Route(net, (NextHop(ip_address("10.77.0.11"), "lxdbr0"),), protocol="201")

    telling(SEEN)(op.AddRoute(HOST, route))

    said = capsys.readouterr()
    assert said.out == ""
    assert "route add 10.90.1.0/24 via 10.77.0.11" in said.err


def test_a_saved_snapshot_is_no_system() -> None:
    taken, system = observe(APPLIED, None)

    assert taken == SEEN
    assert system is None


# Diagnose, with a lab in memory -----------------------------------------------------------------


def test_the_probes_are_counted(capsys: Captured) -> None:
    target = Target(ip_address("10.90.1.10"))
    proofs = tuple(
        Proof("lan", Sender(ROUTER), Trace("router", target, Outcome.DELIVERED), said, verdict)
        for said, verdict in (("answered", "agrees"), ("timeout", "disagrees"))
    )
    compared = Compared(diagnose(DECLARED, SEEN), proofs)

    _show(compared, Show())
    assert "probed from router: 1 of 2 real packets answered" in capsys.readouterr().out
    _show(compared, Show(as_document=True))
    assert json.loads(capsys.readouterr().out)["schema"] == "homelab.diagnosis/1"


def test_a_warning_of_check_is_no_error(tmp_path: Path, capsys: Captured) -> None:
    text = (ROOT / "inventory/lab.yaml").read_text()
    file = tmp_path / "lab.yaml"
    file.write_text(text.replace("10.90.3.0/24", "8.8.8.0/24"))

    assert run(["check", "-i", str(file)]) == 0
    assert ": warning: " in capsys.readouterr().out
    assert run(["check", "-i", str(file), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["problems"]
    assert row["severity"] == "warning"
