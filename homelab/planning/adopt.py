"""What could be taken over of the foreign things in the way, and the changes that do it."""

from collections.abc import Mapping

from homelab.model.inventory import Inventory
from homelab.model.plan import Adopt
from homelab.model.resource import Kinds
from homelab.model.snapshot import Snapshot


def adoptable(inventory: Inventory, snapshot: Snapshot, kinds: Kinds) -> Mapping[str, Adopt]:
    """Handle → the change that marks it; each thing stays as it is."""
    return {
        found.key.handle: Adopt(found, operations)
        for kind in kinds
        for found, operations in kind.adoptable(inventory, snapshot)
    }
