"""The only room with effects: read a lab, and carry out operations."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from homelab.model.agent import Change, End
from homelab.model.inventory import Inventory
from homelab.model.operation import Operation
from homelab.model.place import Place
from homelab.model.proof import Counts, Sender, Wanted, Watch, Watched
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Target


class System(Protocol):
    def read(self) -> Snapshot:
        """Observe every place; what cannot be read is named in ``unread``, with the reason."""
        ...

    def run(self, operation: Operation) -> None:
        """Do it, or raise ``OperationError`` and leave the machine as it was."""
        ...


class Lab(System, Protocol):
    """A system whose hosts are real: this machine, machines behind ssh, or both."""

    inventory: Inventory

    def run_batch(self, operations: Sequence[Operation]) -> None: ...

    def probe(self, place: Place, targets: Sequence[Target]) -> tuple[str, ...]: ...

    def ask(
        self, questions: Mapping[Sender, Sequence[Target]], timeout: float
    ) -> dict[Sender, tuple[str, ...]]: ...

    def watch(self, wanted: Watch, timeout: float) -> Watched: ...

    def count(self, wanted: Collection[Wanted]) -> Counts: ...

    def enterable(self) -> tuple[Place, ...]: ...

    def begin(self, change: Change) -> None:
        """What the journals of other hosts say of the operations that follow."""
        ...

    def finish(self, end: End) -> None:
        """End the change on the other hosts; ``OperationError`` names the host that did not."""
        ...

    def settle(self, operations: Collection[Operation], end: End) -> None:
        """Confirm or take back what an earlier connection left on the other hosts of these operations.

        What cannot be confirmed is an ``OperationError``; what is taken back is seen when it is read.
        """
        ...

    def close(self) -> None:
        """End the connections; what is open on other hosts is taken back there."""
        ...
