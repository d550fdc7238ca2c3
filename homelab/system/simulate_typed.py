"""Commands that a person types on the host, carried out in memory: those of ip(8), sysctl, iptables, nft and Docker."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import TypeAlias

from homelab.errors import OperationError
from homelab.model.docker import Attachment
from homelab.model.kernel import MAIN, BridgeVlan, Namespace, NextHop, PolicyRule, Route
from homelab.model.operation import (
    AddRoute,
    ConnectContainer,
    DisconnectContainer,
    SetSysctl,
    StartContainer,
)
from homelab.model.place import HOST, ROUTER, Place, container, guest, guest_of, netns
from homelab.model.snapshot import Snapshot
from homelab.system import (
    simulate_containers,
    simulate_links,
    simulate_routes,
    simulate_sysctls,
    simulate_typed_nft,
)
from homelab.system.simulate_places import EVERYWHERE, namespace_of, with_namespace, with_rules
from homelab.system.simulate_rules import restored

Done: TypeAlias = Callable[[Snapshot], Snapshot]
Here: TypeAlias = Callable[[Namespace], Namespace]

KINDS = ("blackhole", "unreachable", "prohibit", "throw")
TOOLS = tuple(
    f"{name}{kind}" for name in ("iptables", "ip6tables") for kind in ("", "-nft", "-legacy")
)
CHANGED = ("-A", "-I", "-D")


def understood(line: str) -> Done | None:
    """What a command does to a lab; None for one of which that is not known."""
    try:
        place, words = _entered(HOST, tuple(shlex.split(line)))
        return _docker(place, words) or _link(place, words) or _within(place, _kernel(place, words))
    except ValueError:
        # Of shlex, ip_address and int: no such command would be taken either.
        return None


def _entered(place: Place, words: tuple[str, ...]) -> tuple[Place, tuple[str, ...]]:
    """The place in which the rest is typed."""
    match words:
        case ("lxc" | "incus", "exec", name, "--", *rest) if place == HOST:
            return _entered(guest(name), tuple(rest))
        case ("pct", "exec", name, "--", *rest) | ("lxc-attach", "-n", name, "--", *rest) if (
            place == HOST
        ):
            return _entered(guest(name), tuple(rest))
        case ("ip", "netns", "exec", name, *rest) if place == HOST:
            return netns(name), tuple(rest)
        case ("ssh", _, *rest) if place == HOST:
            return ROUTER, tuple(rest)
        case ("docker", "exec", name, *rest):
            return container(guest_of(place) or HOST, name), tuple(rest)
    return place, words


def _within(place: Place, change: Here | None) -> Done | None:
    if change is None:
        return None
    return lambda lab: with_namespace(lab, place, change(namespace_of(lab, place)))


def _kernel(place: Place, words: tuple[str, ...]) -> Here | None:
    match words:
        case ("ip", "-6", *rest):
            return _ip(place, tuple(rest), 6)
        case ("ip", *rest):
            return _ip(place, tuple(rest), 4)
        case ("bridge", "vlan", ("add" | "del") as verb, "dev", name, "vid", vid, *flags):
            return _vlan(name, int(vid), frozenset(flags), is_added=verb == "add")
        case ("sysctl", "-w", setting) if "=" in setting:
            key, _, value = setting.partition("=")
            return lambda here: simulate_sysctls.set_sysctl(here, SetSysctl(place, key, value, ""))
        case (tool, "-t", table, verb, chain, *spec) if tool in TOOLS and verb in CHANGED:
            return lambda here: _rule(here, tool, table, shlex.join((verb, chain, *spec)))
    return simulate_typed_nft.understood(words)


def _vlan(name: str, vid: int, flags: frozenset[str], *, is_added: bool) -> Here | None:
    if flags - {"pvid", "untagged", "self"}:
        return None
    row = BridgeVlan(vid, vid, pvid="pvid" in flags, untagged="untagged" in flags)
    return lambda here: simulate_links.with_vlan(here, name, row if is_added else None, vid)


def _ip(place: Place, words: tuple[str, ...], version: int) -> Here | None:
    match words:
        case ("link", "set", name, "type", "bridge", key, value):
            return lambda here: simulate_links.with_option(here, name, key, value)
        case ("route", verb, kind, to, *rest) if kind in KINDS:
            return _route(place, verb, _bare(to, kind, version), _said(rest))
        case ("route", verb, to, *rest):
            return _route(place, verb, _bare(to, "unicast", version), _said(rest))
        case ("rule", *rest):
            return _policy(tuple(rest), version)
    return None


def _policy(words: tuple[str, ...], version: int) -> Here | None:
    match words:
        case ("add", *rest):
            return _new_policy(_said(rest), version)
        case ("del", "priority", number):
            return lambda here: _without_policy(here, version, int(number))
    return None


def _said(words: Sequence[str]) -> dict[str, str]:
    """Each word with its value, as ip(8) takes them."""
    return dict(zip(words[::2], words[1::2], strict=True))


def _bare(to: str, kind: str, version: int) -> Route:
    destination = EVERYWHERE[version] if to == "default" else ip_network(to)
    return Route(destination, kind=kind)


def _route(place: Place, verb: str, bare: Route, said: Mapping[str, str]) -> Here | None:
    words = {"via", "dev", "proto", "table", "metric", "scope", "src"}
    if set(said) - words or verb not in ("add", "replace", "del"):
        return None
    via = ip_address(said["via"]) if "via" in said else None
    near = "link" if "dev" in said and via is None and bare.destination.version == 4 else "global"
    route = replace(
        bare,
        hops=(NextHop(via, said.get("dev")),) if via or "dev" in said else (),
        table=int(said.get("table", MAIN)),
        protocol=said.get("proto", "boot"),
        metric=int(said.get("metric", 0)),
        scope=said.get("scope", near),
        source=ip_address(said["src"]) if "src" in said else None,
    )
    return lambda here: _with_route(here, place, verb, route, is_named="proto" in said)


def _with_route(
    here: Namespace, place: Place, verb: str, route: Route, *, is_named: bool
) -> Namespace:
    if verb == "add":
        return simulate_routes.added(here, AddRoute(place, route))
    if verb == "del":
        meant = next((e for e in here.routes if _is_meant(e, route, is_named=is_named)), None)
        if meant is None:
            raise OperationError(f"{place}: no such route to {route.destination}")
        return replace(here, routes=tuple(each for each in here.routes if each is not meant))
    slot = (route.destination, route.table, simulate_routes.metric_of(route))
    kept = (e for e in here.routes if (e.destination, e.table, e.metric) != slot)
    return simulate_routes.added(replace(here, routes=tuple(kept)), AddRoute(place, route))


def _is_meant(found: Route, wanted: Route, *, is_named: bool) -> bool:
    """What is not said matches anything: `ip route del` takes the first (fib_table_delete)."""
    same = (found.destination, found.table, found.kind)
    return (
        same == (wanted.destination, wanted.table, wanted.kind)
        and wanted.via in (None, found.via)
        and wanted.link in (None, found.link)
        and wanted.metric in (0, found.metric)
        and (not is_named or wanted.protocol == found.protocol)
    )


def _new_policy(said: Mapping[str, str], version: int) -> Here | None:
    needed = {"lookup", "priority"}
    if set(said) - {"to", "from", *needed} or not needed <= set(said):
        return None
    table = MAIN if said["lookup"] == "main" else int(said["lookup"])
    rule = PolicyRule(
        int(said["priority"]),
        version,
        table=table,
        source=ip_network(said["from"]) if "from" in said else None,
        destination=ip_network(said["to"]) if "to" in said else None,
    )
    return lambda here: replace(here, rules=(*here.rules, rule))


def _without_policy(here: Namespace, version: int, priority: int) -> Namespace:
    gone = next((e for e in here.rules if (e.family, e.priority) == (version, priority)), None)
    if gone is None:
        raise OperationError(f"there is no ip rule {priority}")
    return replace(here, rules=tuple(each for each in here.rules if each is not gone))


def _rule(here: Namespace, tool: str, table: str, line: str) -> Namespace:
    """By the variant that is in use; which one a bare ``iptables`` is cannot be seen where both are."""
    if tool.endswith(("-nft", "-legacy")):
        return with_rules(here, tool, lambda text: restored(text, f"*{table}\n{line}\nCOMMIT\n"))
    used = [each.tool for each in here.rulesets if each.tool.startswith(f"{tool}-") and each.text]
    if len(used) > 1:
        raise OperationError(f"{' and '.join(used)} are both in use")
    script = f"*{table}\n{line}\nCOMMIT\n"
    return with_rules(here, used[0] if used else f"{tool}-nft", lambda text: restored(text, script))


def _link(place: Place, words: tuple[str, ...]) -> Done | None:
    match words:
        case ("ip", "link", "set", name, "up"):
            return lambda lab: simulate_links.with_link_up(lab, place, name)
    return None


def _docker(place: Place, words: tuple[str, ...]) -> Done | None:
    match words:
        case ("docker", "start", name):
            start = StartContainer(place, name)
            return lambda lab: simulate_containers.start(lab, start)
        case ("docker", "network", "disconnect", network, name):
            leave = DisconnectContainer(place, name, Attachment(network))
            return lambda lab: simulate_containers.disconnect(lab, leave)
        case ("docker", "network", "connect", *options, network, name):
            said = _said(options)
            if set(said) - {"--ip", "--ip6"}:
                return None
            asked = Attachment(
                network,
                fixed_ipv4=ip_address(said["--ip"]) if "--ip" in said else None,
                fixed_ipv6=ip_address(said["--ip6"]) if "--ip6" in said else None,
            )
            return lambda lab: simulate_containers.connect(
                lab, ConnectContainer(place, name, asked)
            )
    return None
