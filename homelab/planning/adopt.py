"""What could be taken over of the foreign things in the way, and the changes that do it."""

from collections.abc import Mapping

from homelab.model.inventory import Inventory
from homelab.model.plan import Adopt
from homelab.model.resource import Kinds
from homelab.model.snapshot import Snapshot
from homelab.planning.hosts import hosts, named


def adoptable(inventory: Inventory, snapshot: Snapshot, kinds: Kinds) -> Mapping[str, Adopt]:
    """Handle → the change that marks it; each thing stays as it is."""
    return {
        placed.key.handle: Adopt(placed, named(host, operations))
        for kind in kinds
        for host in hosts(snapshot)
        for found, operations in kind.adoptable(host.inventory(inventory), host.seen)
        for placed in host.placed([found])
    }
