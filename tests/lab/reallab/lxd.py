"""The lab's own LXD or Incus: its daemon, its bridge, its images, and what it says about its guests."""

import json
import os
import re
import signal
import subprocess
from dataclasses import dataclass

from reallab import cgroup, holder, runtime, state
from reallab.commands import LabError
from reallab.images import Image
from reallab.processes import wait_for_end

_PRESEED = """
config:
  images.auto_update_interval: "0"
networks:
- name: lxdbr0
  type: bridge
  config:
    ipv4.address: 10.77.0.1/24
    ipv4.nat: "false"
    ipv6.address: fd77::1/64
    ipv6.nat: "false"
storage_pools:
- name: default
  driver: dir
profiles:
- name: default
  config:
    security.nesting: "true"
    # Every process of a guest stays in the group by which `down` finds it.
    raw.lxc: lxc.cgroup.dir = {cgroup}
  devices:
    root: {{type: disk, path: /, pool: default}}
    eth0: {{type: nic, name: eth0, network: lxdbr0}}
    lab: {{type: disk, path: /lab, source: {programs}, readonly: "true"}}
"""


@dataclass(frozen=True, slots=True)
class Instance:
    """A guest as it is listed; the addresses are those of its eth0."""

    name: str
    status: str
    addresses: tuple[str, ...] = ()


def answers(keeper: int) -> bool:
    try:
        lxc(keeper, "query", "/1.0")
    except LabError:
        return False
    return True


def has_dhcp() -> bool:
    """It starts its dnsmasq together with itself, and never again."""
    record = state.folder() / runtime.current().name / "networks" / "lxdbr0" / "dnsmasq.pid"
    pid = re.search(r"^pid: (\d+)$", record.read_text(), re.MULTILINE) if record.exists() else None
    return pid is not None and int(pid[1]) in cgroup.processes()


def stop(keeper: int) -> None:
    """End the daemon alone; its guests run on."""
    pid = json.loads(lxc(keeper, "query", "/1.0"))["environment"]["server_pid"]
    os.kill(pid, signal.SIGTERM)
    wait_for_end(pid, patience=30.0)


def start(keeper: int) -> None:
    """Start the daemon and wait for it; guests that ran on without one are taken over."""
    runs = runtime.current()
    log = state.folder() / f"{runs.name}.log"
    (state.folder() / runs.name).mkdir(mode=0o711, exist_ok=True)
    with log.open("a") as output:
        subprocess.Popen(
            cgroup.entering(holder.argv(keeper, "host", runs.daemon())),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=holder.environment(),
        )
    try:
        holder.run_in(keeper, "host", [*runs.waitready, "--timeout=120"])
    except LabError as error:
        end = "\n".join(log.read_text().splitlines()[-5:])
        raise LabError(f"{error}; the end of {log}:\n{end}") from error


def configure(keeper: int) -> None:
    """Bridge, pool and profile; what exists is set to the same again."""
    programs = state.INSIDE / "guest"
    preseed = _PRESEED.format(cgroup=state.TITLE, programs=programs)
    holder.run_in(keeper, "host", runtime.current().preseed, stdin=preseed)


def lxc(keeper: int, *command: str) -> str:
    return holder.run_in(keeper, "host", [runtime.current().client, *command])


def images(keeper: int) -> set[str]:
    listed = json.loads(lxc(keeper, "image", "list", "--format=json"))
    return {alias["name"] for image in listed for alias in image["aliases"]}


def add_image(keeper: int, image: Image) -> None:
    lxc(keeper, "image", "import", str(image.metadata), str(image.rootfs), f"--alias={image.name}")


def instances(keeper: int) -> dict[str, Instance]:
    listed = json.loads(lxc(keeper, "list", "--format=json"))
    return {
        row["name"]: Instance(row["name"], row["status"], _addresses(row["state"] or {}))
        for row in listed
    }


def _addresses(status: dict[str, dict[str, dict[str, list[dict[str, str]]]]]) -> tuple[str, ...]:
    link = (status.get("network") or {}).get("eth0") or {}
    return tuple(
        address["address"] for address in link.get("addresses", []) if address["scope"] == "global"
    )
