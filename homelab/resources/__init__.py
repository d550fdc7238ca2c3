"""The kinds of things homelab owns, in the order in which they are built."""

from homelab.model.resource import Kinds
from homelab.resources.adopted_network import AdoptedNetwork
from homelab.resources.bridge_port import BridgePort
from homelab.resources.card import Card
from homelab.resources.docker_network import GuestNetwork
from homelab.resources.filter_rule import OpenFilter
from homelab.resources.forwarding import Forwarding
from homelab.resources.guest_address import GuestAddress
from homelab.resources.host_link import HostLink
from homelab.resources.host_route import HostRoute
from homelab.resources.ingress_filter import GuardedNetwork
from homelab.resources.instance import GuestSetting
from homelab.resources.kept_filter import FilterAtStart
from homelab.resources.kept_route import RouteAtBoot
from homelab.resources.router_route import RouterRoute

KINDS: Kinds = (
    Card,
    HostLink,
    BridgePort,
    GuestSetting,
    GuestAddress,
    Forwarding,
    GuardedNetwork,
    FilterAtStart,
    AdoptedNetwork,
    GuestNetwork,
    OpenFilter,
    HostRoute,
    RouterRoute,
    RouteAtBoot,
)
