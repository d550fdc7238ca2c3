"""Who wrote a rule, as far as the names in it tell."""

import re
from collections.abc import Callable, Iterable

from homelab.diagnosis.netfilter.rules import Chain, Rule, Table

HOMELAB_CHAIN = "HOMELAB"


def owner(rule: Rule, chain: Chain | None, bridges: frozenset[str]) -> str:
    """One of docker, lxd, incus, ufw, firewalld, libvirt, tailscale, homelab, or user for all else.

    ``bridges`` are those that Docker's own chains name (``docker_bridges``).
    """
    if _is_ours(rule):
        return "homelab"
    if rule.kind == "policy" and chain is not None:
        return _of_table(rule.table) or _of_policy(chain)
    return _of_table(rule.table) or _of_chain(rule.chain) or _of_rule(rule, bridges) or "user"


def _is_ours(rule: Rule) -> bool:
    """The marks of homelab's own rules: table, chain, or ``homelab:`` in the comment."""
    marked = rule.comment.startswith("homelab:") or "--comment homelab:" in _unquoted(rule.text)
    table = rule.tool == "nft" and rule.table == "homelab"
    jumps = rule.text.endswith(f"-j {HOMELAB_CHAIN}")
    return marked or table or rule.chain == HOMELAB_CHAIN or jumps


def _unquoted(text: str) -> str:
    return text.replace('"', "")


def _of_table(table: str) -> str | None:
    if table in {"lxd", "incus", "firewalld", "libvirt_network"}:
        return table.partition("_")[0]
    return "docker" if table.startswith("docker-") else None


def _of_chain(chain: str) -> str | None:
    if chain == "DOCKER-USER":
        return "user"
    found = (name for name, belongs in _CHAINS if belongs(chain))
    return next(found, None)


_CHAINS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("homelab", lambda chain: chain == HOMELAB_CHAIN),
    ("docker", lambda chain: chain == "DOCKER" or chain.startswith("DOCKER-")),
    ("ufw", lambda chain: chain.startswith(("ufw-", "ufw6-"))),
    ("libvirt", lambda chain: chain.startswith("LIBVIRT_")),
    ("tailscale", lambda chain: chain.startswith("ts-")),
    (
        "firewalld",
        lambda chain: (
            chain.endswith(("_ZONES", "_direct", "_POLICIES", "_ZONES_SOURCE"))
            or chain.startswith(("FWDI_", "FWDO_", "IN_", "PRE_", "POST_", "FWD_"))
        ),
    ),
)


def _of_rule(rule: Rule, bridges: frozenset[str]) -> str | None:
    """A rule in a chain of nobody's: by its jump, its comment, or as Docker would write it."""
    jump = _jump(rule)
    if jump == "DOCKER-USER":
        return "docker"
    for mark, name in _COMMENTS:
        if mark in rule.text or mark in rule.comment:
            return name
    return (jump and _of_chain(jump)) or ("docker" if _is_docker_made(rule, bridges) else None)


_COMMENTS = (
    ("generated for LXD network", "lxd"),
    ("generated for LXD container", "lxd"),
    ("LXD container", "lxd"),
    ("generated for Incus network", "incus"),
)

# What Docker writes into chains that are not its own: up to 27 in FORWARD, from 28 in raw
# PREROUTING, and in nat POSTROUTING (daemon/libnetwork/drivers/bridge in moby/moby).
_DOCKER_MADE = (
    re.compile(r"-A FORWARD -o (\S+) -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"),
    re.compile(r"-A FORWARD -i (\S+) (?:! )?-o \1 -j (?:ACCEPT|DROP)"),
    re.compile(r"-A PREROUTING -d \S+ ! -i (\S+) -j DROP"),
    re.compile(r"-A POSTROUTING -s \S+ ! -o (\S+) -j (?:MASQUERADE|SNAT .*)"),
    re.compile(r"-A POSTROUTING -o (\S+) -m addrtype --src-type LOCAL -j MASQUERADE"),
)
# Rules without a bridge in them: a published port reached from its own container (up to 26), and one
# published on the loopback address, reached from elsewhere (28).
_DOCKER_PORTS = (
    re.compile(r"-A POSTROUTING -s (\S+) -d \1 -p \w+ -m \w+ --dport \d+ -j MASQUERADE"),
    re.compile(r"-A PREROUTING -d 127\.\S+ ! -i lo -p \w+ -m \w+ --dport \d+ -j DROP"),
)


def _is_docker_made(rule: Rule, bridges: frozenset[str]) -> bool:
    found = (pattern.fullmatch(rule.text) for pattern in _DOCKER_MADE)
    named = {each[1] for each in found if each}
    if named & bridges:
        return True
    return bool(bridges) and any(pattern.fullmatch(rule.text) for pattern in _DOCKER_PORTS)


def docker_bridges(tables: Iterable[Table]) -> frozenset[str]:
    """The links that the rules in Docker's own chains name: its bridges."""
    texts = (
        rule.text
        for table in tables
        for chain in table.chains.values()
        if chain.name.startswith("DOCKER") and chain.name != "DOCKER-USER"
        for rule in chain.rules
    )
    return frozenset(name for text in texts for name in re.findall(r" -[io] (\S+)", text))


def _jump(rule: Rule) -> str | None:
    """The chain that a rule jumps or goes to, as text shows it."""
    words = rule.text.split()
    for mark in ("-j", "-g", "jump", "goto"):
        if mark in words[:-1]:
            return words[words.index(mark) + 1].strip('"')
    return None


def _of_policy(chain: Chain) -> str:
    """A policy bears no mark: it is of the one program whose jumps are in its chain."""
    found = {name for rule in chain.rules if (name := _of_policy_jump(rule))}
    return found.pop() if len(found) == 1 else "user"


def _of_policy_jump(rule: Rule) -> str | None:
    jump = _jump(rule)
    if jump == "DOCKER-USER":
        return "docker"
    found = _of_chain(jump) if jump else None
    return None if found in {"homelab", "user", "tailscale", "libvirt"} else found
