"""The network is in gateway mode `routed`, which lets in ping and published ports, and nothing else.

Seen as: ping works and other ports of the same container are silent.

Look, in the guest:

    docker network inspect NETWORK      # com.docker.network.bridge.gateway_mode_ipv4: routed
    iptables-save -t filter             # -A DOCKER ! -i br-… -o br-… -j DROP

Why: `routed` means "no NAT", not "no filter". Docker still wants each port named with `-p`, though the
host's side of it is not used. Measured with 28.5 and 29.7: ping yes, unpublished ports no; the containers'
own source addresses stay.

Fix: for a network of homelab's own, `homelab apply --yes` makes it anew in gateway mode `nat-unprotected`
(with `enable_ip_masquerade=false` where egress is routed, which keeps the source as `routed` does).
For another network an accept of the subnet goes into DOCKER-USER. Or publish the port:

    docker run -p 5432 …

Opens: every port of every container of that subnet, for whoever has a route to it; publishing
opens the one port.

Undo: `homelab destroy`; rules in the guest also vanish with its next restart.
"""

from homelab.checks.advice import docker_fix, evidence
from homelab.checks.docker_unpublished_port_drop import is_port_drop
from homelab.checks.fault import Fault, Told, by_network
from homelab.checks.lab import gateway_mode
from homelab.checks.seen import Group, Seen

CODE = "docker-gateway-mode-routed-ports"


def claims(seen: Seen) -> bool:
    return is_port_drop(seen) and gateway_mode(seen.network, seen.version) == "routed"


def tells(group: Group) -> Told:
    seen = group[0]
    return Told(
        f"{seen.at}: {seen.judgement.name.network} is in gateway mode routed, which lets in ping and "
        f"published ports only, {evidence(seen)}; {seen.trace.target} is not published",
        docker_fix(group, CODE),
    )


FAULT = Fault(
    CODE,
    "gateway mode routed opens published ports only",
    __doc__,
    claims,
    tells,
    by_network,
)
