"""Values in the text of nft rules, in the form that ``nft -j`` gives them: ranges, prefixes, sets, maps, verdicts."""

import re

from homelab.diagnosis.netfilter.nft_words import END, UnreadableError, Words, bare
from homelab.diagnosis.netfilter.values import address

VERDICTS = frozenset({"accept", "drop", "continue", "return"})
_NUMBER = re.compile(r"0x[0-9a-f]+|\d+")
_ATTRIBUTES = frozenset(
    {"timeout", "expires", "comment", "counter", "limit", "quota", "packets", "bytes"}
)


def value(words: Words) -> object:
    """One value, a list of flags, or a concatenation of values."""
    parts = [_single(words)]
    while words.took("."):
        parts.append(_single(words))
    return parts[0] if len(parts) == 1 else {"concat": parts}


def _single(words: Words) -> object:
    word = words.take()
    if word in (END, "{", "}", "(", ")", ","):
        raise UnreadableError(f"a value is missing before {word!r}")
    if word.startswith('"'):
        if words.next.startswith("-") and words.after().startswith('"'):
            words.take()
            return {"range": [word[1:], bare(words.take())]}
        return word[1:]
    return scalar(word)


def scalar(word: str) -> object:
    """A word as JSON: a number, a range, a prefix, a list of flags, or the word itself."""
    if _NUMBER.fullmatch(word):
        return int(word, 0)
    low, dash, high = word.partition("-")
    if dash and _is_bound(low) and _is_bound(high):
        return {"range": [scalar(low), scalar(high)]}
    net, slash, length = word.partition("/")
    if slash and length.isdecimal() and address(net) is not None:
        return {"prefix": {"addr": net, "len": int(length)}}
    if "," in word:
        return [scalar(each) for each in word.split(",")]
    return word


def _is_bound(word: str) -> bool:
    return _NUMBER.fullmatch(word) is not None or address(word) is not None


def elements(words: Words, *, mapped: bool) -> list[object]:
    """The elements of a set or a map, behind the opening brace; the closing one is taken."""
    found: list[object] = []
    words.skip_lines()
    while not words.took("}"):
        found.append(_element(words, mapped=mapped))
        words.skip_lines()
        words.took(",")
        words.skip_lines()
    return found


def _element(words: Words, *, mapped: bool) -> object:
    key = value(words)
    _skip_attributes(words)
    if not mapped:
        return key
    words.expect(":")
    target = verdict(words) or value(words)
    _skip_attributes(words)
    return [key, target]


def _skip_attributes(words: Words) -> None:
    """What a set keeps beside an element: it expires, it counts, it has a comment."""
    while words.next in _ATTRIBUTES:
        while words.next not in (",", "}", ":", END):
            words.take()
        words.skip_lines()


def verdict(words: Words) -> object | None:
    if words.next in VERDICTS:
        return {words.take(): None}
    if words.next in ("jump", "goto") and words.after() != "{":
        return {words.take(): {"target": words.name()}}
    return None


def held(words: Words, *, mapped: bool = False) -> object:
    """A named set or map, or the elements of one without a name."""
    if words.next.startswith("@"):
        return words.take()
    words.expect("{")
    return {"set": elements(words, mapped=mapped)}
