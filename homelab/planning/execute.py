"""Carry out operations one at a time, say how far it got, and take them back."""

from collections.abc import Callable, Sequence

from homelab.errors import OperationError
from homelab.model.inverse import inverse
from homelab.model.operation import Operation
from homelab.model.plan import Execution


def execute(operations: Sequence[Operation], run: Callable[[Operation], None]) -> Execution:
    """Stop at the first operation that does not go through."""
    done: list[Operation] = []
    for operation in operations:
        try:
            run(operation)
        except OperationError as failure:
            return Execution(tuple(done), str(failure), operation)
        done.append(operation)
    return Execution(tuple(done))


def execute_each(operations: Sequence[Operation], run: Callable[[Operation], None]) -> Execution:
    """Run them all; one that fails does not keep the others from running."""
    done: list[Operation] = []
    failures: list[str] = []
    for operation in operations:
        try:
            run(operation)
        except OperationError as failure:
            failures.append(str(failure))
            continue
        done.append(operation)
    return Execution(tuple(done), "; ".join(dict.fromkeys(failures)) or None)


def undo(execution: Execution, run: Callable[[Operation], None]) -> Execution:
    """Run the inverses, last first."""
    return execute_each(
        [back for operation in reversed(execution.done) for back in inverse(operation)], run
    )
