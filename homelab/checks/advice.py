"""Fixes that several faults share, each in the knob of whoever owns what is in the way."""

import shlex
from collections.abc import Iterator

from homelab.checks.lab import best_route, client, command, route_text
from homelab.checks.rules import accepts, has_raw_drop, raw_accepts
from homelab.checks.seen import Group, Seen, aims, networks
from homelab.model.finding import Case, Fix
from homelab.model.lxc import starting, typed_key
from homelab.model.operation import SetSysctl
from homelab.model.place import Place, guest_of
from homelab.model.snapshot import Snapshot

APPLY = "homelab apply --yes"
OF_RUNTIME = ("lxd", "incus")


def opens(group: Group) -> tuple[str, ...]:
    return tuple(
        f"every host that routes to {each.aim} via {each.place}, all ports"
        for each in networks(group)
    )


def accept_fix(group: Group, code: str) -> Fix:
    """Our own accept in front of what drops."""
    operations = accepts(group, code)
    chain = operations[0].rule.parent if operations else "FORWARD"
    text = f"accept {aims(group)} in {chain} of {group[0].at}, before the drop"
    return Fix(text, operations, opens=opens(group))


def docker_fix(group: Group, code: str) -> Fix:
    """Docker 28 and later: the network's own option where we may make it anew, else our accepts."""
    if all(each.is_ours for each in group):
        text = f"let homelab make {_names(group)} anew in gateway mode nat-unprotected"
        return Fix(f"{text}; its containers are reattached", commands=(APPLY,), opens=opens(group))
    if group[0].cause.tool == "nft":
        return _nftables_fix(group)
    raw = raw_accepts(tuple(filter(has_raw_drop, group)), code)
    where = "raw PREROUTING and DOCKER-USER" if raw else "DOCKER-USER"
    text = f"accept {aims(group)} in {where} of {group[0].at}, before Docker's drop"
    return Fix(text, (*raw, *accepts(group, code)), opens=opens(group))


def _nftables_fix(group: Group) -> Fix:
    """An accept in another table never saves a packet from a drop of Docker's nftables backend."""
    modes = " ".join(
        f"-o com.docker.network.bridge.gateway_mode_ipv{each}=nat-unprotected"
        for each in sorted({seen.version for seen in group})
    )
    text = f"make {_names(group)} anew with `docker network create {modes} …`"
    return Fix(f"{text}: with nftables only Docker's own options open it", opens=opens(group))


def _names(group: Group) -> str:
    names = (f"{each.judgement.name.guest}/{each.judgement.name.network}" for each in group)
    return ", ".join(dict.fromkeys(names))


def sysctl_fix(seen: Seen, key: str, value: str) -> Fix:
    was = seen.here.sysctls.get(key, "0") if seen.here else "0"
    stays = "; `homelab apply` keeps it over a restart" if seen.is_wanted else ""
    text = f"set {key}={value} in {seen.at}{stays}"
    passed = f"whatever {key}={was} kept from passing {seen.at}, as far as its firewall lets it"
    return Fix(text, (SetSysctl(seen.at, key, value, was),), opens=(passed,))


def loose_fix(group: Group) -> Fix:
    """Loose on the link alone: the kernel takes the greater of ``all`` and the link's own value."""
    cause = group[0].cause
    link = f"net.ipv4.conf.{cause.iif}.rp_filter" if cause.iif else cause.key or ""
    return sysctl_fix(group[0], link, "2")


def way_back(seen: Seen) -> str:
    """The route by which this place would answer the packet's source."""
    source = seen.cause.source or seen.trace.source
    route = best_route(seen.here, source) if source else None
    return f"by `{route_text(route)}`" if route else "nowhere, for want of a route"


def firewall_fix(group: Group, code: str) -> Fix:
    """In the words of the program that wrote the rule; our own accept where nobody else's will do."""
    seen = group[0]
    owner = seen.cause.owner or "user"
    if owner in ("ufw", "firewalld"):
        steps = _ufw(group) if owner == "ufw" else _firewalld(group)
        lines = tuple(command(seen.case, seen.at, *each) for each in steps)
        return Fix(f"let {owner} of {seen.at} pass {aims(group)}", (), lines, opens(group))
    if owner in OF_RUNTIME:
        text = f"let the network ACL or the filtering of {owner} pass {aims(group)}"
        shown = (f"{client(seen.snapshot)} network acl list",)
        return Fix(text, commands=shown, opens=opens(group))
    if not seen.by_iptables:
        return _nft_fix(group)
    if seen.cause.table not in (None, "filter") or not (seen.on_host or seen.in_guest):
        return by_hand(group, code)
    return accept_fix(group, code)


