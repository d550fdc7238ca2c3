"""What was observed, at one moment, in every place: the only input besides the inventory."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from homelab.model.docker import LABEL, Daemon, DaemonFile, DockerNetwork
from homelab.model.kernel import Namespace
from homelab.model.lxc import ADOPTED, Instance, Runtime
from homelab.model.persistence import Persistence
from homelab.model.place import HOST, Place, guest
from homelab.model.wires import CardCount

SCHEMA = "homelab.snapshot/1"

PROTOCOL = 201
"""rtnetlink protocol number (rtm_protocol) that marks a route as homelab's own."""


@dataclass(frozen=True, slots=True)
class Other:
    """What is a host's own and no place's, of a host that is not the first.

    ``own`` are the guests whose names the inventory gives to it, ``router`` the lab's name of its router.
    ``runtime`` is without its instances: those of all hosts are together.
    """

    own: tuple[str, ...] = ()
    router: Place | None = None
    runtime: Runtime | None = None
    lacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Facts of the whole lab.

    ``aliases`` gives other names of a place (``netns:edge`` → ``router``). ``daemons`` has the Docker
    daemon of each place that runs one (guests, and the host if it does). ``unread`` maps a place, or
    ``PLACE/SOURCE`` (``guest:web/docker``, ``host/lxd``), to the reason why it could not be read.
    ``host`` is the host's name in the inventory, or its host name. ``kept_sysctls`` are those of the
    host that homelab keeps over reboots in its own file: key → (value, what it was before).
    ``daemon_files`` has what lies beside each daemon, also of one that does not answer.
    ``persistence`` tells, of the host and of a router that we log in to, what keeps routes over a reboot.
    ``lacks`` names what the host's kernel is known not to have: ``8021q``, VLAN links, ``vlan_filtering``,
    bridges that filter them. ``cards`` are the host's SR-IOV cards by the name of their link.
    ``others`` are further hosts, by name: their places are named by ``model/several.py``, and ``@HOST``
    stands behind their ``kept_sysctls``.
    """

    schema: str = SCHEMA
    host: str = "host"
    namespaces: Mapping[Place, Namespace] = field(default_factory=dict)
    aliases: Mapping[Place, Place] = field(default_factory=dict)
    runtime: Runtime | None = None
    daemons: Mapping[Place, Daemon] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)
    kept_sysctls: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    daemon_files: Mapping[Place, DaemonFile] = field(default_factory=dict)
    lacks: tuple[str, ...] = ()
    persistence: Mapping[Place, Persistence] = field(default_factory=dict)
    others: Mapping[str, Other] = field(default_factory=dict)
    cards: Mapping[str, CardCount] = field(default_factory=dict)

    def resolve(self, place: Place) -> Place:
        """The name under which ``namespaces`` holds this place, if it holds it at all."""
        return self.aliases.get(place, place)

    def namespace(self, place: Place) -> Namespace | None:
        return self.namespaces.get(self.resolve(place))

    @property
    def host_namespace(self) -> Namespace | None:
        return self.namespaces.get(HOST)

    def instance(self, name: str) -> Instance | None:
        if self.runtime is None:
            return None
        return next((each for each in self.runtime.instances if each.name == name), None)

    @property
    def is_plain(self) -> bool:
        """Whether what runs the guests has no API: then nothing can be kept there, nor marked."""
        return self.runtime is not None and self.runtime.is_plain

    def owns(self, inside: str, network: DockerNetwork) -> bool:
        """Whether a Docker network in a guest is homelab's: by its label, or since it was adopted."""
        return network.labels.get(LABEL) == f"{inside}/{network.name}" or self.adopted(
            inside, network
        )

    def adopted(self, inside: str, network: DockerNetwork) -> bool:
        """Whether it was taken over as it was: its guest has a note that says so."""
        instance = self.instance(inside)
        note = instance.config.get(ADOPTED + network.name) if instance else None
        return note is not None and {*note.split(",")} == {*network.subnets_text.split(",")}

    def daemon(self, guest_name: str) -> Daemon | None:
        return self.daemons.get(guest(guest_name))
