"""What can be known of an inventory without a lab: is it consistent, and is there room for it."""

from homelab.model.inventory import Inventory
from homelab.model.snapshot import Snapshot
from homelab.planning.allocate import allocate
from homelab.planning.overlaps import Problem, problems


def check(inventory: Inventory) -> tuple[Problem, ...]:
    """Every problem, sorted by position; raises ``InventoryError`` when a pool is exhausted."""
    nothing = Snapshot()
    found = problems(inventory, nothing)
    if any(each.severity == "error" for each in found):
        return found
    return problems(allocate(inventory, nothing), nothing)
