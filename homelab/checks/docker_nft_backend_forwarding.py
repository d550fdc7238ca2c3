"""Docker with the nftables backend does not start, because the guest does not forward.

Seen as: after `firewall-backend: nftables` the daemon works until the guest is restarted, and then stays down.

Look, in the guest:

    sysctl net.ipv4.ip_forward
    grep firewall-backend /etc/docker/daemon.json
    journalctl -u docker -n 50

Why: with iptables dockerd switches `net.ipv4.ip_forward` on by itself, and protects the machine by a policy in FORWARD.
With nftables it does neither, and refuses to start unless forwarding is on already. Measured with 29.7.

Fix: forwarding before dockerd. In LXD and Incus the key belongs into the guest's configuration, where it is set at
each start of the guest; `homelab apply` writes it there.

    lxc config set NAME linux.sysctl.net.ipv4.ip_forward=1
    sysctl -w net.ipv4.ip_forward=1
    systemctl start docker

Opens: whatever the guest's firewall lets through: the guest then forwards for everyone.

Undo: unset the key, and restart the guest.
"""

from collections.abc import Iterator

from homelab.checks.advice import kept
from homelab.checks.fault import Fault
from homelab.checks.lab import command, judged_names
from homelab.checks.silence import severity, silent
from homelab.model.finding import Case, Finding, Fix
from homelab.model.place import Place

CODE = "docker-nft-backend-forwarding"
KEYS = ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding")


def waits_for_forwarding(case: Case, place: Place) -> str | None:
    """The key that keeps a daemon with the nftables backend from starting."""
    file, here = case.snapshot.daemon_files.get(place), case.snapshot.namespace(place)
    if file is None or here is None or file.values.get("firewall-backend") != "nftables":
        return None
    if file.values.get("ip-forward") == "false":
        return None
    six = "ipv6" in file.refusal.casefold()
    keys = KEYS if six else KEYS[:1]
    return next((each for each in keys if here.sysctls.get(each) == "0"), None)


def sees(case: Case) -> Iterator[Finding]:
    for place, _ in silent(case):
        key = waits_for_forwarding(case, place)
        if key is not None:
            yield _finding(case, place, key)


def _finding(case: Case, place: Place, key: str) -> Finding:
    is_guest = place.startswith("guest:")
    before = (kept(case, place, f"linux.sysctl.{key}", "1"),) if is_guest else ()
    return Finding(
        CODE,
        severity(case, place),
        place,
        f"{place}: its Docker daemon uses nftables and does not start while {key} is 0",
        fix=Fix(
            f"set {key}=1 in {place} before dockerd starts",
            commands=(
                *before,
                command(case, place, "sysctl", "-w", f"{key}=1"),
                command(case, place, "systemctl", "start", "docker"),
            ),
        ),
        affects=judged_names(case, place),
    )


FAULT = Fault(CODE, "Docker with nftables waits for forwarding", __doc__, sees=sees)
