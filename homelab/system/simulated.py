"""The same contract in memory: what each operation would do to a snapshot, and what refuses it."""

from collections.abc import Callable, Sequence
from typing import assert_never

from homelab.errors import OperationError
from homelab.model import operation as op
from homelab.model.kernel import Namespace
from homelab.model.place import Place
from homelab.model.snapshot import Snapshot
from homelab.system import (
    iptables,
    simulate_containers,
    simulate_docker,
    simulate_instances,
    simulate_kept,
    simulate_nft,
    simulate_routes,
    simulate_sysctls,
    simulate_wires,
)
from homelab.system.families import OfDocker, OfInstance, Rule, Setting
from homelab.system.simulate_places import namespace_of, with_namespace, with_rules
from homelab.system.simulate_rules import restored
from homelab.system.simulate_typed import understood


class SimulatedSystem:
    """A lab in memory. ``breaks_on`` makes the first operation of that type fail, for tests."""

    def __init__(self, snapshot: Snapshot, breaks_on: type[op.Operation] | None = None) -> None:
        self._snapshot = snapshot
        self._breaks_on = breaks_on

    def read(self) -> Snapshot:
        return self._snapshot

    def run(self, operation: op.Operation) -> None:
        """Do it, or raise ``OperationError`` and leave the lab as it was."""
        if self._breaks_on is not None and isinstance(operation, self._breaks_on):
            self._breaks_on = None
            raise OperationError(f"{operation.place}: {type(operation).__name__} was made to fail")
        self._snapshot = simulate(self._snapshot, operation)


def is_known(lines: Sequence[str]) -> bool:
    """Whether the simulated system knows what each of these commands does."""
    return bool(lines) and all(understood(each) is not None for each in lines)


def type_in(snapshot: Snapshot, lines: Sequence[str]) -> Snapshot | None:
    """Pure. The lab after a person typed these commands on the host; None if that cannot be told of all."""
    for line in lines:
        done = understood(line)
        if done is None:
            return None
        try:
            snapshot = done(snapshot)
        except OperationError:
            return None
    return snapshot


def simulate(snapshot: Snapshot, operation: op.Operation) -> Snapshot:
    """Pure. The lab after the operation; ``OperationError`` where the real one would refuse it."""
    match operation:
        case (
            op.AddRoute()
            | op.DeleteRoute()
            | op.MarkRoute()
            | op.ForgetConnections()
            | op.AddFilterRule()
            | op.DeleteFilterRule()
            | op.SetIngressFilter()
            | op.DeleteIngressFilter()
        ):
            return _rule(snapshot, operation)
        case (
            op.SetSysctl()
            | op.KeepSysctl()
            | op.ForgetSysctl()
            | op.KeepRoute()
            | op.ForgetRoute()
            | op.KeepFilter()
            | op.ForgetFilter()
        ):
            return _setting(snapshot, operation)
        case op.SetOwnedLink() | op.SetPort() | op.SetCard():
            return simulate_wires.changed(snapshot, operation)
        case op.SetInstanceConfig() | op.SetInstanceDevice() | op.RestartInstance():
            return _of_instance(snapshot, operation)
        case (
            op.CreateDockerNetwork()
            | op.RemoveDockerNetwork()
            | op.ConnectContainer()
            | op.DisconnectContainer()
            | op.StartContainer()
        ):
            return _of_docker(snapshot, operation)
        case _:
            assert_never(operation)


def _within(snapshot: Snapshot, place: Place, change: Callable[[Namespace], Namespace]) -> Snapshot:
    return with_namespace(snapshot, place, change(namespace_of(snapshot, place)))


def _rule(snapshot: Snapshot, operation: Rule) -> Snapshot:
    place = operation.place
    match operation:
        case op.AddRoute() | op.DeleteRoute() | op.MarkRoute():
            return _within(snapshot, place, lambda here: _routed(here, operation))
        case op.ForgetConnections():
            return _within(snapshot, place, lambda here: here)
        case op.AddFilterRule() | op.DeleteFilterRule():
            return _within(snapshot, place, lambda here: _filtered(here, operation))
        case op.SetIngressFilter():
            return _within(snapshot, place, lambda here: simulate_nft.set_ingress(here, operation))
        case op.DeleteIngressFilter():
            return _within(
                snapshot, place, lambda here: simulate_nft.delete_ingress(here, operation)
            )
        case _:
            assert_never(operation)


def _routed(
    namespace: Namespace, operation: op.AddRoute | op.DeleteRoute | op.MarkRoute
) -> Namespace:
    match operation:
        case op.AddRoute():
            return simulate_routes.add_route(namespace, operation)
        case op.DeleteRoute():
            return simulate_routes.delete_route(namespace, operation)
        case op.MarkRoute():
            return simulate_routes.mark_route(namespace, operation)
        case _:
            assert_never(operation)


def _filtered(namespace: Namespace, operation: op.AddFilterRule | op.DeleteFilterRule) -> Namespace:
    """The very script that iptables-restore would read, read in memory."""
    iptables.check(operation.place, operation.rule)
    return with_rules(
        namespace,
        operation.rule.tool,
        lambda text: restored(text, iptables.script(text, [operation])),
    )


def _setting(snapshot: Snapshot, operation: Setting) -> Snapshot:
    match operation:
        case op.SetSysctl(place):
            return _within(
                snapshot, place, lambda here: simulate_sysctls.set_sysctl(here, operation)
            )
        case op.KeepSysctl() | op.ForgetSysctl():
            return simulate_sysctls.keep_sysctl(snapshot, operation)
        case op.KeepRoute() | op.ForgetRoute():
            return simulate_kept.keep_route(snapshot, operation)
        case op.KeepFilter() | op.ForgetFilter():
            return simulate_kept.keep_filter(snapshot, operation)
        case _:
            assert_never(operation)


def _of_instance(snapshot: Snapshot, operation: OfInstance) -> Snapshot:
    match operation:
        case op.SetInstanceConfig():
            return simulate_instances.set_config(snapshot, operation)
        case op.SetInstanceDevice():
            return simulate_instances.set_device(snapshot, operation)
        case op.RestartInstance():
            return simulate_instances.restart(snapshot, operation)
        case _:
            assert_never(operation)


def _of_docker(snapshot: Snapshot, operation: OfDocker) -> Snapshot:
    match operation:
        case op.CreateDockerNetwork():
            return simulate_docker.create_network(snapshot, operation)
        case op.RemoveDockerNetwork():
            return simulate_docker.remove_network(snapshot, operation)
        case op.ConnectContainer():
            return simulate_containers.connect(snapshot, operation)
        case op.DisconnectContainer():
            return simulate_containers.disconnect(snapshot, operation)
        case op.StartContainer():
            return simulate_containers.start(snapshot, operation)
        case _:
            assert_never(operation)
