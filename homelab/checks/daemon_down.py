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

from homelab.checks.fault import Fault
from homelab.checks.lab import command, declared_names, judged_names
from homelab.model.finding import Case, Finding, Fix
from homelab.model.place import Place, guest_of

CODE = "daemon-down"
SOURCE = "/docker"
SILENT = ("daemon down", "does not answer")
"""How the reader of Docker's socket says that nobody is there, or that somebody is too slow."""


def is_silent(reason: str) -> bool:
    return reason.startswith(SILENT)


def sees(case: Case) -> Iterator[Finding]:
    for source, reason in sorted(case.snapshot.unread.items()):
        place = Place(source.removesuffix(SOURCE))
        if source.endswith(SOURCE) and is_silent(reason):
            yield _finding(case, place, reason)


def _finding(case: Case, place: Place, reason: str) -> Finding:
    wanted = declared_names(case, guest_of(place) or "")
    return Finding(
        CODE,
        "error" if wanted else "warning",
        place,
        f"{place}: its Docker daemon cannot be asked, {reason}; what its containers do is not known",
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
