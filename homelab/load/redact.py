"""A snapshot that may be shown to others: the same network, without secrets and without identities."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from hashlib import blake2b
from ipaddress import ip_address, ip_network
from itertools import chain
from typing import Any

from homelab.load.hiding import Addresses, Macs
from homelab.load.naming import Words, is_private
from homelab.load.snapshot import dump_snapshot
from homelab.model.docker import Daemon
from homelab.model.kernel import Namespace, Ruleset
from homelab.model.place import Network
from homelab.model.snapshot import Snapshot

REDACTED = "redacted"
HOMELAB = "homelab"

_SECRET = re.compile(
    r"^(user\.(?!homelab\.)|environment\.|cloud-init\.|raw\.|volatile\.(uuid|cloud-init|idmap)|dns\.)"
    r"|passw|secret|token|api.?key|private|credential|psk|cert|^(source|path|bridge_id|root_id)$",
    re.IGNORECASE,
)
_VOCABULARY = frozenset(
    [
        "schema",
        "kind",
        "operstate",
        "scope",
        "action",
        "protocol",
        "status",
        "driver",
        "tool",
        "version",
        "api_version",
        "firewall",
        "states",
        "state",
        "id",
    ]
)
"""Fields whose text is a word of the kernel's, of a tool's or of a daemon's."""

_SYSCTL = re.compile(r"(?P<head>net\.ipv[46]\.(?:conf|neigh)\.)(?P<link>.+)(?P<leaf>\.[^.]+)")
_ADDRESS = re.compile(
    r'"addr": "(?P<addr>[0-9A-Fa-f.:]+)", "len": (?P<len>\d+)'
    r"|(?P<mac>(?<![0-9A-Fa-f:])(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}(?![0-9A-Fa-f:]))"
    r"|(?<![\d.])(?<!\d/)(?P<four>(?:\d{1,3}\.){3}\d{1,3})(?![\d.]*\d)(?:/(?P<four_len>\d{1,2})(?!\d))?"
    r"|(?<![\w:.])(?P<six>(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4})(?![\w:.])(?:/(?P<six_len>\d{1,3}))?"
)
_RANGE = re.compile(
    r"((?:\d{1,3}\.){3}\d{1,3})-((?:\d{1,3}\.){3}\d{1,3})"
    r'|"range": \["((?:\d{1,3}\.){3}\d{1,3})", "((?:\d{1,3}\.){3}\d{1,3})"'
)
_WILDCARD = re.compile(r"([A-Za-z0-9_.-]{1,14})[+*]")
_FREE = re.compile(
    r"(?P<key>--comment|--log-prefix|--nflog-prefix|--string|--hex-string|\bcomment|\bprefix|\"comment\":|\"prefix\":) "
    r"(?P<text>\"(?:[^\"\\]|\\.)*\"|(?<=--comment )\S+|(?<=-prefix )\S+|(?<=string )\S+)"
)
_DIGEST = re.compile(r":([0-9a-f]{8})(?=\"?$)")
_MADE = re.compile(r"homelab:|generated for (LXD|Incus)|LXD container|\[UFW |managed by")
"""Comments that a tool writes, by which it is known."""


def redact(snapshot: Snapshot) -> Snapshot:
    """Pure; the same snapshot gives the same one.

    Names and addresses are exchanged for others, each always for the same, and addresses keep their
    relations, so that a trace and a diagnosis come out alike. Secrets, and what people wrote into comments,
    are gone.
    """
    hidden: Snapshot = Redaction(snapshot).of(snapshot)
    return hidden


