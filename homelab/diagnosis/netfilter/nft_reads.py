"""What the text of an nft rule reads of a packet, as the expressions that ``nft -j`` gives for it.

Facts: nft(8), PAYLOAD EXPRESSIONS, META EXPRESSIONS, CONNTRACK EXPRESSIONS and following; the form is that of
libnftables-json(5).
"""

from collections.abc import Callable, Mapping

from homelab.diagnosis.netfilter.nft_values import held, scalar, value
from homelab.diagnosis.netfilter.nft_words import UnreadableError, Words

_HEADERS = frozenset(
    {
        "ether", "vlan", "arp", "ip", "icmp", "igmp", "ip6", "icmpv6", "tcp", "udp", "udplite", "sctp",
        "dccp", "ah", "esp", "comp", "th", "gre", "geneve", "vxlan", "gretap",
    }
)  # fmt: skip
_BARE_META = frozenset(
    {"iif", "oif", "iifname", "oifname", "iiftype", "oiftype", "iifgroup", "oifgroup", "mark"}
)
_EXTENSIONS = frozenset({"hbh", "rt0", "rt2", "rt4", "frag", "dst", "mh", "srh"})
_OPERATORS = {
    **{each: each for each in ("&", "|", "^", "<<", ">>")},
    # As libxtables writes them for a rule of iptables.
    "and": "&",
    "or": "|",
    "xor": "^",
}
_COMPARED = frozenset({"==", "!=", "<", ">", "<=", ">=", "!"})
_IS_THERE = frozenset({"exists", "missing"})


def reads(words: Words) -> bool:
    """Whether an expression begins here."""
    word = words.next
    return word in _HEADERS | _BARE_META | _EXTENSIONS | _READERS.keys() or word.startswith("@")


def expression(words: Words) -> object:
    """Fields joined by dots, with masks; the word behind it is not taken."""
    parts = [_masked(words)]
    while words.took("."):
        parts.append(_masked(words))
    return parts[0] if len(parts) == 1 else {"concat": parts}


def expression_or_value(words: Words) -> object:
    """What a statement sets: a constant, a field, or what a field is mapped to."""
    if not reads(words):
        return value(words)
    found = expression(words)
    return {"map": {"key": found, "data": held(words, mapped=True)}} if words.took("map") else found


def _masked(words: Words) -> object:
    found = _primary(words)
    while words.next in _OPERATORS:
        word = words.take()
        operand = _operand(words)
        if word == "xor" and words.took("and"):
            # libxtables means `ct mark xor VALUE and MASK` for (mark & MASK) ^ VALUE (connmark_tg_xlate).
            found = {"&": [found, _operand(words)]}
        found = {_OPERATORS[word]: [found, operand]}
    return found


def _operand(words: Words) -> object:
    if words.took("("):
        given = [value(words)]
        while words.took("|"):
            given.append(value(words))
        words.expect(")")
        return given
    return _primary(words) if reads(words) else value(words)


def _primary(words: Words) -> object:
    word = words.take()
    if word in _READERS:
        return _READERS[word](words)
    if word in _HEADERS:
        return _field(word, words)
    if word in _BARE_META:
        return {"meta": {"key": word}}
    if word in _EXTENSIONS:
        return _extension(word, words)
    return _raw(word)


def _field(header: str, words: Words) -> object:
    if header not in ("tcp", "ip") or not words.took("option"):
        return {"payload": {"protocol": header, "field": words.name()}}
    name = words.name()
    field = {} if words.next in _IS_THERE else {"field": words.name()}
    return {f"{header} option": {"name": name, **field}}


def _raw(word: str) -> object:
    """``@nh,96,32``: bits of a header, by base, offset and length."""
    if not word.startswith("@") or word.count(",") != 2:
        raise UnreadableError(f"{word!r} reads nothing that is known")
    base, offset, length = word[1:].split(",")
    return {"payload": {"base": base, "offset": scalar(offset), "len": scalar(length)}}


