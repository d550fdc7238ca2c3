"""What lies beside a Docker daemon: its daemon.json, and what it wrote last when it did not start."""

import json
import re

from homelab.model.docker import DaemonFile
from homelab.system.reasons import printable, reason
from homelab.system.unix import read_below

FILE = "etc/docker/daemon.json"
LOGS = ("var/log/dockerd.log", "var/log/docker.log")
DECISIVE = ("iptables", "ip6tables", "ip-forward", "firewall-backend", "icc", "userland-proxy")
"""The keys whose values are kept; others may hold secrets, such as the password of a proxy."""

_LIMIT = 256 * 1024
_LOG_LIMIT = 16 * 1024
_MOST_KEYS = 200
_LONGEST = 60
# What dockerd says before it ends (cmd/dockerd in moby/moby).
_REFUSAL = re.compile(
    r"(unable to configure the Docker daemon with file .*|failed to start daemon: .*)"
)
_PASSWORD = re.compile(r"//[^/@\s]+@")


def read_daemon_file(root: str, *, is_silent: bool) -> DaemonFile:
    """What lies below a root directory such as /proc/PID/root."""
    refusal = _refusal(root) if is_silent else ""
    try:
        content = read_below(root, FILE, _LIMIT)
    except OSError as error:
        return DaemonFile(trouble=reason(error), refusal=refusal)
    if content is None:
        return DaemonFile(refusal=refusal)
    return parse_daemon_file(content, refusal)


def parse_daemon_file(content: bytes, refusal: str = "") -> DaemonFile:
    """Pure. Names of keys are a guest's words, and cut short."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        return DaemonFile(trouble=f"is no JSON: {printable(str(error))}", refusal=refusal)
    if not isinstance(found, dict):
        return DaemonFile(trouble="is no JSON object", refusal=refusal)
    keys = sorted(printable(each)[:_LONGEST] for each in list(found)[:_MOST_KEYS])
    shown = {key: _value(found[key]) for key in DECISIVE if key in found}
    return DaemonFile(tuple(keys), shown, refusal=refusal)


def _value(found: object) -> str:
    if isinstance(found, bool):
        return str(found).lower()
    return printable(found)[:_LONGEST] if isinstance(found, str) else ""


def _refusal(root: str) -> str:
    for path in LOGS:
        try:
            content = read_below(root, path, _LOG_LIMIT, tail=True)
        except OSError:
            continue
        if content is not None:
            return parse_refusal(content.decode(errors="replace"))
    return ""


def parse_refusal(log: str) -> str:
    """The last sentence in which a daemon said why it does not start."""
    found = _REFUSAL.findall(log)
    said = found[-1].rstrip('"').replace('\\"', '"') if found else ""
    return printable(_PASSWORD.sub("//", said))
