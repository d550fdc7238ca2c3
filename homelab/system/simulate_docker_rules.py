"""What dockerd writes into iptables for a network and for a container on it, by its generation.

Learned from iptables-save of the engines 20.10, 26.1, 28.5 and 29.7, whose chains tell the generation:
DOCKER-FORWARD came with 28, and DOCKER-INTERNAL took the place of the isolation stages with 29.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from homelab.errors import OperationError
from homelab.model.docker import DockerNetwork, PublishedPort
from homelab.model.kernel import Namespace
from homelab.model.place import Address, Network
from homelab.system.saved_rules import SavedTable, empty_table, tables, with_table
from homelab.system.simulate_places import EVERYWHERE, with_rules
from homelab.system.simulate_rules import Command, command, obey

Lines: TypeAlias = Iterator[tuple[str, str]]
"""A table, and one command of a script."""

TOOLS = {4: ("iptables-nft", "iptables-legacy"), 6: ("ip6tables-nft", "ip6tables-legacy")}
_BRIDGE = "com.docker.network.bridge."
_ISOLATION = "DOCKER-ISOLATION-STAGE-1"
_REPLIES = "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"


@dataclass(frozen=True, slots=True)
class Bridge:
    """A network as the rules of one family see it; daemons up to 27 ignore its gateway mode."""

    name: str
    subnet: Network
    network: DockerNetwork
    ignores_mode: bool = False

    @property
    def mode(self) -> str:
        option = f"{_BRIDGE}gateway_mode_ipv{self.subnet.version}"
        return "nat" if self.ignores_mode else self.network.options.get(option) or "nat"

    @property
    def trusted(self) -> tuple[str, ...]:
        """Links of the guest from which direct access is let through (28 and later)."""
        links = self.network.options.get(f"{_BRIDGE}trusted_host_interfaces", "")
        return tuple(each for each in links.split(":") if each)

    @property
    def masquerades(self) -> bool:
        return self._option("enable_ip_masquerade") and not self.network.internal

    @property
    def is_routed(self) -> bool:
        return self.mode == "routed"

    @property
    def talks_within(self) -> bool:
        return self._option("enable_icc")

    def _option(self, name: str) -> bool:
        return self.network.options.get(f"{_BRIDGE}{name}", "true") != "false"


def add_network(namespace: Namespace, bridge: Bridge) -> Namespace:
    return _changed(namespace, bridge, lambda filters: network_lines(filters, bridge))


def isolate_in_ipv6(namespace: Namespace, network: DockerNetwork) -> Namespace:
    """Up to 27 dockerd isolates a network in ip6tables also when it has no IPv6."""
    tool = tool_in_use(namespace, 6)
    if tool is None or network.ipv6 or network.internal:
        return namespace
    return with_rules(namespace, tool, lambda text: _obeyed(text, partial(_stages, network)))


def _stages(network: DockerNetwork, filters: SavedTable) -> Lines:
    if not is_since_28(filters):
        bridge = Bridge(network.bridge, EVERYWHERE[6], network, ignores_mode=True)
        yield from _isolation(filters, bridge)


def remove_network(namespace: Namespace, link: str) -> Namespace:
    """Every rule that names the bridge goes."""
    for tool in (*TOOLS[4], *TOOLS[6]):
        namespace = with_rules(namespace, tool, lambda text: _without_link(text, link))
    return namespace


def add_endpoint(
    namespace: Namespace, bridge: Bridge, address: Address, ports: tuple[PublishedPort, ...]
) -> Namespace:
    return _changed(
        namespace, bridge, lambda filters: endpoint_lines(filters, bridge, address, ports)
    )


def remove_endpoint(namespace: Namespace, bridge: Bridge, address: Address) -> Namespace:
    """Every rule that names the container's address goes."""
    for tool in TOOLS[bridge.subnet.version]:
        namespace = with_rules(namespace, tool, lambda text: _without_address(text, address))
    return namespace


def tool_in_use(namespace: Namespace, family: int) -> str | None:
    """The variant that holds Docker's chains; None when dockerd writes no iptables."""
    for each in namespace.rulesets:
        if each.tool in TOOLS[family]:
            table = tables(each.text).get("filter")
            if table and "DOCKER" in table.chains:
                return each.tool
    return None


