"""Every error homelab raises on purpose: the object, the fact, the evidence, the way out."""


class HomelabError(Exception):
    """Something the user can act on; the command line prints it without a traceback."""

    exit_code = 1


class UsageError(HomelabError):
    """What was asked for cannot be understood: an unknown place, a malformed address or file."""

    exit_code = 2


class InventoryError(UsageError):
    """An invalid inventory; ``problems`` has all of them, each with FILE:LINE:COLUMN."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class SnapshotError(UsageError):
    """A file that is not a snapshot, or not one this version can read."""


class UnsafePlanError(HomelabError):
    """A plan that looks like an accident, or that needs a consent that was not given."""

    exit_code = 2


class ConflictError(HomelabError):
    """Something foreign is in the way."""

    exit_code = 1


class UnreadableError(HomelabError):
    """Facts without which no answer is possible could not be read."""

    exit_code = 3


class OperationError(HomelabError):
    """One operation did not go through; the machine is as it was before that operation."""
