"""The system that a command works on: this machine, or the hosts of its inventory."""

from importlib.metadata import version

from homelab.errors import UsageError
from homelab.model.inventory import Inventory
from homelab.system import Lab
from homelab.system.live import LiveSystem


def lab_of(declared: Inventory | None) -> Lab:
    """Hosts behind ssh, if the inventory has some; else what runs here."""
    if declared is None or not is_far(declared):
        return LiveSystem(declared)
    from homelab.load import agent  # noqa: PLC0415 - pydantic costs start-up time
    from homelab.system.hosts import Hosts  # noqa: PLC0415 - as above
    from homelab.system.remote import Speech  # noqa: PLC0415 - as above

    speech = Speech(version("homelab-net"), agent.dump_call, agent.parse_hello, agent.parse_answer)
    return Hosts(declared, speech)


def refuse_far(declared: Inventory) -> None:
    """For what only sees the kernels of this machine; ``UsageError``."""
    if is_far(declared):
        raise UsageError(
            "watch hears the kernel and the daemons of its own machine only, and this lab has hosts behind "
            "ssh; run `homelab watch` on each host, with an inventory in which that host is `local`"
        )


def is_far(declared: Inventory) -> bool:
    """Whether there are hosts behind ssh."""
    return any(each.connection.kind == "ssh" for each in declared.hosts)