def network_lines(filters: SavedTable, bridge: Bridge) -> Lines:
    """What dockerd runs when it makes the network."""
    if is_since_28(filters):
        yield from _forward_since_28(bridge)
    else:
        bridge = replace(bridge, ignores_mode=True)
        yield from _forward_until_27(filters, bridge)
    yield from _isolation(filters, bridge)
    if bridge.masquerades and _ISOLATION in filters.chains:
        yield "nat", f"-I DOCKER -i {bridge.name} -j RETURN"
    if bridge.masquerades and not bridge.is_routed:
        yield "nat", f"-I POSTROUTING -s {bridge.subnet} ! -o {bridge.name} -j MASQUERADE"


def is_since_28(filters: SavedTable) -> bool:
    return "DOCKER-FORWARD" in filters.chains


def _forward_until_27(filters: SavedTable, bridge: Bridge) -> Lines:
    """The newest network stands first, behind the two jumps that are put in front again."""
    name = bridge.name
    there = {each.spec for each in filters.of("FORWARD")}
    # 20.10 makes no jump to DOCKER-USER in ip6tables.
    jumps = [each for each in (_ISOLATION, "DOCKER-USER") if f"-j {each}" in there]
    for jump in jumps:
        yield "filter", f"-D FORWARD -j {jump}"
    if bridge.talks_within:
        yield "filter", f"-I FORWARD -i {name} -o {name} -j ACCEPT"
    else:
        yield "filter", f"-A FORWARD -i {name} -o {name} -j DROP"
    if not bridge.network.internal:
        yield "filter", f"-I FORWARD -i {name} ! -o {name} -j ACCEPT"
        yield "filter", f"-I FORWARD -o {name} -j DOCKER"
        yield "filter", f"-I FORWARD -o {name} {_REPLIES}"
    for jump in jumps:
        yield "filter", f"-I FORWARD -j {jump}"


def _forward_since_28(bridge: Bridge) -> Lines:
    name = bridge.name
    within = "ACCEPT" if bridge.talks_within else "DROP"
    if bridge.network.internal:
        yield "filter", f"-A DOCKER-FORWARD -i {name} -o {name} -j {within}"
        return
    if bridge.is_routed:
        icmp = "icmp" if bridge.subnet.version == 4 else "ipv6-icmp"
        yield "filter", f"-A DOCKER -o {name} -p {icmp} -j ACCEPT"
    fate = "ACCEPT" if bridge.mode == "nat-unprotected" else "DROP"
    yield "filter", f"-A DOCKER ! -i {name} -o {name} -j {fate}"
    yield "filter", f"-A DOCKER-BRIDGE -o {name} -j DOCKER"
    yield "filter", f"-A DOCKER-CT -o {name} {_REPLIES}"
    if bridge.talks_within:
        yield "filter", f"-A DOCKER-FORWARD -i {name} -j ACCEPT"
        return
    yield "filter", f"-A DOCKER-FORWARD -i {name} -o {name} -j DROP"
    yield "filter", f"-A DOCKER-FORWARD -i {name} ! -o {name} -j ACCEPT"


def _isolation(filters: SavedTable, bridge: Bridge) -> Lines:
    name, subnet = bridge.name, bridge.subnet
    staged = _ISOLATION in filters.chains
    if bridge.network.internal:
        front = f"-I {_ISOLATION}" if staged else "-A DOCKER-INTERNAL"
        yield "filter", f"{front} ! -d {subnet} -i {name} -j DROP"
        yield "filter", f"{front} ! -s {subnet} -o {name} -j DROP"
    elif staged:
        at_end = "-A" if is_since_28(filters) else "-I"
        away = f"{_ISOLATION} -i {name} ! -o {name} -j DOCKER-ISOLATION-STAGE-2"
        yield "filter", f"{at_end} {away}"
        yield "filter", f"-I DOCKER-ISOLATION-STAGE-2 -o {name} -j DROP"
        if bridge.is_routed:
            yield "filter", f"-I {_ISOLATION} -o {name} -j RETURN"
            yield "filter", f"-I {_ISOLATION} -i {name} {_REPLIES}"


