"""A file is read as it was written, with positions, or refused with one; it never ends otherwise."""

import re

import pytest
import yaml as library
from hypothesis import given, settings
from hypothesis import strategies as st

from homelab.load import yaml as module
from homelab.load.node import Node, locate, locate_key, plain
from homelab.load.yaml import DEPTH, LIMIT, VALUES, read_yaml


def value(text: str) -> object:
    node, problems = read_yaml(text.encode(), "f")
    assert node is not None
    assert not problems
    return plain(node)


def complaints(content: str | bytes) -> list[str]:
    data = content.encode() if isinstance(content, str) else content
    return [str(each) for each in read_yaml(data, "f.yaml")[1]]


@pytest.mark.parametrize(
    "text",
    ["no", "on", "yes", "y", "1:20", "010", "0x1f", "1_000", "1e3", "2026-01-01", ".inf", "="],
)
def test_a_scalar_is_the_text_that_was_written(text: str) -> None:
    assert value(f"{text}: {text}") == {text: text}


@pytest.mark.parametrize("text", ["", "~", "null", "Null", "NULL"])
def test_nothing_is_written_in_five_ways(text: str) -> None:
    assert value(f"a: {text}") == {"a": None}
    assert value(f"a: '{text}'") == {"a": text}


def test_an_alias_stands_for_the_value_of_its_anchor() -> None:
    assert value("a: &x {b: [c]}\nd: *x\n&k e: f") == {
        "a": {"b": ["c"]},
        "d": {"b": ["c"]},
        "e": "f",
    }


def test_positions_of_keys_and_values_count_characters() -> None:
    node, _ = read_yaml("\ufeffä:\n  ö: [ü, {b: c}]\n".encode(), "f")
    assert node is not None

    assert str(locate(node, ("ä", "ö", 1, "b"))) == "f:2:14"
    assert str(locate_key(node, ("ä", "ö"))) == "f:2:3"
    assert str(locate_key(node, ("ä", "ö", 1, "b"))) == "f:2:11"
    assert str(locate(node, ("ä", "ö", 7))) == "f:2:6"
    assert str(locate(node, ("ä", "ö", "x", 0))) == "f:2:7"
    assert str(locate(node, ())) == "f:1:1"
    assert node.get("ä", "nothing") is None


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n"])
def test_an_empty_file_has_no_document(text: str) -> None:
    assert read_yaml(text.encode(), "f") == (None, ())


def test_a_document_end_and_allowed_tags_are_fine() -> None:
    assert value("%YAML 1.1\n---\na: !!str 1\nb: ! 2\n...\n") == {"a": "1", "b": "2"}


CASES = {
    "a: 1\na: 2": ['f.yaml:2:1: key "a" stands here twice; remove it here, or in line 1'],
    "a: {b: 1, b: 2}\na: 1\n": [
        'f.yaml:1:11: key "b" stands here twice; remove it here, or in line 1',
        'f.yaml:2:1: key "a" stands here twice; remove it here, or in line 1',
    ],
    "a: 1\n---\nb: 2": ["f.yaml:2:1: a second document begins; write one document per file"],
    "a: *x": ["f.yaml:1:4: no value above has the anchor &x; write the value itself"],
    "a: &x [*x]": ["f.yaml:1:8: no value above has the anchor &x; write the value itself"],
    "a: !!int 1": ['f.yaml:1:4: the tag "!!int"; tags are not used, write the value only'],
    "a: !!python/object/apply:os.system [id]": [
        'f.yaml:1:4: the tag "!!python/object/apply:os.system"; tags are not used, write the value only'
    ],
    "a: &a {b: c}\nd:\n  <<: *a": [
        "f.yaml:3:3: merge keys are not used; write the keys out, or use `defaults`"
    ],
    "? [a]\n: b": ["f.yaml:1:3: a key is a word; put it into quotes if it is meant to be one"],
    "~: b": ["f.yaml:1:1: a key is a word; put it into quotes if it is meant to be one"],
    "a:\n\tb: c": ["f.yaml:2:1: a tab; YAML is indented with spaces only"],
    "a: b: c": [
        (
            "f.yaml:1:5: not YAML: mapping values are not allowed in this context; "
            "a value with a colon and a space in it needs quotes"
        )
    ],
    "a: [b": [
        (
            "f.yaml:2:1: not YAML: did not find expected ',' or ']'; "
            "a bracket or brace is not closed, or a comma is missing"
        )
    ],
    "a: @b": [
        "f.yaml:1:4: not YAML: found character that cannot start any token; put the value into quotes"
    ],
    "%YAML 3.0\n---\na: 1": [
        "f.yaml:1:1: not YAML: found incompatible YAML document; see the lines above it"
    ],
    "a: 1\nä: \x07": ["f.yaml:2:4: the control character '\\x07'; remove it"],
}


@pytest.mark.parametrize("text", CASES)
def test_what_is_wrong_is_said_with_its_position(text: str) -> None:
    assert complaints(text) == CASES[text]


def test_what_is_not_utf8_is_refused_where_it_begins() -> None:
    assert complaints(b"a: b\nc: \xc3\xa4\xff") == [
        "f.yaml:2:5: byte 0xff is not UTF-8; save it as UTF-8"
    ]
    assert complaints("a: b".encode("utf-16")) == [
        "f.yaml:1:1: byte 0xff is not UTF-8; save it as UTF-8"
    ]


def test_a_huge_file_is_refused() -> None:
    assert complaints(b"#" * (LIMIT + 1)) == [
        "f.yaml:1:1: larger than 4 MiB; split it into several files"
    ]


@pytest.mark.parametrize("deep", ["[" * 100_000, "- " * 100_000, "{a: " * 100_000, "? " * 100_000])
def test_deep_nesting_is_refused_at_once(deep: str) -> None:
    assert complaints(deep)[0].endswith(f"nested deeper than {DEPTH} levels")


def test_nesting_through_aliases_counts_too() -> None:
    lines = "".join(f"a{n + 1}: &a{n + 1} [*a{n}]\n" for n in range(DEPTH))

    assert complaints(f"a0: &a0 [x]\n{lines}") == [
        f"f.yaml:{DEPTH - 1}:12: nested deeper than {DEPTH} levels"
    ]


def test_a_billion_laughs_are_stopped_before_they_sound() -> None:
    lines = "".join(f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 10)}]\n" for n in range(10))

    (said,) = complaints(f"a0: &a0 [x]\n{lines}")

    assert f"more than {VALUES} values up to here" in said


def test_without_libyaml_the_same_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOADER", library.BaseLoader)

    assert value("a: [no, 010, ~]") == {"a": ["no", "010", None]}
    assert complaints("a:\n\tb") == ["f.yaml:2:1: a tab; YAML is indented with spaces only"]


def test_an_error_without_a_position_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_UNPRINTABLE", re.compile("(?!)"))

    assert complaints("\x01")[0].startswith("f.yaml:1:1: not YAML: ")


YAMLISH = st.text(alphabet="ab:-[]{}&*!|>'\"#%@`?,~ \n\t\r0\\\u2028é\x85", max_size=60)


@settings(max_examples=200, deadline=None)
@given(YAMLISH.map(str.encode) | st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_content_ends_in_anything_but_a_node_and_problems(content: bytes) -> None:
    node, problems = read_yaml(content, "f")

    assert isinstance(node, Node | None)
    assert all(each.where.file == "f" and each.where.line >= 1 for each in problems)
