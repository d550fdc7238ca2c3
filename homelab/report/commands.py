"""Each operation as the command a person could have typed, on the host, as root."""

import shlex
from collections.abc import Iterator
from dataclasses import replace
from typing import TypeAlias, assert_never

from homelab.model import lxc
from homelab.model import operation as op
from homelab.model.docker import Attachment, DockerNetwork
from homelab.model.inverse import inverse
from homelab.model.kernel import MAIN, Route
from homelab.model.place import HOST, Place
from homelab.model.snapshot import Snapshot
from homelab.model.wires import card_words, link_words, port_words

Kernel: TypeAlias = (
    op.AddRoute
    | op.DeleteRoute
    | op.MarkRoute
    | op.ForgetConnections
    | op.SetSysctl
    | op.KeepSysctl
    | op.ForgetSysctl
    | op.KeepRoute
    | op.ForgetRoute
    | op.KeepFilter
    | op.ForgetFilter
)


def commands(operation: op.Operation, snapshot: Snapshot) -> tuple[str, ...]:
    """Shell commands that do what the operation does, quoted, to be typed on the host."""
    client = lxc.client(snapshot.runtime.name if snapshot.runtime else "")
    place = snapshot.resolve(operation.place)
    return tuple(_enter(place, snapshot, client, words) for words in _words(operation, client))


def undo_commands(operations: tuple[op.Operation, ...], snapshot: Snapshot) -> tuple[str, ...]:
    """The commands of the way back, last first."""
    backwards = (back for each in reversed(operations) for back in inverse(each))
    return tuple(line for each in backwards for line in commands(each, snapshot))


def _enter(place: Place, snapshot: Snapshot, client: str, words: list[str]) -> str:
    """Words that start with the LXD client, or a comment, are typed on the host as they stand."""
    line = shlex.join(words)
    if words[0] in (client, "#") or place == HOST:
        return line if words[0] != "#" else " ".join(words)
    kind, _, name = place.partition(":")
    if kind == "guest":
        return f"{shlex.join(lxc.entering(snapshot.runtime, name))} {line}"
    if kind == "container":
        inside, _, app = name.partition("/")
        entrance = shlex.join(lxc.entering(snapshot.runtime, inside))
        return f"{entrance} docker exec {shlex.quote(app)} {line}"
    named = next((alias for alias, real in snapshot.aliases.items() if real == place), place)
    if named.startswith("netns:"):
        return f"ip netns exec {shlex.quote(named.removeprefix('netns:'))} {line}"
    _, _, host = place.partition("@")
    return f"ssh {shlex.quote(host or place)} {shlex.quote(line)}"


def _words(operation: op.Operation, client: str) -> Iterator[list[str]]:
    match operation:
        case (
            op.AddRoute()
            | op.DeleteRoute()
            | op.MarkRoute()
            | op.ForgetConnections()
            | op.SetSysctl()
            | op.KeepSysctl()
            | op.ForgetSysctl()
            | op.KeepRoute()
            | op.ForgetRoute()
            | op.KeepFilter()
            | op.ForgetFilter()
        ):
            yield from _kernel_words(operation)
        case op.AddFilterRule() | op.DeleteFilterRule():
            yield from _filter_words(operation)
        case op.SetIngressFilter() | op.DeleteIngressFilter():
            yield from _ingress_words(operation)
        case op.SetOwnedLink(_, link, was):
            yield from link_words(link, was)
        case op.SetPort(_, port, before):
            yield from port_words(port, before)
        case op.SetCard(_, card, earlier):
            yield from card_words(card, earlier)
        case op.SetInstanceConfig() | op.SetInstanceDevice() | op.RestartInstance():
            yield from _instance_words(operation, client)
        case (
            op.CreateDockerNetwork()
            | op.RemoveDockerNetwork()
            | op.ConnectContainer()
            | op.DisconnectContainer()
            | op.StartContainer()
        ):
            yield _docker_words(operation)
        case _:
            assert_never(operation)


def _kernel_words(operation: Kernel) -> Iterator[list[str]]:
    match operation:
        case op.AddRoute(_, route):
            yield ["ip", *_family(route), "route", "add", *_route(route)]
        case op.DeleteRoute(_, route):
            yield ["ip", *_family(route), "route", "del", *_route(route)]
        case op.MarkRoute(_, route, protocol):
            yield [
                "ip",
                *_family(route),
                "route",
                "change",
                *_route(replace(route, protocol=protocol)),
            ]
        case op.ForgetConnections(_, addresses):
            for each in addresses:
                yield ["conntrack", "-D", "-s", str(each)]
                yield ["conntrack", "-D", "-d", str(each)]
        case op.SetSysctl(_, key, value):
            yield ["sysctl", "-w", f"{key}={value}"]
        case _:
            yield ["#", _in_file(operation)]