def endpoint_lines(
    filters: SavedTable, bridge: Bridge, address: Address, ports: tuple[PublishedPort, ...]
) -> Lines:
    """What dockerd runs when a container comes to the network."""
    alone = f"{address}/{address.max_prefixlen}"
    if is_since_28(filters):
        yield from _direct_access(bridge, alone)
    else:
        bridge = replace(bridge, ignores_mode=True)
        yield from _hairpins(alone, ports)
    front = "-I" if is_since_28(filters) else "-A"
    not_local = "! -s fe80::/10 " if is_since_28(filters) and address.version == 6 else ""
    for each in ports:
        if bridge.mode != "nat-unprotected":
            match = f"-d {alone} ! -i {bridge.name} -o {bridge.name} {_to_port(each)}"
            yield "filter", f"{front} DOCKER {match} -j ACCEPT"
        if each.host_port and not bridge.is_routed:
            match = f"{not_local}{_to_host(each)}! -i {bridge.name}"
            yield "nat", f"-A DOCKER {match} {_translation(each, address)}"


def _direct_access(bridge: Bridge, alone: str) -> Lines:
    if bridge.mode == "nat" and not bridge.network.internal:
        for each in bridge.trusted:
            yield "raw", f"-A PREROUTING -d {alone} -i {each} -j ACCEPT"
        yield "raw", f"-A PREROUTING -d {alone} ! -i {bridge.name} -j DROP"


def _hairpins(alone: str, ports: tuple[PublishedPort, ...]) -> Lines:
    for each in ports:
        yield "nat", f"-A POSTROUTING -s {alone} -d {alone} {_to_port(each)} -j MASQUERADE"


def _to_port(port: PublishedPort) -> str:
    return f"-p {port.protocol} -m {port.protocol} --dport {port.container_port}"


def _to_host(port: PublishedPort) -> str:
    if port.host_address in ("", "0.0.0.0", "::"):  # noqa: S104 - Docker's word for all addresses
        return ""
    return f"-d {port.host_address}/{128 if ':' in port.host_address else 32} "


def _translation(port: PublishedPort, address: Address) -> str:
    to = f"[{address}]" if address.version == 6 else str(address)
    match = f"-p {port.protocol} -m {port.protocol} --dport {port.host_port}"
    return f"{match} -j DNAT --to-destination {to}:{port.container_port}"


def _changed(
    namespace: Namespace, bridge: Bridge, lines: Callable[[SavedTable], Lines]
) -> Namespace:
    tool = tool_in_use(namespace, bridge.subnet.version)
    if tool is None:
        return namespace
    return with_rules(namespace, tool, lambda text: _obeyed(text, lines))


def _obeyed(text: str, lines: Callable[[SavedTable], Lines]) -> str:
    for name, line in lines(tables(text)["filter"]):
        table = tables(text).get(name, empty_table(name))
        text = with_table(text, _tried(table, command(line)))
    return text


def _tried(table: SavedTable, wanted: Command) -> SavedTable:
    """Dockerd goes on when a rule that it takes out is not there, or a chain of its own."""
    try:
        return obey(table, wanted)
    except OperationError:
        return table


def _without_link(text: str, link: str) -> str:
    return _filtered(text, lambda words: link not in words)


def _without_address(text: str, address: Address) -> str:
    alone = f"{address}/{address.max_prefixlen}"
    to = f"[{address}]:" if address.version == 6 else f"{address}:"
    return _filtered(
        text, lambda words: alone not in words and not any(each.startswith(to) for each in words)
    )


def _filtered(text: str, stays: Callable[[list[str]], bool]) -> str:
    """The save without those of Docker's rules that do not stay."""
    for table in tables(text).values():
        kept = tuple(
            each for each in table.rules if not _is_docker(each.chain) or stays(each.spec.split())
        )
        if kept != table.rules:
            text = with_table(text, replace(table, rules=kept))
    return text


def _is_docker(chain: str) -> bool:
    shared = ("FORWARD", "PREROUTING", "POSTROUTING")
    return chain in shared or (chain.startswith("DOCKER") and chain != "DOCKER-USER")
