"""A network bears a gateway mode that its Docker release does not know, so it has no effect.

Seen as: `docker network inspect` shows the option, and the network behaves as if it were not there.

Look, in the guest:

    docker version
    docker network inspect NETWORK      # com.docker.network.bridge.gateway_mode_ipv4

Why: Docker stores options of a network that it does not know, and ignores them, without a word. Mode
`routed` came with Engine 27.0 (moby 47871), `nat-unprotected` and `isolated` with 28.0 (moby 48597, 49262). Measured: 20.10 and 26.1 treat
networks with either exactly like networks with none.

Fix: a newer Docker, and the network made anew by it; or what older releases need instead, an accept
in DOCKER-USER, which `homelab apply` puts there for declared networks and `homelab diagnose --fix`
where a packet is dropped.

Opens: nothing by itself.

Undo: nothing to undo.
"""

from collections.abc import Iterator

from homelab.checks.fault import Fault
from homelab.checks.lab import GATEWAY_MODE
from homelab.model.docker import Daemon, DockerNetwork
from homelab.model.finding import Case, Finding, Fix, Judgement

CODE = "docker-gateway-mode-ignored"
SINCE = {"routed": 27, "isolated": 28, "nat-unprotected": 28}


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


FAULT = Fault(CODE, "a gateway mode has no effect", __doc__, sees=sees)
