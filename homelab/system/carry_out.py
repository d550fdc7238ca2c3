"""Which tool carries out which operation on a real machine."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Protocol, assert_never

from homelab.errors import OperationError
from homelab.model import operation as op
from homelab.model.batches import batches
from homelab.model.place import Place, guest
from homelab.system import (
    connections,
    docker_write,
    iptables,
    kept_filters,
    kept_routes,
    lxd_write,
    nft,
    routes,
    sysctl,
    wires,
)
from homelab.system.doors import Door
from homelab.system.families import OfDocker, OfInstance, Rule, Setting

if TYPE_CHECKING:
    import docker
    import pylxd


class Machine(Protocol):
    """How places and daemons are reached; each raises ``OperationError`` when they are not."""

    def door(self, place: Place) -> Door: ...

    def docker(self, place: Place) -> "docker.APIClient": ...

    def lxd(self) -> "pylxd.Client": ...


def carry_out(operation: op.Operation, machine: Machine) -> None:
    """Do it, or raise ``OperationError`` and leave the machine as it was."""
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
            _rule(operation, machine)
        case (
            op.SetSysctl()
            | op.KeepSysctl()
            | op.ForgetSysctl()
            | op.KeepRoute()
            | op.ForgetRoute()
            | op.KeepFilter()
            | op.ForgetFilter()
        ):
            _setting(operation, machine)
        case op.SetOwnedLink() | op.SetPort() | op.SetCard():
            wires.change(machine.door(operation.place), operation)
        case op.SetInstanceConfig() | op.SetInstanceDevice() | op.RestartInstance():
            _of_instance(operation, machine)
        case (
            op.CreateDockerNetwork()
            | op.RemoveDockerNetwork()
            | op.ConnectContainer()
            | op.DisconnectContainer()
            | op.StartContainer()
        ):
            _of_docker(operation, machine)
        case _:
            assert_never(operation)


def run_many(operations: Sequence[op.Operation], machine: Machine) -> Iterator[op.Operation]:
    """Carry out in order, and yield each operation once it is done.

    Neighbours that one tool takes together (routes of a place, rules of a place's table) go to it
    together, all or none; with the first that fails ``OperationError`` ends it.
    """
    for batch in batches(operations):
        run_batch(batch, machine)
        yield from batch


def run_batch(steps: Sequence[op.Operation], machine: Machine) -> None:
    """One batch, all or none; ``OperationError`` where it is none."""
    ways = [each for each in steps if isinstance(each, op.AddRoute | op.DeleteRoute)]
    rules = [each for each in steps if isinstance(each, op.AddFilterRule | op.DeleteFilterRule)]
    if ways:
        routes.change_routes(machine.door(ways[0].place), ways)
    elif rules:
        iptables.change_filter(machine.door(rules[0].place), rules)
    else:
        carry_out(steps[0], machine)


def _rule(operation: Rule, machine: Machine) -> None:
    door = machine.door(operation.place)
    match operation:
        case op.AddRoute() | op.DeleteRoute():
            routes.change_routes(door, [operation])
        case op.MarkRoute():
            routes.mark_route(door, operation)
        case op.ForgetConnections():
            connections.forget(door, operation)
        case op.AddFilterRule() | op.DeleteFilterRule():
            iptables.change_filter(door, [operation])
        case op.SetIngressFilter(_, wanted):
            nft.set_ingress_filter(door, wanted)
        case op.DeleteIngressFilter(_, wanted):
            nft.delete_ingress_filter(door, wanted)
        case _:
            assert_never(operation)


def _setting(operation: Setting, machine: Machine) -> None:
    match operation:
        case op.SetSysctl():
            sysctl.set_sysctl(machine.door(operation.place), operation)
        case op.KeepSysctl() | op.ForgetSysctl():
            sysctl.keep_sysctl(operation)
        case op.KeepRoute() | op.ForgetRoute():
            kept_routes.keep_route(machine.door(operation.place), operation)
        case op.KeepFilter() | op.ForgetFilter():
            kept_filters.keep_filter(operation)
        case _:
            assert_never(operation)


def _of_instance(operation: OfInstance, machine: Machine) -> None:
    match operation:
        case op.SetInstanceConfig():
            lxd_write.set_config(machine.lxd(), operation)
        case op.SetInstanceDevice():
            lxd_write.set_device(machine.lxd(), operation)
        case op.RestartInstance():
            answered = _docker_answers(machine, guest(operation.instance))
            lxd_write.restart(machine.lxd(), operation, with_docker=answered)
        case _:
            assert_never(operation)


def _docker_answers(machine: Machine, place: Place) -> bool:
    try:
        machine.docker(place).close()
    except OperationError:
        return False
    return True


def _of_docker(operation: OfDocker, machine: Machine) -> None:
    with closing(machine.docker(operation.place)) as client:
        match operation:
            case op.CreateDockerNetwork():
                docker_write.create_network(client, operation)
            case op.RemoveDockerNetwork():
                docker_write.remove_network(client, operation)
            case op.ConnectContainer():
                docker_write.connect_container(client, operation)
            case op.DisconnectContainer():
                docker_write.disconnect_container(client, operation)
            case op.StartContainer():
                docker_write.start_container(client, operation)
            case _:
                assert_never(operation)
