"""What this machine's kernel is known not to be able to do."""

import gzip
import platform
import zlib
from pathlib import Path

from homelab.model.wires import CardCount

ROOT = Path("/")
_CONFIG = "CONFIG_VLAN_8021Q="
_FILTERING = "CONFIG_BRIDGE_VLAN_FILTERING="


def lacking(root: Path = ROOT) -> tuple[str, ...]:
    """``8021q`` where no VLAN link can be made, ``vlan_filtering`` where no bridge can filter VLANs.

    Nothing where that cannot be told.
    """
    absent = {"8021q": _has_vlans(root), "vlan_filtering": _filters_vlans(root)}
    return tuple(name for name, there in absent.items() if there is False)


def cards(root: Path = ROOT) -> dict[str, CardCount]:
    """The SR-IOV cards of this machine, by the name of their link."""
    found = {}
    for each in sorted((root / "sys/class/net").glob("*/device/sriov_totalvfs")):
        now, total = _text(each.with_name("sriov_numvfs")), _text(each)
        if now.strip().isdecimal() and total.strip().isdecimal():
            found[each.parent.parent.name] = CardCount(int(now), int(total))
    return found


def _filters_vlans(root: Path) -> bool | None:
    """BRIDGE_VLAN_FILTERING depends on VLAN_8021Q (net/bridge/Kconfig)."""
    config = _config(root, platform.release()) or ""
    if _FILTERING.rstrip("=") in config:
        return f"{_FILTERING}y" in config
    return False if _has_vlans(root) is False else None


def _has_vlans(root: Path) -> bool | None:
    """None: nobody tells. The proc files are there as soon as the module is loaded, or built in."""
    if (root / "proc/net/vlan").exists():
        return True
    release = platform.release()
    config = _config(root, release)
    if config is not None and f"{_CONFIG}m" not in config:
        return f"{_CONFIG}y" in config
    return _has_module(root / "lib/modules" / release)


def _config(root: Path, release: str) -> str | None:
    """The kernel's configuration, as far as it says something of VLANs."""
    try:
        packed = (root / "proc/config.gz").read_bytes()
        text = gzip.decompress(packed).decode("ascii", "replace")
    except (OSError, EOFError, zlib.error):
        text = _text(root / "boot" / f"config-{release}")
    return text if "CONFIG_VLAN_8021Q" in text else None


def _has_module(modules: Path) -> bool | None:
    """Whether modprobe(8) would find the module; its lists name every one that was installed."""
    lists = [_text(modules / each) for each in ("modules.dep", "modules.builtin")]
    return any("/8021q.ko" in each for each in lists) if any(lists) else None


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
