"""Up, down and status: each a straight line of steps that may be repeated."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from reallab import cgroup, guests, holder, images, lxd, machine, runtime, state
from reallab.commands import refuse_if_not_root, say, show

# Stands for a lab that was up as a whole, and in which nothing is half done since.
_WHOLE = "whole"


def up() -> None:
    """Bring up what is missing, or all of it; on a lab that is up, nothing."""
    begun = time.monotonic()
    chosen = runtime.current()
    machine.prepare(chosen.packages, chosen.tools)
    with state.locked():
        images.build_missing([*(guest.image for guest in guests.GUESTS), *chosen.trees])
        keeper = _keeper(chosen)
        _copy_guest_programs()
        if not _runs(keeper):
            (state.folder() / _WHOLE).unlink(missing_ok=True)
            _bring_up_lxd(keeper)
        guests.bring_up(keeper)
        (state.folder() / _WHOLE).touch()
    say(f"up after {time.monotonic() - begun:.1f} s")


def build_images() -> None:
    """Build what the cache lacks, and start nothing."""
    chosen = runtime.current()
    machine.prepare(chosen.packages, chosen.tools)
    images.build_missing([*(guest.image for guest in guests.GUESTS), *chosen.trees])


def down() -> None:
    """Remove every trace of a lab, whatever state it is in, except the images."""
    refuse_if_not_root()
    with state.locked(last=True):
        _clear()


def status() -> bool:
    """Print what there is; true when all of it is up."""
    refuse_if_not_root()
    keeper = holder.find()
    if keeper is None:
        show("lab: down")
        return False
    if not _is_whole(keeper):
        show("lab: half up; a `lab up` is at work, or was interrupted and is to be repeated")
        return False
    name = runtime.current().name
    if not lxd.answers(keeper):
        show(f"lab: its namespaces are there, its {name} does not answer; `lab up` repairs it")
        return False
    show(f"lab: namespaces {', '.join(holder.PLACES)}; {name} answers; files in {state.folder()}")
    rows = tuple(_guest_rows(keeper))
    for text, _ in rows:
        show(text)
    return all(healthy for _, healthy in rows)


def _guest_rows(keeper: int) -> Iterator[tuple[str, bool]]:
    known = lxd.instances(keeper)
    names = [guest.name for guest in guests.GUESTS]
    with ThreadPoolExecutor(max_workers=len(names)) as pool:
        for name, docker in zip(
            names, pool.map(lambda n: guests.ask(keeper, n), names), strict=True
        ):
            instance = known.get(name) or lxd.Instance(name, "Missing")
            version = f"Docker {docker.version}" if docker.version else "dockerd does not answer"
            containers = ", ".join(docker.containers) or "no containers"
            addresses = " ".join(instance.addresses) or "no address"
            healthy = bool(instance.status == "Running" and instance.addresses and docker.version)
            yield f"{name:4} {instance.status:8} {addresses}; {version}; {containers}", healthy


def _keeper(chosen: runtime.Runtime) -> int:
    """The holder of a lab that was whole; one that never was is cleared away, and begun anew."""
    keeper = holder.find()
    if keeper is not None and _is_whole(keeper):
        return keeper
    _clear()
    keeper = holder.start()
    runtime.record(chosen)
    chosen.install(state.folder() / "bin")
    holder.run_in(keeper, "host", ["sh", str(state.LAB / "lan.sh")])
    return keeper


def _is_whole(keeper: int) -> bool:
    mark = state.folder() / _WHOLE
    return mark.exists() and set(holder.PLACES) <= holder.namespaces(keeper)


def _runs(keeper: int) -> bool:
    return lxd.answers(keeper) and lxd.has_dhcp() and guests.run(keeper)


def _bring_up_lxd(keeper: int) -> None:
    answers = lxd.answers(keeper)
    if answers and lxd.has_dhcp():
        return
    if answers:
        lxd.stop(keeper)
    lxd.start(keeper)
    lxd.configure(keeper)


def _clear() -> None:
    cgroup.kill()
    state.remove()


def _copy_guest_programs() -> None:
    """A program that runs in a guest keeps the file that it was started from."""
    source, target = state.LAB / "guest", state.folder() / "guest"
    for path in sorted(source.rglob("*")):
        copy = target / path.relative_to(source)
        if path.is_dir():
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        if not copy.exists() or copy.read_bytes() != path.read_bytes():
            fresh = copy.with_name(f".{copy.name}")
            fresh.write_bytes(path.read_bytes())
            fresh.chmod(0o755)
            fresh.rename(copy)
