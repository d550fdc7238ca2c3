"""A snapshot survives being a file, and no file ends in anything but a snapshot or a SnapshotError."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homelab.errors import SnapshotError
from homelab.load import snapshot as module
from homelab.load.snapshot import dump_snapshot, load_snapshot, parse_snapshot
from homelab.model.docker import Daemon
from homelab.model.kernel import Namespace
from homelab.model.lxc import Runtime
from homelab.model.place import Place
from homelab.model.snapshot import SCHEMA, Snapshot
from tests.captured import DOCKER, name, snapshot


def few(kind: type) -> st.SearchStrategy[object]:
    return st.dictionaries(st.text(max_size=8).map(Place), st.from_type(kind), max_size=1)


SNAPSHOTS = st.builds(
    Snapshot,
    schema=st.just(SCHEMA),
    namespaces=few(Namespace),
    runtime=st.none() | st.from_type(Runtime),
    daemons=few(Daemon),
)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(SNAPSHOTS)
def test_what_was_written_is_read_back(taken: Snapshot) -> None:
    assert parse_snapshot(dump_snapshot(taken).encode(), "f") == taken


@pytest.mark.parametrize("folder", DOCKER, ids=name)
def test_a_captured_lab_is_read_back_and_written_the_same(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "lab.json"
    file.write_text(dump_snapshot(snapshot(folder)))

    again = load_snapshot(file)

    assert again == snapshot(folder)
    assert dump_snapshot(again) == file.read_text()


@settings(max_examples=100, deadline=None)
@given(
    st.binary(max_size=200) | st.text(alphabet='{}[]":,0123schema/', max_size=60).map(str.encode)
)
def test_no_content_ends_in_anything_but_a_message(content: bytes) -> None:
    with pytest.raises(SnapshotError, match=r"^lab\.json:"):
        parse_snapshot(content, "lab.json")


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_file_with_a_hole_is_a_snapshot_or_says_where_it_is_not(data: st.DataObject) -> None:
    whole = dump_snapshot(snapshot(DOCKER[0])).encode()
    first = data.draw(st.integers(0, len(whole)))
    last = data.draw(st.integers(first, min(len(whole), first + 50)))
    damaged = whole[:first] + data.draw(st.binary(max_size=5)) + whole[last:]

    with suppress(SnapshotError):
        assert isinstance(parse_snapshot(damaged, "lab.json"), Snapshot)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "f:1:1: not JSON: EOF while parsing a value"),
        (b'{\n "a": nope}', "f:2:8: not JSON: expected ident"),
        (b'{"a":\xff}', "f:1:6: not JSON: expected value"),
        (b"[" * 100_000, "f:1:202: not JSON: recursion limit exceeded"),
        (b'{"schema": NaN}', "f: schema: input should be a valid string"),
        (b"[]", "f: the whole: input should be an object"),
        (b"{}", "f: schema: field required"),
        (b'{"schema": "other/2"}', f"f: schema: found 'other/2'; this version reads '{SCHEMA}'"),
    ],
)
def test_what_is_not_a_snapshot_is_told_by_its_place(content: bytes, said: str) -> None:
    with pytest.raises(SnapshotError) as refused:
        parse_snapshot(content, "f")

    assert str(refused.value) == said


def with_namespaces(inside: str) -> bytes:
    return f'{{"schema": "{SCHEMA}", "namespaces": {{{inside}}}}}'.encode()


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        ('"host": {"inode": 1e999}', "f: namespaces.host.inode: input should be a valid integer"),
        (
            '"host": {"links": [{"index": 1}]}',
            "f: namespaces.host.links.0.name: field required",
        ),
        (
            '"host": {"routes": [{"destination": "1.2.3.4/33"}]}',
            "f: namespaces.host.routes.0.destination: value error, '33' is not a valid netmask",
        ),
        (
            '"\\u001b[31m": {"inode": "x"}',
            "f: namespaces.'\\x1b[31m'.inode: input should be a valid integer",
        ),
    ],
)
def test_a_wrong_value_is_told_by_its_path(inside: str, said: str) -> None:
    with pytest.raises(SnapshotError) as refused:
        parse_snapshot(with_namespaces(inside), "f")

    assert str(refused.value).splitlines()[0] == said


def test_a_syntax_error_without_a_position_is_told_too() -> None:
    problem = {"type": "json_invalid", "ctx": {"error": "odd"}, "loc": (), "msg": "Odd JSON"}

    assert module._problem("f", problem) == "f: the whole: odd JSON"


def test_of_many_problems_the_first_are_told_and_the_rest_counted() -> None:
    wrong = ", ".join(f'"netns:{each}": 5' for each in range(50))

    with pytest.raises(SnapshotError) as refused:
        parse_snapshot(with_namespaces(wrong), "f")

    assert str(refused.value).splitlines()[-1] == "f: and 30 more problems"


def test_keys_that_a_later_version_added_are_passed_over() -> None:
    assert parse_snapshot(f'{{"schema": "{SCHEMA}", "later": 1}}'.encode(), "f") == Snapshot()


def test_a_file_that_is_not_there_is_told_with_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="No such file or directory; make one with `homelab"):
        load_snapshot(tmp_path / "none.json")


def test_a_path_that_can_be_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="null"):
        load_snapshot(tmp_path / "a\0b")


def test_a_file_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIMIT", 1024 * 1024)

    with pytest.raises(SnapshotError, match="larger than 1 MiB"):
        load_snapshot(Path("/dev/zero"))
