"""What runs the lab's guests: LXD of this machine, or Incus out of a tree of a newer Debian."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path

from reallab import state
from reallab.commands import LabError
from reallab.images import Tree


@dataclass(frozen=True, slots=True)
class Runtime:
    """``client`` is the program people type; ``variable`` and ``settings`` tell it its folders."""

    name: str
    client: str
    variable: str
    settings: str
    waitready: tuple[str, ...]
    preseed: tuple[str, ...]
    packages: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    trees: tuple[Tree, ...] = ()

    @property
    def folder(self) -> Path:
        """Where the daemon keeps its things, as seen in the lab."""
        return state.INSIDE / self.name

    @property
    def environment(self) -> dict[str, str]:
        return {
            self.variable: str(self.folder),
            self.settings: str(state.INSIDE / self.client),
            "PATH": f"{state.SHIM}:{state.INSIDE / 'bin'}:{os.environ['PATH']}",
        }

    def daemon(self) -> list[str]:
        """The command that is the daemon; it forks nowhere."""
        if not self.trees:
            return ["lxd", "--group", "root"]
        script = str(state.LAB / "incus.sh")
        alone = ["unshare", "--mount", "--propagation", "private", "--", "sh", script]
        return [*alone, str(self.trees[0].root), str(state.INSIDE)]

    def install(self, bin_folder: Path) -> None:
        """The clients that this machine does not have, for whoever types them in the lab."""
        if not self.trees:
            return
        bin_folder.mkdir(exist_ok=True)
        for name in ("incus", "lxc"):
            path = bin_folder / name
            path.write_text(_WITH_ITS_LIBRARIES.format(tree=self.trees[0].root))
            path.chmod(0o755)


# A program of another Debian release runs here with that release's own libraries. What is asked of `lxc` in
# the lab of LXD is asked of Incus in the same words.
_WITH_ITS_LIBRARIES = f"""#!/bin/sh
lib={{tree}}/usr/lib/{platform.machine()}-linux-gnu
exec "$lib"/ld-linux*.so.* --library-path "$lib" {{tree}}/usr/bin/incus "$@"
"""

LXD = Runtime(
    "lxd",
    "lxc",
    "LXD_DIR",
    "LXD_CONF",
    ("lxd", "waitready"),
    ("lxd", "init", "--preseed"),
    ("lxd", "lxd-client"),
    ("lxc", "lxd"),
)
INCUS = Runtime(
    "incus",
    "incus",
    "INCUS_DIR",
    "INCUS_CONF",
    ("incus", "admin", "waitready"),
    ("incus", "admin", "init", "--preseed"),
    trees=(Tree("trixie"),),
)
_ALL = {each.name: each for each in (LXD, INCUS)}
_MARK = "runtime"


def current() -> Runtime:
    """What the lab that is up runs; of one to come what HOMELAB_RUNTIME asks for, LXD if nothing."""
    record = state.folder() / _MARK
    asked = os.environ.get("HOMELAB_RUNTIME") or None
    recorded = record.read_text() if record.exists() else None
    name = recorded or asked or LXD.name
    if name not in _ALL:
        raise LabError(f"HOMELAB_RUNTIME={name}: it is {' or '.join(_ALL)}")
    if recorded and asked not in (None, recorded):
        raise LabError(
            f"lab: it runs {recorded}; `lab down` first, or HOMELAB_LAB=NAME for another"
        )
    return _ALL[name]


def record(chosen: Runtime) -> None:
    """Once the lab has its folder: what later commands find."""
    (state.folder() / _MARK).write_text(chosen.name)
