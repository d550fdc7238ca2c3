"""A rule as ``nft list ruleset`` prints it → its statements in the form of ``nft -j``: one internal form for both.

Facts: nft(8), STATEMENTS; the form is that of libnftables-json(5). What is left out of a statement is what the
evaluator does not ask for: counts, rates, prefixes of a log.
"""

from collections.abc import Callable, Iterator, Mapping

from homelab.diagnosis.netfilter.nft_reads import (
    comparison,
    expression,
    expression_or_value,
    reads,
)
from homelab.diagnosis.netfilter.nft_values import VERDICTS, held, value, verdict
from homelab.diagnosis.netfilter.nft_whither import flow, proxy, to_link, translation
from homelab.diagnosis.netfilter.nft_words import END, UnreadableError, Words, handle_of

Block = Callable[[Words], str]
"""Reads the rules of a chain without a name, and says under which name they are kept."""


def statements(words: Words, block: Block) -> Iterator[object]:
    """The statements as far as the end of the rule; ``UnreadableError`` at what is not known."""
    while not _is_end(words):
        yield _statement(words, block)
    if words.next.startswith("#") and handle_of(words.next) is None:
        raise UnreadableError(words.next)


def _is_end(words: Words) -> bool:
    """What is behind it are a comment and a handle at most."""
    word = words.next
    return word in (END, "}", "comment") or word.startswith("#")


def _statement(words: Words, block: Block) -> object:
    word = words.next
    if word in VERDICTS:
        return {words.take(): None}
    if word in ("jump", "goto"):
        return verdict(words) or _to_block(words, block)
    special = _SPECIAL.get(f"{word} {words.after()}") or _SPECIAL.get(word)
    if special is not None:
        return special(words)
    if reads(words):
        return _upon(words, expression(words))
    raise UnreadableError(f"statement {word!r} is not known")


def _to_block(words: Words, block: Block) -> object:
    kind = words.take()
    words.expect("{")
    return {kind: {"target": block(words)}}


def _upon(words: Words, read: object) -> object:
    if words.took("vmap"):
        return {"vmap": {"key": read, "data": held(words, mapped=True)}}
    if words.took("set"):
        return {"mangle": {"key": read, "value": expression_or_value(words)}}
    return comparison(words, read)


def _skipping(kind: str, *follow: str) -> Callable[[Words], object]:
    """A statement of which only the name matters: the words that may belong to it, each with one behind it."""

    def read(words: Words) -> object:
        for _ in kind.split():
            words.take()
        while words.next in follow:
            words.take()
            if words.next != END:
                words.take()
        return {kind: None}

    return read


def _limit(words: Words) -> object:
    """``limit rate [over] 5/second [burst 3 packets]`` or ``limit name "x"``."""
    words.expect("limit")
    if words.took("name"):
        return {"limit": words.name()}
    words.expect("rate")
    words.took("over")
    words.name()
    if not words.next.startswith(("burst", "#")) and "/" in words.next:
        words.take()
    if words.took("burst"):
        words.name()
        words.name()
    return {"limit": {}}


def _quota(words: Words) -> object:
    words.expect("quota")
    if words.took("name"):
        return {"quota": words.name()}
    if words.next in ("over", "until"):
        words.take()
    words.name()
    words.name()
    if words.took("used"):
        words.name()
        words.name()
    return {"quota": {}}


def _log(words: Words) -> object:
    words.expect("log")
    while words.next in {"prefix", "level", "group", "snaplen", "queue-threshold", "flags"}:
        kind = words.take()
        words.name()
        if kind == "flags" and words.next in {"options", "sequence", "sequence,options"}:
            words.take()
    return {"log": None}


def _counter(words: Words) -> object:
    words.expect("counter")
    if words.took("name"):
        return {"counter": expression_or_value(words) if reads(words) else words.name()}
    while words.next in ("packets", "bytes"):
        words.take()
        words.name()
    return {"counter": None}


def _reject(words: Words) -> object:
    words.expect("reject")
    if not words.took("with"):
        return {"reject": {}}
    if words.took("tcp", "reset"):
        return {"reject": {"type": "tcp reset"}}
    kind = words.name()
    words.took("type")
    return {"reject": {"type": kind, "expr": words.name()}}


def _element(words: Words) -> object:
    """``add @set { … }``: what is read, and a statement beside it, which may end the rule."""
    kind, named = words.take(), words.take()
    words.expect("{")
    read, more = expression(words), []
    while words.next in ("timeout", "expires"):
        words.take()
        words.name()
    while words.next not in ("}", ":", END):
        more.append(_statement(words, _nowhere))
    found: dict[str, object] = {"op": kind, "elem": read}
    where = "set"
    if words.took(":"):
        where = "map"
        found["data"] = expression_or_value(words)
    words.expect("}")
    harmless = all(isinstance(each, dict) and "counter" in each for each in more)
    return {where: {**found, where: named, **({} if harmless else {"stmt": more})}}


def _nowhere(_: Words) -> str:
    raise UnreadableError("a chain within an element")


def _queue(words: Words) -> object:
    words.take()
    if words.took("flags"):
        words.name()
    if words.took("num") or words.took("to"):
        value(words)
    while words.next in ("bypass", "fanout", "bypass,fanout", "fanout,bypass"):
        words.take()
    return {"queue": {}}


def _assigned(words: Words) -> object:
    """``ct helper set "ftp"`` and its like."""
    kind = f"{words.take()} {words.take()}"
    words.expect("set")
    return {kind: expression_or_value(words)}


def _helper(words: Words) -> object:
    if words.after(2) == "set":
        return _assigned(words)
    return _upon(words, expression(words))


def _count(words: Words) -> object:
    words.expect("ct", "count")
    words.took("over")
    words.name()
    return {"ct count": {}}


def _synproxy(words: Words) -> object:
    words.take()
    if words.took("name"):
        words.name()
    while words.next in ("mss", "wscale", "timestamp", "sack-perm"):
        if words.take() in ("mss", "wscale"):
            words.name()
    return {"synproxy": {}}


def _extension(words: Words) -> object:
    """``xt match "comment"``: an extension of iptables, of which nft tells the name only."""
    words.take()
    kind = words.name()
    return {"xt": {"type": kind, "name": words.name()}}


def _reset(words: Words) -> object:
    words.expect("reset", "tcp", "option")
    words.name()
    return {"reset": None}


def _meter(words: Words) -> object:
    words.take()
    words.name()
    if words.took("size"):
        words.name()
    words.expect("{")
    words.skip_block()
    return {"meter": {}}


_SPECIAL: Mapping[str, Callable[[Words], object]] = {
    "counter": _counter,
    "log": _log,
    "limit": _limit,
    "quota": _quota,
    "last": _skipping("last", "used"),
    "notrack": _skipping("notrack"),
    "reject": _reject,
    "dnat": translation,
    "snat": translation,
    "masquerade": translation,
    "redirect": translation,
    "add": _element,
    "update": _element,
    "delete": _element,
    "flow": flow,
    "fwd": to_link,
    "dup": to_link,
    "tproxy": proxy,
    "queue": _queue,
    "synproxy": _synproxy,
    "meter": _meter,
    "reset": _reset,
    "xt": _extension,
    "ct helper": _helper,
    "ct timeout": _helper,
    "ct expectation": _helper,
    "ct count": _count,
}