class Redaction:
    """One way to hide a whole snapshot; ``of`` takes any value of the model."""

    def __init__(self, snapshot: Snapshot) -> None:
        rules = [each.text for here in snapshot.namespaces.values() for each in here.rulesets]
        whole = dump_snapshot(snapshot).encode("utf-8", "backslashreplace")
        self._key = blake2b(whole, digest_size=32).digest()
        self._macs = Macs()
        self._addresses = Addresses(
            self._key, chain(_subnets(snapshot), _ranges(rules)), self._macs
        )
        links = {each.name for here in snapshot.namespaces.values() for each in here.links}
        self._words = Words(chain(_names(snapshot), links), _wildcards(rules, links))
        self._said: dict[str, str] = {}

    def of(self, value: Any, field: str = "") -> Any:
        if isinstance(value, str):
            return self._text(value, field)
        if isinstance(value, Ruleset):
            return Ruleset(value.tool, self._rules(value.text))
        if isinstance(value, Mapping):
            return self._mapping(value, field)
        if isinstance(value, tuple):
            return tuple(self.of(each, field) for each in value)
        if is_dataclass(value) and not isinstance(value, type):
            names = [each.name for each in fields(value)]
            return type(value)(**{each: self.of(getattr(value, each), each) for each in names})
        return self._addresses.hide_any(value)

    def _text(self, text: str, field: str) -> str:
        if field in _VOCABULARY:
            return text
        if field == "mac":
            return self._macs.hide(text)
        if field == "alias" and not text.startswith(HOMELAB):
            return REDACTED
        return self._hidden(text)

    def _hidden(self, text: str) -> str:
        return self._words.hide_in(_ADDRESS.sub(self._address, text))

    def _address(self, found: re.Match[str]) -> str:
        if found["mac"]:
            return self._macs.hide(found["mac"])
        text = found["addr"] or found["four"] or found["six"]
        length = found["len"] or found["four_len"] or found["six_len"]
        hidden = self._subnet(text, length)
        if hidden is None:
            return found[0]
        if found["addr"]:
            return f'"addr": "{hidden}", "len": {length}'
        return hidden if length is None else f"{hidden}/{length}"

    def _subnet(self, text: str, length: str | None) -> str | None:
        """What stands for an address, or for the subnet that it and the length name."""
        try:
            address = ip_address(text)
            if length is not None and ip_network(f"{text}/{length}", strict=False)[0] == address:
                return str(
                    self._addresses.hide_network(ip_network(f"{text}/{length}")).network_address
                )
        except ValueError:
            return None
        return str(self._addresses.hide(address))

    def _mapping(self, value: Mapping[Any, Any], field: str) -> dict[Any, Any]:
        if field in ("sysctls", "kept_sysctls"):
            return {self._sysctl(key): each for key, each in value.items()}
        if field == "netns_ids":
            return dict(value)
        if field in ("namespaces", "daemons", "aliases", "unread", "devices", "expanded_devices"):
            return {self._hidden(key): self.of(each, "") for key, each in value.items()}
        return {self._hidden(key): self._setting(key, each, field) for key, each in value.items()}

    def _setting(self, key: str, value: Any, field: str) -> Any:
        """A value of somebody's configuration; of labels only our own are known to be harmless."""
        foreign = field == "labels" and not key.startswith(HOMELAB)
        return REDACTED if foreign or _SECRET.search(key) else self.of(value)

    def _sysctl(self, key: str) -> str:
        found = _SYSCTL.fullmatch(key)
        return (
            key
            if found is None
            else found["head"] + self._words.hide(found["link"]) + found["leaf"]
        )

    def _rules(self, text: str) -> str:
        return self._hidden(_FREE.sub(self._free, text))

    def _free(self, found: re.Match[str]) -> str:
        """What a person wrote into a rule, by a word that stands for it; a tool's own comment stays."""
        said = found["text"].strip('"')
        if said.startswith(f"{HOMELAB}:"):
            return _DIGEST.sub(self._digest, found[0])
        if _MADE.match(said):
            return found[0]
        word = self._said.setdefault(said, f"text-{len(self._said) + 1}")
        quote = '"' if found["text"].startswith('"') else ""
        return f"{found['key']} {quote}{word}{quote}"

    def _digest(self, found: re.Match[str]) -> str:
        """Our own rules bear a digest of their addresses, short enough to try them all."""
        return ":" + blake2b(found[1].encode(), key=self._key, digest_size=4).hexdigest()


def _subnets(snapshot: Snapshot) -> Iterator[Network]:
    for here in snapshot.namespaces.values():
        yield from (each.interface.network for each in here.addresses)
    for daemon in snapshot.daemons.values():
        yield from (one.subnet for each in daemon.networks for one in each.subnets)


def _ranges(texts: list[str]) -> Iterator[Network]:
    """The subnet around each range of addresses that a rule names: within it their order stays."""
    for found in chain.from_iterable(map(_RANGE.finditer, texts)):
        first, last = (each for each in found.groups() if each)
        try:
            bits = [int(ip_address(each)) for each in (first, last)]
            yield ip_network(f"{first}/{32 - (bits[0] ^ bits[1]).bit_length()}", strict=False)
        except ValueError:
            continue


def _wildcards(texts: list[str], links: set[str]) -> Iterator[str]:
    """The beginnings of names that a rule takes with a wildcard."""
    found = {each for text in texts for each in _WILDCARD.findall(text)}
    private = [each for each in links if is_private(each)]
    return (each for each in sorted(found) if any(name.startswith(each) for name in private))


def _names(snapshot: Snapshot) -> Iterator[str]:
    """Every name that somebody gave to something, wherever it stands."""
    yield snapshot.host
    for place in (*snapshot.namespaces, *snapshot.daemons, *snapshot.aliases, *snapshot.unread):
        yield from place.partition(":")[2].split("/")
    if snapshot.runtime is not None:
        yield from (each.name for each in snapshot.runtime.networks)
        for instance in snapshot.runtime.instances:
            yield from (instance.name, *instance.profiles, *instance.expanded_devices)
    for here in snapshot.namespaces.values():
        yield from _of_links(here)
    for daemon in snapshot.daemons.values():
        yield from _of_docker(daemon)


def _of_links(here: Namespace) -> Iterator[str]:
    for each in here.links:
        yield from each.altnames


def _of_docker(daemon: Daemon) -> Iterator[str]:
    for network in daemon.networks:
        yield from (network.name, network.bridge)
    for container in daemon.containers:
        yield container.name
        for each in container.attachments:
            yield from (each.network, *each.aliases)
