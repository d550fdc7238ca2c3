"""From ``PATH:VALUE`` lines of /proc/sys, and from homelab's own sysctl.d file, to keys and values."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

_ROOT = "/proc/sys/"
_MOUNTS = ("/proc/sys/net", "/proc/sys", "/proc")
_OPTIONS = 5
KEPT_FILE = PurePosixPath("/etc/sysctl.d/60-homelab.conf")
_WAS = re.compile(r"#\s*homelab:\s*was\s+(?P<was>.*\S)\s*")
_SET = re.compile(r"(?P<key>[^#;=\s][^=]*?)\s*=\s*(?P<value>.*\S)\s*")


def parse_sysctls(printed: str) -> dict[str, str]:
    """Keys such as ``net.ipv4.conf.eth0.20.forwarding``: the name of an interface stands as it is.

    A value of several numbers is separated by single spaces, where the kernel shows tabs.
    """
    # No interface name holds a colon, a slash or white space (dev_valid_name in net/core/dev.c).
    pairs = (line.partition(":") for line in printed.splitlines() if line.startswith(_ROOT))
    return {
        path.removeprefix(_ROOT).replace("/", "."): " ".join(value.split())
        for path, _, value in pairs
    }


def are_read_only(mounts: str) -> bool:
    """From ``/proc/PID/mountinfo``: whether the mount that shows ``/proc/sys/net`` there is read-only."""
    # proc_pid_mountinfo(5): the fifth field is the mount point, the sixth the mount's own options. Of
    # several on one point the last is on top.
    lines = (line.split() for line in mounts.splitlines())
    options = {each[4]: each[5].split(",") for each in lines if len(each) > _OPTIONS}
    deepest = next((options[each] for each in _MOUNTS if each in options), [])
    return "ro" in deepest


def parse_kept(lines: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Key → (value, what it was) of ``/etc/sysctl.d/60-homelab.conf``; other lines mean nothing."""
    kept = {}
    was = None
    for line in lines:
        remark, setting = _WAS.fullmatch(line.strip()), _SET.fullmatch(line.strip())
        if setting and was is not None:
            kept[setting["key"]] = (setting["value"], was)
        was = remark["was"] if remark else None
    return kept