def _in_file(
    operation: op.KeepSysctl
    | op.ForgetSysctl
    | op.KeepRoute
    | op.ForgetRoute
    | op.KeepFilter
    | op.ForgetFilter,
) -> str:
    match operation:
        case op.KeepSysctl(_, key, value):
            return f"keep {key}={value} in /etc/sysctl.d/60-homelab.conf"
        case op.ForgetSysctl(_, key):
            return f"take {key} out of /etc/sysctl.d/60-homelab.conf"
        case op.KeepRoute(place, route):
            return f"{place}: keep the route to {route.destination} in {route.file}"
        case op.ForgetRoute(place, route):
            return f"{place}: take the route to {route.destination} out of {route.file}"
        case op.KeepFilter(place, wanted):
            return f"keep the filter {wanted.chain} for each start of {place}"
        case op.ForgetFilter(place, wanted):
            return f"keep the filter {wanted.chain} no longer for the starts of {place}"
        case _:
            assert_never(operation)


def _family(route: Route) -> list[str]:
    return ["-6"] if route.destination.version == 6 else []


def _route(route: Route) -> list[str]:
    words = [str(route.destination)]
    for hop in route.hops:
        words += ["via", str(hop.via)] if hop.via else []
        words += ["dev", hop.link] if hop.link else []
    words += ["proto", route.protocol]
    words += ["metric", str(route.metric)] if route.metric else []
    return words + (["table", str(route.table)] if route.table != MAIN else [])


def _filter_words(operation: op.AddFilterRule | op.DeleteFilterRule) -> Iterator[list[str]]:
    rule = operation.rule
    table = [rule.tool, "-w", "-t", rule.table]
    source = ["-s", str(rule.source)] if rule.source else []
    target = ["-d", str(rule.destination)] if rule.destination else []
    comment = ["-m", "comment", "--comment", f"homelab:{rule.mark}"]
    match = [*source, *target, *comment, "-j", "ACCEPT"]
    if isinstance(operation, op.DeleteFilterRule):
        yield [*table, "-D", "HOMELAB", *match]
        return
    yield [*table, "-N", "HOMELAB"]
    yield [*table, "-I", rule.parent, "-j", "HOMELAB"]
    yield [*table, "-A", "HOMELAB", *match]


def _ingress_words(
    operation: op.SetIngressFilter | op.DeleteIngressFilter,
) -> Iterator[list[str]]:
    chain = operation.filter.chain
    if isinstance(operation, op.DeleteIngressFilter):
        yield ["nft", "delete", "chain", "inet", "homelab", chain]
        return
    hook = "{ type filter hook forward priority filter - 10; policy accept; }"
    who = ", ".join(str(each.source) for each in operation.filter.entries) or "nobody"
    yield ["nft", "add", "table", "inet", "homelab"]
    yield ["nft", "add", "chain", "inet", "homelab", chain, hook]
    yield ["#", f"then accept replies and {who}, drop the rest to {operation.filter.bridge}"]


def _instance_words(
    operation: op.SetInstanceConfig | op.SetInstanceDevice | op.RestartInstance, client: str
) -> Iterator[list[str]]:
    name = operation.instance
    match operation:
        case op.RestartInstance():
            yield [client, "restart", name]
        case op.SetInstanceConfig():
            for key, value in operation.config.items():
                verb = "unset" if value is None else "set"
                yield [client, "config", verb, name, key if value is None else f"{key}={value}"]
        case op.SetInstanceDevice(config=None):
            yield [client, "config", "device", "remove", name, operation.device]
        case op.SetInstanceDevice():
            settings = [f"{key}={value}" for key, value in sorted((operation.config or {}).items())]
            verb = "set" if operation.was is not None else "override"
            yield [client, "config", "device", verb, name, operation.device, *settings]
        case _:
            assert_never(operation)


def _docker_words(
    operation: op.CreateDockerNetwork
    | op.RemoveDockerNetwork
    | op.ConnectContainer
    | op.DisconnectContainer
    | op.StartContainer,
) -> list[str]:
    match operation:
        case op.CreateDockerNetwork(_, network):
            return ["docker", "network", "create", *_network_words(network), network.name]
        case op.RemoveDockerNetwork(_, network):
            return ["docker", "network", "rm", network.name]
        case op.ConnectContainer(_, container, attachment):
            words = _attachment_words(attachment)
            return ["docker", "network", "connect", *words, attachment.network, container]
        case op.DisconnectContainer(_, container, attachment):
            return ["docker", "network", "disconnect", attachment.network, container]
        case op.StartContainer(_, container):
            return ["docker", "start", container]
        case _:
            assert_never(operation)


def _network_words(network: DockerNetwork) -> list[str]:
    words = ["--ipv6"] if network.ipv6 else []
    words += ["--internal"] if network.internal else []
    for each in network.subnets:
        words += ["--subnet", str(each.subnet)]
        words += ["--gateway", str(each.gateway)] if each.gateway else []
    for key, value in sorted(network.options.items()):
        words += ["-o", f"{key}={value}"]
    for key, value in sorted(network.labels.items()):
        words += ["--label", f"{key}={value}"]
    return words


def _attachment_words(attachment: Attachment) -> list[str]:
    words: list[str] = []
    if attachment.fixed_ipv4:
        words += ["--ip", str(attachment.fixed_ipv4)]
    if attachment.fixed_ipv6:
        words += ["--ip6", str(attachment.fixed_ipv6)]
    for alias in attachment.aliases:
        words += ["--alias", alias]
    return words
