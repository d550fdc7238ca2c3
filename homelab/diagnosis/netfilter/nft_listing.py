"""The text of ``nft list ruleset`` → the objects of ``nft -j list ruleset``: the second source of the same rules."""

from collections.abc import Iterator, Mapping

from homelab.diagnosis.netfilter.nft_grammar import statements
from homelab.diagnosis.netfilter.nft_kinds import Json
from homelab.diagnosis.netfilter.nft_values import elements
from homelab.diagnosis.netfilter.nft_words import END, UnreadableError, Words, bare

Object = tuple[str, Json]

# nft(8), the tables of priority names: those of bridge differ from all the others'.
_PRIORITIES = {
    "raw": -300, "mangle": -150, "dstnat": -100, "filter": 0, "security": 50, "srcnat": 100,
}  # fmt: skip
_BRIDGE = {"dstnat": -300, "filter": -200, "out": 100, "srcnat": 300}
_BLOCKS = frozenset(
    {"counter", "quota", "limit", "ct", "flowtable", "secmark", "synproxy", "tunnel"}
)


def objects(text: str) -> Iterator[Object]:
    """Tables, chains, rules, sets and maps in the order of the text.

    A rule that cannot be read is there with a statement of which nothing is known.
    """
    words = Words(text)
    while not words.is_over:
        if not words.took("table"):
            words.take()
            continue
        family, name = words.name(), words.name()
        yield "table", {"family": family, "name": name}
        words.expect("{")
        yield from _Table(family, name).objects(words)


class _Table:
    """One table while it is read."""

    def __init__(self, family: str, name: str) -> None:
        self._of = {"family": family, "table": name}
        self._nameless: list[Object] = []

    def objects(self, words: Words) -> Iterator[Object]:
        """As far as the brace that closes the table."""
        while not words.is_over and not words.took("}"):
            word = words.take()
            if word == "chain":
                yield from self._chain(words)
            elif word in ("set", "map", "meter"):
                yield self._set("map" if word == "map" else "set", words)
            elif word in _BLOCKS:
                words.end_statement()
        yield from self._nameless

    def _chain(self, words: Words) -> Iterator[Object]:
        name = words.name()
        words.expect("{")
        rules: list[Object] = []
        head: dict[str, object] = {**self._of, "name": name}
        while not words.is_over and not words.took("}"):
            if words.next == END or words.next.startswith("#"):
                words.take()
            elif words.next == "type" and "hook" in (words.after(2), words.after(3)):
                head |= _header(words, str(self._of["family"]))
            elif words.next == "policy":
                words.take()
                head["policy"] = words.name()
            elif words.next == "comment":
                words.end_statement()
            else:
                rules.append(self._rule(name, words))
        yield "chain", head
        yield from rules

    def _rule(self, chain: str, words: Words) -> Object:
        start = words.mark()
        try:
            given = list(statements(words, self._block))
        except UnreadableError as error:
            words.back_to(start)
            given = [{f"{error}": None}]
        handle, comment = words.end_statement()
        rule: dict[str, object] = {**self._of, "chain": chain, "expr": given}
        rule |= {"handle": handle} if handle is not None else {}
        return "rule", rule | ({"comment": comment} if comment is not None else {})

    def _block(self, words: Words) -> str:
        """A chain without a name: its rules are kept under one that no chain can have."""
        name = f"{{{len(self._nameless)}}}"
        self._nameless.append(("chain", {**self._of, "name": name}))
        words.skip_lines()
        while not words.is_over and not words.took("}"):
            if words.next == END or words.next.startswith("#"):
                words.take()
            else:
                self._nameless.append(self._rule(name, words))
        return name

    def _set(self, kind: str, words: Words) -> Object:
        found: dict[str, object] = {**self._of, "name": words.name()}
        words.expect("{")
        start = words.mark()
        try:
            found["elem"] = list(_elements(words, mapped=kind == "map"))
        except UnreadableError:
            words.back_to(start)
            words.skip_block()
            found["elem"] = None
        return kind, found


def _elements(words: Words, *, mapped: bool) -> Iterator[object]:
    while not words.took("}"):
        if words.is_over:
            raise UnreadableError("a set without an end")
        if words.took("elements", "=", "{"):
            yield from elements(words, mapped=mapped)
        else:
            words.take()


def _header(words: Words, family: str) -> Mapping[str, object]:
    """``type filter hook forward [device "eth0"] priority filter - 5``."""
    words.expect("type")
    found: dict[str, object] = {"type": words.name()}
    words.expect("hook")
    found["hook"] = words.name()
    devices = []
    if words.next in ("device", "devices"):
        words.take()
        words.took("=")
        while words.next not in ("priority", END):
            word = words.take()
            if word not in ("{", "}", ","):
                devices.append(bare(word))
    if words.took("priority"):
        found["prio"] = _priority(words, _BRIDGE if family == "bridge" else _PRIORITIES)
    return found | ({"dev": devices} if devices else {})


def _priority(words: Words, names: Mapping[str, int]) -> int:
    word = words.name()
    base = names.get(word, 0) if not _is_number(word) else int(word)
    for sign, way in (("+", 1), ("-", -1)):
        if words.took(sign):
            further = words.name()
            return base + way * (int(further) if _is_number(further) else 0)
    return base


def _is_number(word: str) -> bool:
    return word.lstrip("-").isdecimal() and len(word) < len("-2147483648") + 1
