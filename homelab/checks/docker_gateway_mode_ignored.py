"""A network bears a gateway mode that its Docker release does not know, so it has no effect.

Seen as: `docker network inspect` shows the option, and the network behaves as if it were not there: what the mode
would let in is dropped by the policy of FORWARD.

Look, in the guest:

    docker version
    docker network inspect NETWORK      # com.docker.network.bridge.gateway_mode_ipv4

Why: Docker stores options of a network that it does not know, and ignores them, without a word. Mode
`routed` came with Engine 27.0 (moby 47871), `nat-unprotected` and `isolated` with 28.0 (moby 48597, 49262). Measured: 20.10 and 26.1 treat
networks with either exactly like networks with none.

Fix: a newer Docker, and the network made anew by it; or what older releases need instead, an accept
in DOCKER-USER, which `homelab apply` puts there for declared networks and `homelab diagnose --fix`
where a packet is dropped.

Opens: every port of every container of that subnet, for whoever has a route to it.

Undo: `homelab destroy`; rules in the guest also vanish with its next restart.
"""

from collections.abc import Iterator

from homelab.checks.advice import accept_fix, evidence
from homelab.checks.fault import Fault, Told, by_network
from homelab.checks.lab import GATEWAY_MODE, gateway_mode
from homelab.checks.seen import Group, Seen
from homelab.model.docker import Daemon, DockerNetwork
from homelab.model.finding import Case, Finding, Fix, Judgement

CODE = "docker-gateway-mode-ignored"
SINCE = {"routed": 27, "isolated": 28, "nat-unprotected": 28}


def claims(seen: Seen) -> bool:
    """The policy keeps out what the mode was meant to let in."""
    return seen.in_guest and seen.by_forward_policy and _since(seen) is not None


def _since(seen: Seen) -> int | None:
    """The release that the mode of the judged network came with, if this daemon is older."""
    since = SINCE.get(gateway_mode(seen.network, seen.version), 0)
    major = seen.daemon.major if seen.daemon else 0
    return since if seen.at == seen.place and 0 < major < since else None


def tells(group: Group) -> Told:
    seen = group[0]
    mode, version = (
        gateway_mode(seen.network, seen.version),
        seen.daemon.version if seen.daemon else "",
    )
    return Told(
        f"{seen.at}: {seen.judgement.name.network} has gateway mode {mode}, which Docker {version} stores and "
        f"ignores (it came with Docker {_since(seen)}), and no rule accepts {seen.aim}, policy {evidence(seen)}",
        accept_fix(group, CODE),
    )


def sees(case: Case) -> Iterator[Finding]:
    for each in case.judgements:
        daemon = case.snapshot.daemons.get(each.place)
        for network in daemon.networks if daemon else ():
            if daemon and network.name == each.name.network:
                yield from _ignored(each, daemon, network)


def _ignored(judgement: Judgement, daemon: Daemon, network: DockerNetwork) -> Iterator[Finding]:
    modes = {value for key, value in network.options.items() if key.startswith(GATEWAY_MODE)}
    for mode in sorted(modes):
        since = SINCE.get(mode, 0)
        if 0 < daemon.major < since:
            yield Finding(
                CODE,
                "warning",
                judgement.place,
                f"{judgement.place}: {network.name} has gateway mode {mode}, which Docker {daemon.version} "
                f"stores and ignores; it came with Docker {since}",
                fix=Fix(f"Docker {since} or newer, or an accept in DOCKER-USER"),
                affects=(judgement.name,),
            )


FAULT = Fault(CODE, "a gateway mode has no effect", __doc__, claims, tells, by_network, sees)
