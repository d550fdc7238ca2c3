"""Whatever a file holds and whatever is typed: an exit code of the contract, and never a traceback."""

import contextlib
import copy
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from homelab.cli import run

ROOT = Path(__file__).parents[2]
BROKEN = ROOT / "tests/recorded/broken.json"
INVENTORY = ROOT / "inventory/lab.yaml"
DOCUMENT = json.loads(BROKEN.read_text())
ANSWERS = {0, 1, 2, 3}


class Said(NamedTuple):
    code: int
    out: str
    err: str


def said(*words: str) -> Said:
    """One command, in process; a bug shows itself by its sentence."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(list(words))
    found = Said(code, out.getvalue(), err.getvalue())
    assert "this is a bug in homelab" not in found.err, found.err
    assert "Traceback" not in found.err
    assert code in ANSWERS
    assert code != 2 or found.err or found.out
    return found


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


def paths(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value of a document."""
    if above:
        yield above
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, each in pairs:
            yield from paths(each, (*above, key))


def is_interesting(path: tuple[Any, ...]) -> bool:
    """Sysctls are many, and nearly all alike."""
    return "sysctls" not in path or "forward" in str(path[-1]) or "rp_filter" in str(path[-1])


PATHS = [each for each in paths(DOCUMENT) if is_interesting(each)]
TEXTS = [
    "",
    "\x1b[31mred",
    "a\nb",
    "../../etc/passwd",
    "$(reboot)",
    "-j",
    "é\u202e\u0000",
    "x" * 5000,
    "10.90.1.10",
    "10.90.7.0/24",
    "0.0.0.0/0",
    "fe80::1%eth0",
    "::/0",
    "::ffff:10.0.0.1",
    "eth0",
    "host",
    "guest:web",
    "bridge",
    "macvlan",
    "vlan",
    "*filter\n:INPUT DROP\n-A INPUT -j NOWHERE\nCOMMIT\n",
    "*filter\n:FORWARD ACCEPT [0:0]\n:A - [0:0]\n-A FORWARD -j A\n-A A -j A\nCOMMIT\n",
    '{"nftables": [{"rule": {}}, 1, null]}',
    '{"nftables": ' + "[" * 3000,
]
ODD: list[Any] = [*TEXTS, None, True, 0, -1, 3, 2**31, 2**64, 10**400, 1.5, [], {}, [[]]]


def changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The document with one value replaced; ``...`` takes it away, ``list`` doubles what is there."""
    new = copy.deepcopy(document)
    here = new
    # An earlier change may have taken away what the path leads through.
    with contextlib.suppress(KeyError, IndexError, TypeError, AttributeError):
        for step in path[:-1]:
            here = here[step]
        if value is ...:
            del here[path[-1]]
        elif value is list:
            here.insert(path[-1], copy.deepcopy(here[path[-1]]))
        else:
            here[path[-1]] = value
    return new


def same_kind(path: tuple[Any, ...]) -> list[Any]:
    """Values that the schema lets pass more often than others."""
    here: Any = DOCUMENT
    for step in path:
        here = here[step]
    kinds: dict[type, list[Any]] = {
        bool: [True, False],
        int: [0, -1, 1, 2, 3, 4, 255, 2**31],
        str: TEXTS,
    }
    return [..., list, *kinds.get(type(here), [[], {}, None])]


Change = tuple[tuple[Any, ...], Any]
PLAUSIBLE = st.sampled_from(PATHS).flatmap(
    lambda path: st.tuples(st.just(path), st.sampled_from(same_kind(path)))
)
CHANGES = PLAUSIBLE | st.tuples(st.sampled_from(PATHS), st.sampled_from(ODD))


def written(scratch: Path, changes: list[Change]) -> str:
    document = DOCUMENT
    for path, value in changes:
        document = changed(document, path, value)
    file = scratch / "snapshot.json"
    file.write_text(json.dumps(document))
    return str(file)


@given(st.lists(CHANGES, min_size=1, max_size=3))
@settings(max_examples=30, deadline=None)
def test_a_snapshot_with_odd_values(scratch: Path, changes: list[Change]) -> None:
    file = written(scratch, changes)

    said("diagnose", "--snapshot", file)
    said("trace", "--snapshot", file, "lan", "10.90.1.10:80")


@given(st.lists(PLAUSIBLE, min_size=1, max_size=6))
@settings(max_examples=30, deadline=None)
def test_a_snapshot_with_values_that_the_schema_lets_pass(
    scratch: Path, changes: list[Change]
) -> None:
    file = written(scratch, changes)

    first = said("-i", str(INVENTORY), "diagnose", "--snapshot", file, "--json")
    assert said("-i", str(INVENTORY), "diagnose", "--snapshot", file, "--json") == first
    if first.code != 2:
        assert json.loads(first.out)["schema"] == "homelab.diagnosis/1"
    said("-i", str(INVENTORY), "plan", "--snapshot", file, "--commands")
    said("snapshot", "--snapshot", file, "--redact")
    assert "\x1b" not in said("-i", str(INVENTORY), "diagnose", "--snapshot", file).out


TOKENS = [
    *TEXTS[:20],
    "auto",
    "null",
    "~",
    "[]",
    "{}",
    "!!python/object:os.system",
    "&a [*a]",
    "*a",
    "<<: *a",
    "|",
    "- ",
    ": ",
    "0x10",
    "1e999",
    "2001-01-01",
    "10.90.0.0/33",
    "10.90.1.1/24",
    "{each: 99}",
    "ssh://-oProxyCommand=x",
    "netns://../x",
    "\t",
    "'",
    '"',
]
LINES = INVENTORY.read_text().splitlines()
Edit = tuple[int, str, bool]


def edited(edits: list[Edit]) -> str:
    """Lines of the inventory with another value, or another key."""
    lines = list(LINES)
    for at, token, is_key in edits:
        key, colon, value = lines[at].partition(":")
        indent = key[: len(key) - len(key.lstrip())]
        lines[at] = f"{indent}{token}:{value}" if is_key else f"{key}{colon} {token}"
    return "\n".join(lines)


@given(
    st.lists(
        st.tuples(
            st.integers(0, len(LINES) - 1), st.sampled_from(TOKENS) | st.text(), st.booleans()
        ),
        min_size=1,
        max_size=3,
    )
)
@settings(max_examples=30, deadline=None)
def test_an_inventory_with_odd_values(scratch: Path, edits: list[Edit]) -> None:
    file = scratch / "lab.yaml"
    file.write_bytes(edited(edits).encode("utf-8", "surrogatepass"))

    assert said("-i", str(file), "check").code in (0, 2)
    said("check", "-i", str(file), "--json")
    said("plan", "-i", str(file), "--snapshot", str(BROKEN))
    said("diagnose", "-i", str(file), "--snapshot", str(BROKEN), "--json")


WORDS = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    ["lan", "router", "packet:eth0:::", "packet::", "[::]:1", "web/front:80", "10.0.0.1:1/udp", ":"]
)


@given(WORDS, WORDS)
@example("packet:eth0:fd00::1", "10.90.1.10")
@example("lan", "::ffff:10.90.1.10")
@example("lan", "fe80::1%eth0")
@example("lan", "255.255.255.255")
@example("lan", "224.0.0.1:5353/udp")
@example("host", "0.0.0.0")
@example("packet:lo:127.0.0.1", "127.0.0.1")
@example("packet:eth0:10.90.1.10", "10.90.1.10")
@settings(max_examples=30, deadline=None)
def test_any_words_of_a_trace(origin: str, to: str) -> None:
    said("trace", "--snapshot", str(BROKEN), "--", origin, to)


@given(st.lists(st.fixed_dictionaries({}, optional={"from": WORDS, "to": WORDS}), max_size=5))
@settings(max_examples=30, deadline=None)
def test_any_batch(scratch: Path, questions: list[dict[str, str]]) -> None:
    batch = scratch / "batch"
    batch.write_text("\n".join(map(json.dumps, questions)))

    found = said("trace", "--batch", str(batch), "--snapshot", str(BROKEN))

    if all(len(each) == 2 for each in questions):
        assert len(found.out.splitlines()) == len(questions)


@given(st.text(st.characters(exclude_categories=["Cs"])))
@settings(max_examples=30, deadline=None)
def test_any_fault_name(code: str) -> None:
    assert said("explain", "--", code).code in (0, 2)
