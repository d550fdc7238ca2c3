"""homelab with more patience: an emulated machine takes its time, and a daemon that has just started more."""

from homelab.cli import main
from homelab.system import lxd_write
from homelab.system.live import LiveSystem

LiveSystem.__init__.__kwdefaults__["timeout"] = 60.0  # type: ignore[index] # it has one
lxd_write.restart.__kwdefaults__["patience"] = 300.0  # type: ignore[index] # as above
main()
