"""Rules of nft as text: found in ``nft -a list ruleset``, or rendered when there is only the JSON."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

Key: TypeAlias = tuple[str, str, str]
"""Family, table and chain."""

UNTOLD = "untold"
"""Stands for an extension of iptables of which the text does not even have the name."""

_HANDLE = re.compile(r" # handle (\d+)$")
_DEVICES = re.compile(r" devices? (?:= )?\{?([^{}]+?)\}? priority ")
_LONGEST = 400


@dataclass
class Lines:
    """The rule lines of one chain, in order, and by handle where the text has handles.

    ``devices`` are those on which a base chain hangs, where its header names any.
    """

    in_order: list[str] = field(default_factory=list)
    by_handle: dict[int, str] = field(default_factory=dict)
    devices: tuple[str, ...] = ()

    def find(self, handle: int | None, index: int) -> str | None:
        if handle is not None and handle in self.by_handle:
            return self.by_handle[handle]
        if self.by_handle or index >= len(self.in_order):
            return None
        return self.in_order[index]


def rule_lines(text: str) -> Mapping[Key, Lines]:
    """Each chain's rules as nft prints them, without their handles."""
    found: dict[Key, Lines] = {}
    family = table = ""
    chain: Key | None = None
    for raw in text.split("\n"):
        line = raw.strip()
        handle = _HANDLE.search(line)
        bare = _HANDLE.sub("", line)
        depth = len(raw) - len(raw.lstrip("\t"))
        if depth == 0 and bare.startswith("table "):
            family, table = (*_unquoted(bare), "", "")[1:3]
        elif depth == 1 and bare.startswith("chain "):
            chain = (family, table, _unquoted(bare)[1])
            found[chain] = Lines()
        elif depth <= 1:
            chain = None
        elif chain is not None and depth == 2 and " hook " in bare and _is_header(bare):
            found[chain].devices = _devices(bare)
        elif chain is not None and depth == 2 and bare != "}" and not _is_header(bare):
            found[chain].in_order.append(bare)
            if handle:
                found[chain].by_handle[int(handle[1][:18])] = bare
    return found


def with_gaps_told(text: str) -> str:
    """The text with a word where nft left out an extension of iptables that it cannot translate.

    nft(8) 1.0.6 prints nothing for it between its blanks: ``counter packets 0 bytes 0  # handle 7``.
    """
    lines = text.split("\n")
    ours = False
    for at, line in enumerate(lines):
        if line.startswith("table "):
            head = _unquoted(line)
            ours = head[1] in {"ip", "ip6"} and head[-1] in _OF_IPTABLES
        elif ours and line.startswith("\t\t"):
            lines[at] = _GAP.sub(rf'\1 xt target "{UNTOLD}"\2', line)
    return "\n".join(lines)


_OF_IPTABLES = frozenset({"filter", "nat", "mangle", "raw", "security"})
# Two blanks, and as many quotation marks before them as belong together.
_GAP = re.compile(r'^([^"]*(?:"[^"]*"[^"]*)*?)(?<=\S) ( .*|)$')


def tables(text: str) -> set[tuple[str, str]]:
    """Family and name of each table in the text."""
    heads = (_unquoted(line) for line in text.split("\n") if line.startswith("table "))
    return {(head[1], head[2]) for head in heads if len(head) > 2}


def _unquoted(line: str) -> list[str]:
    words = line.partition("{")[0].split()
    return [each.strip('"') for each in words] if len(words) > 1 else ["", ""]


def _is_header(line: str) -> bool:
    return line.startswith(("type ", "policy ", "comment ")) and (
        " hook " in line or line.startswith(("policy ", "comment "))
    )


def _devices(header: str) -> tuple[str, ...]:
    named = _DEVICES.search(header)
    if named is None:
        return ()
    return tuple(each.strip().strip('"') for each in named[1].split(","))


def rendered(expressions: object, comment: str) -> str:
    """A readable line for a rule of which only the JSON is known."""
    words = [_words(each, 0) for each in expressions] if isinstance(expressions, list) else []
    line = " ".join(each for each in words if each)
    if comment:
        line = f'{line} comment "{comment}"'
    return line[:_LONGEST]


def _words(given: object, depth: int) -> str:
    if depth > 20:
        return "…"
    if isinstance(given, dict):
        return " ".join(_pair(str(name), inner, depth + 1) for name, inner in given.items())
    if isinstance(given, list):
        return ", ".join(_words(each, depth + 1) for each in given)
    return "" if given is None else str(given)


def _pair(name: str, inner: object, depth: int) -> str:
    if isinstance(inner, dict):
        return _mapping(name, inner, depth)
    if name in _JOINED and isinstance(inner, list):
        return _JOINED[name].join(_words(each, depth) for each in inner)
    words = _words(inner, depth)
    return f"{{ {words} }}" if name == "set" else f"{name} {words}".strip()


def _mapping(name: str, inner: Mapping[str, object], depth: int) -> str:
    key = str(inner.get("key"))
    if name == "match":
        parts = [_words(inner.get("left"), depth), *_operator(inner.get("op"))]
        return " ".join([*parts, _words(inner.get("right"), depth)])
    if name == "counter":
        return " ".join(f"{each} {value}" for each, value in (("counter", ""), *inner.items()))
    if name == "prefix":
        return f"{inner.get('addr')}/{inner.get('len')}"
    if name in _NAMED:
        bare = name == "meta" and key.startswith(("iif", "oif"))
        return " ".join([*([] if bare else [name]), *_ways(inner), key])
    words = " ".join(_words(each, depth) for each in inner.values())
    return words if name in {"payload", "xt"} else f"{name} {words}".strip()


_JOINED = {"range": "-", "concat": " . ", "&": " & ", "|": " | ", "^": " ^ "}
_NAMED = frozenset({"meta", "ct"})


def _ways(given: Mapping[str, object]) -> Sequence[str]:
    return [str(given["dir"])] if "dir" in given else []


def _operator(given: object) -> Sequence[str]:
    return () if str(given) in {"==", "in", "None"} else (str(given),)
