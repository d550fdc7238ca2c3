"""The Docker daemon refuses to start: its configuration has a key that its release does not know.

Seen as: `docker ps` cannot connect after a change of `/etc/docker/daemon.json` or after a restart of the guest; a
daemon that runs goes on until it is restarted.

Look, in the guest:

    cat /etc/docker/daemon.json
    dockerd --validate                  # from Docker 23 on
    journalctl -u docker -n 50          # "the following directives don't match any configuration option"

Why: dockerd reads the file strictly, and one key that it does not know keeps it from starting. Options for networks on
the other hand are stored and ignored by old daemons without a word. Measured from 20.10 to 28.5.

Fix: take the key out, or write it as the release of this guest has it, and start Docker:

    systemctl start docker

Opens: the ports that its containers publish.

Undo: put the key back.
"""

import re
from collections.abc import Iterator

from homelab.checks.fault import Fault
from homelab.checks.lab import command, judged_names
from homelab.checks.silence import severity, silent
from homelab.model.finding import Case, Finding, Fix
from homelab.model.place import Place

CODE = "daemon-unknown-key"
SINCE = {
    "allow-direct-routing": 28,
    "bip6": 28,
    "default-network-opts": 24,
    "firewall-backend": 29,
    "host-gateway-ips": 28,
    "ip-forward-no-drop": 28,
    "proxies": 23,
}
"""Keys of daemon.json by the first major release that reads them (docs.docker.com, release notes)."""

_REFUSED = re.compile(r"match any configuration option: (?P<keys>[^\"]+)")


def unknown_keys(case: Case, place: Place) -> tuple[str, ...]:
    """Keys of the file that the daemon named in its last words, or that are too new for one that runs."""
    file, daemon = case.snapshot.daemon_files.get(place), case.snapshot.daemons.get(place)
    if file is None:
        return ()
    if daemon is not None:
        return tuple(each for each in file.keys if 0 < daemon.major < SINCE.get(each, 0))
    refused = _REFUSED.search(file.refusal)
    named = {each.strip() for each in refused["keys"].split(",")} if refused else set()
    # The daemon names a key below another one by its own name; the file is known by its first level.
    return tuple(sorted(named)) if named and named & {*file.keys} else ()


def sees(case: Case) -> Iterator[Finding]:
    for place, _ in silent(case):
        keys = unknown_keys(case, place)
        if keys:
            text = f"{place}: its Docker daemon does not start, since it does not know {', '.join(keys)} of "
            yield _finding(
                case, place, keys, f"{text}/etc/docker/daemon.json", severity(case, place)
            )
    for place, daemon in case.snapshot.daemons.items():
        keys = unknown_keys(case, place)
        if keys:
            text = (
                f"{place}: Docker {daemon.version} does not know {', '.join(keys)} of /etc/docker/daemon.json, and "
                "will not start again after it ends"
            )
            yield _finding(case, place, keys, text, "warning")


def _finding(case: Case, place: Place, keys: tuple[str, ...], text: str, severity: str) -> Finding:
    return Finding(
        CODE,
        severity,
        place,
        text,
        fix=Fix(
            f"take {', '.join(keys)} out of /etc/docker/daemon.json in {place}, and start Docker",
            commands=(command(case, place, "systemctl", "restart", "docker"),),
        ),
        affects=judged_names(case, place),
    )


FAULT = Fault(CODE, "a Docker daemon does not know a key of its file", __doc__, sees=sees)
