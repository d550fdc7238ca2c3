"""What this machine's kernel is known not to be able to do."""

import gzip
import platform
import zlib
from pathlib import Path

ROOT = Path("/")
_CONFIG = "CONFIG_VLAN_8021Q="


def lacking(root: Path = ROOT) -> tuple[str, ...]:
    """``8021q`` where no VLAN link can be made; nothing where that cannot be told."""
    return () if _has_vlans(root) is not False else ("8021q",)


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
