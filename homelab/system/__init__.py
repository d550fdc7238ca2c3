"""The only room with effects: read a lab, and carry out operations."""

from typing import Protocol

from homelab.model.operation import Operation
from homelab.model.snapshot import Snapshot


class System(Protocol):
    def read(self) -> Snapshot:
        """Observe every place; what cannot be read is named in ``unread``, with the reason."""
        ...

    def run(self, operation: Operation) -> None:
        """Do it, or raise ``OperationError`` and leave the machine as it was."""
        ...
