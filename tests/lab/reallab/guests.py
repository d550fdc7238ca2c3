"""The three guests: what they are, and how one is made, started and asked."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from reallab import lxd
from reallab.commands import LabError
from reallab.images import Image

_ASK = """
docker version --format '{{.Server.Version}}' || exit 1
docker ps -a --format '{{.Names}} ({{.State}})' | sort
"""


@dataclass(frozen=True, slots=True)
class Guest:
    name: str
    image: Image
    address: str
    privileged: bool


@dataclass(frozen=True, slots=True)
class Docker:
    """What a guest's daemon says of itself; no version when it does not answer."""

    version: str | None
    containers: tuple[str, ...] = ()


GUESTS = (
    Guest("web", Image("bookworm"), "10.77.0.11", privileged=False),
    Guest("db", Image("trixie", ("docker-cli",)), "10.77.0.12", privileged=True),
    Guest("app", Image("forky", ("docker-cli",)), "10.77.0.13", privileged=False),
)


def run(keeper: int) -> bool:
    """Whether every guest runs; its dockerd may be down."""
    known = lxd.instances(keeper)
    return all(guest.name in known and known[guest.name].status == "Running" for guest in GUESTS)


def bring_up(keeper: int) -> None:
    """Every guest runs, has an address, and a dockerd that answers; the three side by side."""
    known = lxd.instances(keeper)
    imported = lxd.images(keeper)

    def bring_up_one(guest: Guest) -> None:
        _start(keeper, guest, known.get(guest.name), imported)
        _in_guest(keeper, guest.name, "/lab/ready")

    with ThreadPoolExecutor(max_workers=len(GUESTS)) as pool:
        tuple(pool.map(bring_up_one, GUESTS))


def ask(keeper: int, name: str) -> Docker:
    try:
        version, *containers = _in_guest(keeper, name, "sh", "-c", _ASK).splitlines()
    except LabError:
        return Docker(None)
    return Docker(version, tuple(containers))


def _start(keeper: int, guest: Guest, instance: lxd.Instance | None, imported: set[str]) -> None:
    if instance is None:
        if guest.image.name not in imported:
            lxd.add_image(keeper, guest.image)
        privileged = str(guest.privileged).lower()
        options = ("-c", "security.nesting=true", "-c", f"security.privileged={privileged}")
        # The address of inventory/lab.yaml, so that a first apply restarts nobody.
        fixed = ("-d", f"eth0,ipv4.address={guest.address}")
        lxd.lxc(keeper, "launch", guest.image.name, guest.name, *options, *fixed)
    elif instance.status != "Running":
        lxd.lxc(keeper, "start", guest.name)


def _in_guest(keeper: int, name: str, *command: str) -> str:
    return lxd.lxc(keeper, "exec", name, "--", *command)
