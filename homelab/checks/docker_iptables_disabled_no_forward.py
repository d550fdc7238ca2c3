"""Docker was told to leave iptables alone, and nobody else lets the guest forward.

Seen as: the guest has no rule of Docker's at all, published ports included, and drops what it should
forward.

Look, in the guest:

    cat /etc/docker/daemon.json         # "iptables": false
    sysctl net.ipv4.ip_forward
    iptables-save | grep -e FORWARD -e DOCKER

Why: with `"iptables": false` dockerd writes no rule and, depending on its release, also leaves `ip_forward` as it
finds it. A guest then forwards only if something else sets it, and a policy DROP that somebody
else set has no exception for containers. Where nothing drops, such a guest is the simplest of all: measured with
20.10, 26.1, 28.5 and 29.7, every port of every container answers.

Fix: forwarding on (`homelab apply` keeps it over a restart), or our accept for the subnet in FORWARD in
front of the policy, for both directions. Nothing is changed in `daemon.json`.

Opens: every port of every container of that subnet, for whoever has a route to it.

Undo: `homelab destroy`.
"""

from homelab.checks.advice import accept_fix, evidence, sysctl_fix
from homelab.checks.fault import Fault, Told
from homelab.checks.rules import has_docker_rules
from homelab.checks.seen import Group, Seen, aims

CODE = "docker-iptables-disabled-no-forward"


def claims(seen: Seen) -> bool:
    key = seen.cause.key or ""
    refuses = seen.by_forward_policy or key.endswith(("ip_forward", ".forwarding"))
    here = seen.daemon is not None and seen.at == seen.place
    return refuses and here and (_is_told_so(seen) or _writes_nothing(seen))


def _is_told_so(seen: Seen) -> bool:
    file = seen.snapshot.daemon_files.get(seen.place)
    return file is not None and file.values.get("iptables") == "false"


def _writes_nothing(seen: Seen) -> bool:
    """Where the file was not read, rules without any of Docker's tell."""
    here = seen.here
    if here is None or not here.rulesets:
        return False
    unread = any("tables" in each or each.startswith("nft") for each in here.unread)
    return not unread and not has_docker_rules(here)


def tells(group: Group) -> Told:
    seen = group[0]
    key = seen.cause.key
    why = f"{key} is 0" if key else f"policy {evidence(seen)}"
    return Told(
        f"{seen.at}: Docker writes no firewall rule here, and nobody lets {aims(group)} be forwarded, {why}",
        sysctl_fix(seen, key, "1") if key else accept_fix(group, CODE),
    )


FAULT = Fault(CODE, "Docker leaves iptables alone, and nobody forwards", __doc__, claims, tells)