def _extension(name: str, words: Words) -> object:
    field = {} if words.next in _IS_THERE else {"field": words.name()}
    return {"exthdr": {"name": name, **field}}


def _connection(words: Words) -> object:
    way = {"dir": words.take()} if words.next in ("original", "reply") else {}
    family = f"{words.take()} " if words.next in ("ip", "ip6") else ""
    return {"ct": {"key": family + words.name(), **way}}


def _fib(words: Words) -> object:
    flags = [words.name()]
    while words.took("."):
        flags.append(words.name())
    return {"fib": {"result": words.name(), "flags": flags}}


def _route(words: Words) -> object:
    family = {"family": words.take()} if words.next in ("ip", "ip6") else {}
    return {"rt": {"key": words.name(), **family}}


def _number(words: Words) -> object:
    mode = words.name()
    return {"numgen": {"mode": mode, **_modulus(words)}}


def _hash(kind: str) -> Callable[[Words], object]:
    def read(words: Words) -> object:
        of = {} if words.next == "mod" else {"expr": expression(words)}
        return {kind: {**_modulus(words), **of}}

    return read


def _modulus(words: Words) -> dict[str, object]:
    found: dict[str, object] = {}
    while words.next in ("mod", "offset", "seed"):
        name = words.take()
        found[name] = value(words)
    return found


def _socket(words: Words) -> object:
    key = words.name()
    level = {"level": value(words)} if words.took("level") else {}
    return {"socket": {"key": key, **level}}


def _of_words(kind: str, count: int) -> Callable[[Words], object]:
    """An expression that the model does not know, of so many words."""
    return lambda words: {kind: {"key": " ".join(words.name() for _ in range(count))}}


def _policy(words: Words) -> object:
    way = words.name()
    found = {"dir": way, "key": words.name()}
    if found["key"] in ("spnum", "ip", "ip6"):
        words.take()
    return {"ipsec": found}


def _fingerprint(words: Words) -> object:
    ttl = {"ttl": words.name()} if words.took("ttl") else {}
    return {"osf": {"key": words.name(), **ttl}}


def comparison(words: Words, left: object) -> object:
    """The ``match`` statement behind what it reads."""
    if words.next.removesuffix("/8") in _IS_THERE:
        return _match("==", left, words.take().startswith("exists"))
    operator = words.take() if words.next in _COMPARED else None
    right = _right(words)
    if words.took("/"):
        return _match(operator or "==", {"&": [left, value(words)]}, right)
    return _match(operator or ("in" if _is_flags(left) else "=="), left, right)


def _is_flags(left: object) -> bool:
    """What has bits is asked for any of them, where no operator stands between."""
    return left in (
        {"ct": {"key": "state"}},
        {"ct": {"key": "status"}},
        {"ct": {"key": "label"}},
        {"payload": {"protocol": "tcp", "field": "flags"}},
    )


def _right(words: Words) -> object:
    if words.next == "{" or words.next.startswith("@"):
        return held(words)
    if words.next == "(":
        return _operand(words)
    if reads(words) and not _is_name(words):
        return expression(words)
    flags = [value(words)]
    while words.took("|"):  # nft 1.1 prints `tcp flags & (syn | ack) == syn | ack`
        flags.append(value(words))
    return flags if len(flags) > 1 else flags[0]


def _is_name(words: Words) -> bool:
    """``meta l4proto tcp``: the header's name is a value, unless a field of it follows."""
    return words.next in _HEADERS | _EXTENSIONS


def _match(operator: str, left: object, right: object) -> object:
    return {"match": {"op": operator, "left": left, "right": right}}


_READERS: Mapping[str, Callable[[Words], object]] = {
    "meta": lambda words: {"meta": {"key": words.name()}},
    "ct": _connection,
    "fib": _fib,
    "rt": _route,
    "numgen": _number,
    "jhash": _hash("jhash"),
    "symhash": _hash("symhash"),
    "socket": _socket,
    "osf": _fingerprint,
    "ipsec": _policy,
    "exthdr": lambda words: _extension(words.name(), words),
}
