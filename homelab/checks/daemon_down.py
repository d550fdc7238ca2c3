"""The guest's Docker daemon does not answer.

Seen as: `docker ps` hangs or says that it cannot connect; after a restart of the guest, containers and the
bridges of their networks are missing.

Look, in the guest:

    systemctl status docker
    journalctl -u docker -n 50

Why: dockerd is not started, has crashed, or refuses to start. It refuses for a key in
`/etc/docker/daemon.json` that its release does not know; with `firewall-backend: nftables` while
`net.ipv4.ip_forward` is 0 (measured with 29.7); and in LXC without nesting. A daemon that is up and does
not answer in time is named here too: it may be busy, or wait for a disk.

What its containers do cannot be asked, so nothing is concluded about them: containers may well run on
while their daemon is down, with `live-restore`.

Fix: start it, and read its log if it does not stay up.

    systemctl start docker

Opens: the ports that its containers publish.

Undo: stop it again.
"""

from collections.abc import Iterator

from homelab.checks.daemon_unknown_key import unknown_keys
from homelab.checks.docker_nft_backend_forwarding import waits_for_forwarding
from homelab.checks.fault import Fault
from homelab.checks.lab import command, judged_names
from homelab.checks.silence import severity, silent
from homelab.model.docker import DaemonFile
from homelab.model.finding import Case, Finding, Fix
from homelab.model.place import Place

CODE = "daemon-down"


def sees(case: Case) -> Iterator[Finding]:
    for place, reason in silent(case):
        if not unknown_keys(case, place) and not waits_for_forwarding(case, place):
            yield _finding(case, place, reason)


def _finding(case: Case, place: Place, reason: str) -> Finding:
    said = case.snapshot.daemon_files.get(place, DaemonFile()).refusal
    told = f"; it said: {said}" if said else ""
    return Finding(
        CODE,
        severity(case, place),
        place,
        f"{place}: its Docker daemon cannot be asked, {reason}{told}; what its containers do is not known",
        fix=Fix(
            f"start Docker in {place}, and read its log if it does not stay up",
            commands=(
                command(case, place, "systemctl", "start", "docker"),
                command(case, place, "journalctl", "-u", "docker", "-n", "50"),
            ),
        ),
        affects=judged_names(case, place),
    )


FAULT = Fault(CODE, "a Docker daemon does not answer", __doc__, sees=sees)
