"""From ``PATH:VALUE`` lines of /proc/sys, and from homelab's own sysctl.d file, to keys and values."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

_ROOT = "/proc/sys/"
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
