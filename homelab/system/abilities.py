"""What this machine lets us do: its rights, its tools, its kernel, its daemons, its network service."""

import os
import platform
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from homelab.errors import UnreadableError
from homelab.model.ability import Ability, Need
from homelab.system.journal import state_folder
from homelab.system.kernel_features import lacking
from homelab.system.lxc_files import read_files
from homelab.system.lxd_read import read_runtime
from homelab.system.network_service import services
from homelab.system.processes import lxc_guests, sweep

PATHS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
_ROOT = Path("/")


# The numbers are those of linux/capability.h.
CAPABILITIES = {
    "cap_sys_admin": (21, "no network namespace can be entered"),
    "cap_sys_ptrace": (19, "the namespaces of guests cannot be seen"),
    "cap_net_admin": (12, "no firewall rule can be read"),
    "cap_net_raw": (13, "no probe can be sent"),
}


@dataclass(frozen=True, slots=True)
class Tool:
    name: str
    package: str
    need: Need
    then: str


TOOLS = (
    Tool("ip", "iproute2", Need.READING, "no link, address or route can be read"),
    Tool("ss", "iproute2", Need.READING, "which ports are listened on is not known"),
    Tool("bridge", "iproute2", Need.READING, "VLANs and forwarding tables of bridges are not read"),
    Tool("nsenter", "util-linux", Need.READING, "guests and containers cannot be entered"),
    Tool("nft", "nftables", Need.READING, "nftables rules are not read, nor is `ingress` set"),
    Tool("iptables-nft-save", "iptables", Need.READING, "rules of iptables are not read"),
    Tool("iptables-legacy-save", "iptables", Need.READING, "rules of legacy iptables are not read"),
    Tool("iptables", "iptables", Need.CHANGING, "no accept can be put in front of Docker's rules"),
    Tool("sysctl", "procps", Need.CHANGING, "forwarding cannot be switched on"),
    Tool("conntrack", "conntrack", Need.CHANGING, "old connections outlive a changed address"),
    Tool("ipset", "ipset", Need.SOME, "a rule that asks a set of ipset stays unknown"),
    Tool("ssh", "openssh-client", Need.SOME, "a router that is reached by ssh is not read"),
)
EXTRAS = (
    ("igraph", "graph", "`homelab graph` draws no SVG, only mermaid, dot and JSON"),
    ("prometheus_client", "metrics", "`homelab watch --metrics` serves nothing"),
)


def abilities(kind: str = "auto") -> tuple[Ability, ...]:
    """Everything that was looked at, in the order in which it is missed; ``kind`` is the host's runtime."""
    return (
        *_rights(os.geteuid()),
        *(_tool(each) for each in TOOLS),
        *_kernel(),
        *_guests(kind),
        *_docker(),
        *services(),
        *(_extra(*each) for each in EXTRAS),
    )


def _rights(user: int) -> Iterator[Ability]:
    way_out = "run it as root"
    yield Ability(
        "rights",
        "root",
        user == 0,
        f"user id {user}",
        Need.READING,
        "guests cannot be entered, nor their rules read",
        way_out,
    )
    yield from _capabilities(Path("/proc/self/status").read_text(errors="replace"))
    yield _state(state_folder())


def _capabilities(status: str) -> Iterator[Ability]:
    """What root may do here: in a container it may have been taken away (capabilities(7), proc(5))."""
    lines = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    held = int(lines.get("CapEff", "0"), 16)
    for name, (number, then) in CAPABILITIES.items():
        there = bool(held >> number & 1)
        evidence = "held" if there else "not held by this process"
        way_out = "run it as root, on the machine and not in a container"
        yield Ability("rights", name, there, evidence, Need.READING, then, way_out)


def _state(folder: Path) -> Ability:
    there = next(each for each in (folder, *folder.parents) if each.exists())
    return Ability(
        "rights",
        "state",
        os.access(there, os.W_OK),
        f"{folder}" + ("" if there == folder else ", not made yet"),
        Need.CHANGING,
        "a change cannot be written down, so none is made",
        "name a folder with HOMELAB_STATE",
    )


def _tool(tool: Tool) -> Ability:
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *PATHS))
    found = shutil.which(tool.name, path=path)
    way_out = f"apt-get install {tool.package}"
    return Ability(
        "tool", tool.name, found is not None, found or "not found", tool.need, tool.then, way_out
    )


def _kernel() -> Iterator[Ability]:
    release = platform.release()
    has_vlans = "8021q" not in lacking()
    yield Ability(
        "kernel",
        "vlan",
        has_vlans,
        f"Linux {release}" + ("" if has_vlans else " has no 8021q"),
        then="a host's VLAN link cannot be made here",
        way_out="boot a kernel that has the module 8021q",
    )
    major, minor = (int(each) for each in release.split(".")[:2])
    yield Ability(
        "kernel",
        "openat2",
        (major, minor) >= (5, 6),
        f"Linux {release}, openat2(2) is there from 5.6 on",
        Need.READING,
        "no Docker daemon in a guest can be asked",
        "boot a newer kernel",
    )
    yield _forwards(4, Path("/proc/sys/net/ipv4/ip_forward"))
    yield _forwards(6, Path("/proc/sys/net/ipv6/conf/all/forwarding"))


def _forwards(version: int, setting: Path) -> Ability:
    """Off is no fault of a machine that routes nothing: said, and not counted."""
    try:
        found = setting.read_text().strip()
    except OSError:
        return Ability("kernel", f"ipv{version}", works=False, evidence=f"{setting} is not there")
    says = "forwards" if found == "1" else "does not forward (yet: `homelab apply` sets it)"
    return Ability("kernel", f"ipv{version}", works=True, evidence=says)


def _guests(kind: str) -> Iterator[Ability]:
    way_out = "start LXD or Incus, or run it on the machine that runs the guests"
    then = "no guest is found"
    try:
        runtime = read_runtime(kind)
    except UnreadableError as error:
        yield Ability("guests", "api", None, str(error), Need.READING, then, way_out)
        return
    found = runtime or read_files(lxc_guests(sweep()), kind).runtime
    if found is None:
        none = "neither LXD, Incus, LXC nor Proxmox is here"
        yield Ability("guests", "found", works=False, evidence=none, then=then, way_out=way_out)
        return
    run = sum(each.is_running for each in found.instances)
    told = f"{found.name} {found.version}".strip() + f", {len(found.instances)} guests, {run} run"
    yield Ability("guests", "found", works=True, evidence=told)
    if found.is_plain:
        yield Ability(
            "guests",
            "marks",
            works=False,
            evidence=f"{found.name} has no API that keeps our marks",
            then="nesting and forwarding of guests are not set, only advised",
        )


def _docker() -> Iterator[Ability]:
    there = _is_socket(_ROOT / "run/docker.sock")
    evidence = "/run/docker.sock" if there else "none on the host itself, which is as it should be"
    yield Ability("guests", "docker", works=True, evidence=evidence)


def _is_socket(path: Path) -> bool:
    try:
        return stat.S_ISSOCK(path.stat().st_mode)
    except OSError:
        return False


def _extra(module: str, extra: str, then: str) -> Ability:
    there = find_spec(module) is not None
    evidence = f"Python's {module} is {'here' if there else 'not installed'}"
    way_out = f"pip install 'homelab-net[{extra}]'"
    return Ability("extra", extra, there, evidence, Need.SOME, then, way_out)
