"""All faults, and pairs of them: on one path one behind the other, in both directions, and side by side."""

from tests.live.rows_asked import ASKED
from tests.live.rows_docker import DOCKER
from tests.live.rows_guest import GUEST
from tests.live.rows_lan import LAN_ROWS
from tests.live.rows_more import MORE
from tests.live.rows_rules import RULES
from tests.live.rows_ways import WAYS

ROWS = GUEST | RULES | WAYS | MORE | LAN_ROWS | DOCKER | ASKED
LONG = frozenset(
    (
        "an internal network",
        "a port of a routed network",
        "a port that is not published",
        "a network that was removed",
        "closed by homelab",
        "an isolated network",
        "a gateway mode that 20.10 does not know",
        "neighbours kept apart by 28.5",
        "two networks of one guest",
        "iptables of Docker off, and no forwarding",
        "containers with the address of their guest",
        "Docker's rules flushed",
        "a key that 20.10 does not know",
        "a guest without nesting",
        "a closed network that somebody opened",
        "a default route of another network in 20.10",
        "bridged frames in ip6tables",
        "answers of connections that the host never saw",
    )
)
DOUBLE = (
    ("no route on the router", "policy of FORWARD"),
    ("no route on the host", "DOCKER-USER of 20.10"),
    ("forwarding off in the host", "guest forwarding off"),
    ("forwarding off in the router", "guest forwarding off on the link"),
    ("policy of the host", "DOCKER-USER of 26.1"),
    ("iptables of the host", "policy of FORWARD"),
    ("no IPv6 route on the host", "policy of the IPv6 FORWARD"),
    ("no IPv6 route on the router", "FORWARD of IPv6"),
    ("forwarding off in the host in IPv6", "guest forwarding off in IPv6"),
    ("forwarding off in the router in IPv6", "policy of the host in IPv6"),
    ("a blackhole on the host", "DOCKER-USER of 26.1"),
    ("nft of the host", "nft ip with a set"),
)