def _ufw(group: Group) -> Iterator[tuple[str, ...]]:
    for each in networks(group):
        ways = ("from" if each.is_return else "to", each.aim)
        yield ("ufw", "route", "allow", *ways)


def _firewalld(group: Group) -> Iterator[tuple[str, ...]]:
    """A policy between all zones (firewalld.policies(5)); direct rules do not save from nftables."""
    policy = ("firewall-cmd", "--permanent", "--policy=homelab")
    yield ("firewall-cmd", "--permanent", "--new-policy=homelab")
    yield (*policy, "--add-ingress-zone=ANY")
    yield (*policy, "--add-egress-zone=ANY")
    for each in networks(group):
        end = "source" if each.is_return else "destination"
        rich = f"rule family=ipv{each.version} {end} address={each.aim} accept"
        yield (*policy, f"--add-rich-rule={rich}")
    yield ("firewall-cmd", "--reload")


def _nft_fix(group: Group) -> Fix:
    """In the very chain: several base chains may see a packet, and the drop of any one is final."""
    seen, cause = group[0], group[0].cause
    chain = (cause.family or "inet", cause.table or "filter", cause.chain or "forward")
    lines = tuple(
        command(seen.case, seen.at, "nft", "insert", "rule", *chain, *_nft_match(each), "accept")
        for each in networks(group)
    )
    text = f"accept {aims(group)} in nft's {' '.join(chain)} of {seen.at}, before the drop"
    return Fix(f"{text}, and in the file that loads it", commands=lines, opens=opens(group))


def _nft_match(seen: Seen) -> tuple[str, ...]:
    family = "ip6" if seen.version == 6 else "ip"
    return family, "saddr" if seen.is_return else "daddr", seen.aim


def by_hand(group: Group, _: str) -> Fix:
    """For a person, in the very chain, and in the language that it is written in."""
    seen, cause = group[0], group[0].cause
    if cause.tool == "nft":
        return _nft_fix(group)
    legacy = "-legacy" if (cause.tool or "").endswith("-legacy") else ""
    tool = f"{'ip6tables' if seen.version == 6 else 'iptables'}{legacy}"
    where = ("-t", cause.table or "filter", "-I", cause.chain or "FORWARD")
    lines = tuple(
        command(
            seen.case,
            seen.at,
            tool,
            *where,
            "-s" if each.is_return else "-d",
            each.aim,
            "-j",
            "ACCEPT",
        )
        for each in networks(group)
    )
    text = f"accept {aims(group)} before this rule, or narrow it; it is its writer's to decide"
    return Fix(text, commands=lines, opens=opens(group))


def started(case: Case, place: Place, *, again: bool = False) -> str:
    """How a person starts a guest: ``lxc start web``, or again: ``lxc restart web``."""
    return shlex.join(starting(case.snapshot.runtime, guest_of(place) or place, again=again))


def kept(case: Case, place: Place, key: str, value: str) -> str:
    """How a person sets a key of a guest: ``lxc config set web KEY=VALUE``."""
    return typed_key(case.snapshot.runtime, guest_of(place) or place, key, value)


def device_key(snapshot: Snapshot, instance: str, device: str, setting: str) -> str:
    """How a key of a guest's device is set; a device that only a profile has is copied with it."""
    known = snapshot.instance(instance)
    verb = "set" if known is not None and device in known.devices else "override"
    return shlex.join((client(snapshot), "config", "device", verb, instance, device, setting))


def evidence(seen: Seen) -> str:
    """The rule as its tool prints it, and where it stands."""
    cause = seen.cause
    where = " ".join(filter(None, (cause.tool or cause.family, cause.table, cause.chain)))
    rule = cause.rule or cause.text
    return f"`{rule}` ({where})" if where else f"`{rule}`"


def way_of(seen: Seen) -> str:
    return "answers from" if seen.is_return else "packets to"
