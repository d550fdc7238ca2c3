"""The expectations of an inventory put to the test on a snapshot: does each flow fare as it shall."""

from collections.abc import Iterable, Iterator

from homelab.diagnosis.judge import addresses_of
from homelab.diagnosis.tracer import Tracer
from homelab.model.docker import Daemon, DockerContainer
from homelab.model.finding import Trial
from homelab.model.inventory import ContainerCalled, Expectation, Inventory, NetworkOf
from homelab.model.place import Address, guest_of
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Outcome, Target, Trace


def put_to_the_test(inventory: Inventory, snapshot: Snapshot) -> tuple[Trial, ...]:
    """A trial of each expectation, in the inventory's order."""
    if not inventory.expect:
        return ()
    uplink = next((each.uplink for each in inventory.hosts if each.uplink), None)
    tracer = Tracer(snapshot, uplink)
    return tuple(_trial(each, snapshot, tracer) for each in inventory.expect)


def _trial(expectation: Expectation, snapshot: Snapshot, tracer: Tracer) -> Trial:
    found = _addresses(expectation, snapshot)
    if isinstance(found, str):
        return Trial(expectation, why=found)
    targets = [expectation.to.target(each) for each in found]
    problems = [tracer.problem(expectation.origin, each) for each in targets]
    asked = [each for each, problem in zip(targets, problems, strict=True) if problem is None]
    if not asked:
        return Trial(expectation, why=str(problems[0]))
    traces = tuple(_counting(expectation, _traces(expectation.origin, asked, tracer)))
    return Trial(expectation, traces, _holds(expectation, traces))


def _traces(origin: str, targets: Iterable[Target], tracer: Tracer) -> tuple[Trace, ...]:
    return tuple(tracer.trace(origin, each) for each in targets)


def _counting(expectation: Expectation, traces: tuple[Trace, ...]) -> Iterator[Trace]:
    """What shall be delivered to a port of a network is for the containers that listen on it.

    Where none does, all of them count.
    """
    among = isinstance(expectation.to.whom, NetworkOf) and expectation.outcome is Outcome.DELIVERED
    open_ = [each for each in traces if each.cause is None or each.cause.kind != "socket"]
    yield from open_ if among and open_ else traces


def _holds(expectation: Expectation, traces: tuple[Trace, ...]) -> bool | None:
    others = {each.outcome for each in traces} - {expectation.outcome}
    if others - {Outcome.UNKNOWN}:
        return False
    return None if others else True


def _addresses(expectation: Expectation, snapshot: Snapshot) -> tuple[Address, ...] | str:
    """To whom packets are sent, or why there is nobody."""
    whom = expectation.to.whom
    if isinstance(whom, NetworkOf):
        return _on_network(whom, snapshot)
    if isinstance(whom, ContainerCalled):
        return _of_container(whom, snapshot)
    return (whom,)


def _on_network(whom: NetworkOf, snapshot: Snapshot) -> tuple[Address, ...] | str:
    daemon = snapshot.daemon(whom.guest)
    if daemon is None:
        return f"guest {whom.guest}: its Docker was not observed"
    if whom.network not in {each.name for each in daemon.networks}:
        return f"guest {whom.guest}: Docker has no network {whom.network}"
    found = _attached(daemon.containers, whom.network)
    return found or f"{whom}: no container is on it"


def _of_container(whom: ContainerCalled, snapshot: Snapshot) -> tuple[Address, ...] | str:
    found = {
        f"container:{inside}/{each.name}": each
        for inside, daemon in _daemons(snapshot)
        for each in daemon.containers
        if each.name == whom.name and whom.guest in (None, inside)
    }
    if not found:
        return f"{whom}: no container of that name was observed"
    if len(found) > 1:
        return f"{whom}: several have that name; write one of {', '.join(sorted(found))}"
    return _attached(found.values()) or f"{whom}: the container has no address of a network"


def _daemons(snapshot: Snapshot) -> Iterator[tuple[str, Daemon]]:
    for place, daemon in snapshot.daemons.items():
        yield guest_of(place) or place, daemon


def _attached(
    containers: Iterable[DockerContainer], network: str | None = None
) -> tuple[Address, ...]:
    attachments = (each for one in containers for each in one.attachments)
    mine = (each for each in attachments if network in (None, each.network))
    return tuple(dict.fromkeys(address for each in mine for address in addresses_of(each)))
