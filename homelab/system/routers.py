"""The routers alone, for a lab whose hosts are all elsewhere."""

from concurrent.futures import ThreadPoolExecutor

from homelab.model.snapshot import Snapshot
from homelab.system.live import LiveSystem
from homelab.system.persistence import read_persistence
from homelab.system.sighting import Sighting
from homelab.system.whereabouts import router_doors


class Routers(LiveSystem):
    """Nothing of this machine is looked at but the doors to the routers."""

    def read(self) -> Snapshot:
        with ThreadPoolExecutor(len(self.inventory.routers) or 1) as pool:
            sighting = Sighting(pool, self.timeout)
            doors = list(router_doors(self.inventory))
            sighting.enter(doors)
            files = {e.place: pool.submit(read_persistence, e) for e in doors if e.ssh is not None}
            namespaces = sighting.namespaces()
            kept = {one: sighting.result(f"{one}/persistence", each) for one, each in files.items()}
        self.doors, self._inodes = sighting.doors, sighting.inodes
        persistence = {place: each for place, each in kept.items() if each}
        return Snapshot(namespaces=namespaces, unread=sighting.unread, persistence=persistence)
