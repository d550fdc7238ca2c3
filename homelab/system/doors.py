"""How each place is entered: a network namespace of this machine, or a router behind ssh."""

import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from homelab.errors import OperationError
from homelab.model.inventory import Connection
from homelab.model.place import Place

SELF = "/proc/self/ns/net"


@dataclass(frozen=True, slots=True)
class Door:
    """``netns`` is the nsfs file of the place; ``pid`` the init of a guest or container, else 0.

    ``ssh`` is set for a machine that is reached over ssh; ``netns`` then means nothing.
    """

    place: Place
    netns: str = SELF
    pid: int = 0
    ssh: Connection | None = None

    def argv(self, command: Sequence[str]) -> list[str]:
        """The command that runs this machine's own program inside the place's network namespace."""
        if self.ssh is not None:
            return [*_ssh(self.ssh), shlex.join(command)]
        if self.netns == SELF:
            return list(command)
        return ["nsenter", f"--net={self.netns}", "--", *command]

    def run(self, command: Sequence[str], *, stdin: str = "", timeout: float = 10.0) -> str:
        """Standard output of the command; ``OperationError`` names place, command and what it said."""
        try:
            done = subprocess.run(
                self.argv(command),
                input=stdin,
                capture_output=True,
                text=True,
                errors="surrogateescape",
                timeout=timeout,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise OperationError(f"{self.place}: {shlex.join(command)}: {error}") from error
        if done.returncode != 0:
            said = done.stderr.strip() or f"exit status {done.returncode}"
            raise OperationError(f"{self.place}: {shlex.join(command)}: {said}")
        return done.stdout


Doors = Mapping[Place, Door]


def _ssh(connection: Connection) -> list[str]:
    port = ["-p", str(connection.port)] if connection.port else []
    options = ["-o", "BatchMode=yes", "-o", "ConnectTimeout=5"]
    return ["ssh", *options, *port, "--", connection.target]
