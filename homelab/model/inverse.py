"""The way back: the operations that undo an operation."""

from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

from homelab.model import operation as op


def inverse(operation: op.Operation) -> tuple[op.Operation, ...]:  # noqa: PLR0911 - a closed list
    """What brings back the state before; empty where there is nothing to bring back.

    A restart and a start are not undone: they change no configuration. What was tracked of a connection
    is made again by its next packet.
    """
    match operation:
        case op.ForgetConnections():
            return ()
        case op.AddRoute() | op.DeleteRoute() | op.MarkRoute():
            return (_route(operation),)
        case (
            op.AddFilterRule()
            | op.DeleteFilterRule()
            | op.SetIngressFilter()
            | op.DeleteIngressFilter()
        ):
            return (_rule(operation),)
        case op.SetSysctl() | op.KeepSysctl() | op.ForgetSysctl():
            return (_sysctl(operation),)
        case op.KeepRoute() | op.ForgetRoute() | op.KeepFilter() | op.ForgetFilter():
            return (_kept(operation),)
        case op.SetOwnedLink() | op.SetPort() | op.SetCard():
            return (_swapped(operation),)
        case op.SetInstanceConfig() | op.SetInstanceDevice() | op.RestartInstance():
            return _instance(operation)
        case (
            op.CreateDockerNetwork()
            | op.RemoveDockerNetwork()
            | op.ConnectContainer()
            | op.DisconnectContainer()
            | op.StartContainer()
        ):
            return _docker(operation)
        case _:
            assert_never(operation)


def standing(started: Sequence[op.Operation]) -> tuple[op.Operation, ...]:
    """What is left of operations when those that were followed by their own inverses are left out."""
    left: list[op.Operation] = []
    for each in started:
        undone = next((one for one in reversed(left) if inverse(one) == (each,)), None)
        if undone is None:
            left.append(each)
        else:
            left.remove(undone)
    return tuple(left)


def _route(operation: op.AddRoute | op.DeleteRoute | op.MarkRoute) -> op.Operation:
    match operation:
        case op.AddRoute(place, route):
            return op.DeleteRoute(place, route)
        case op.DeleteRoute(place, route):
            return op.AddRoute(place, route)
        case op.MarkRoute(place, route, protocol):
            return op.MarkRoute(place, replace(route, protocol=protocol), route.protocol)
        case _:
            assert_never(operation)


def _rule(
    operation: op.AddFilterRule
    | op.DeleteFilterRule
    | op.SetIngressFilter
    | op.DeleteIngressFilter,
) -> op.Operation:
    match operation:
        case op.AddFilterRule(place, rule):
            return op.DeleteFilterRule(place, rule)
        case op.DeleteFilterRule(place, rule):
            return op.AddFilterRule(place, rule)
        case op.SetIngressFilter(place, chain):
            return op.DeleteIngressFilter(place, chain)
        case op.DeleteIngressFilter(place, chain):
            return op.SetIngressFilter(place, chain)
        case _:
            assert_never(operation)


def _sysctl(operation: op.SetSysctl | op.KeepSysctl | op.ForgetSysctl) -> op.Operation:
    match operation:
        case op.SetSysctl(place, key, value, was):
            return op.SetSysctl(place, key, was, value)
        case op.KeepSysctl(place, key, value, was):
            return op.ForgetSysctl(place, key, value, was)
        case op.ForgetSysctl(place, key, value, was):
            return op.KeepSysctl(place, key, value, was)
        case _:
            assert_never(operation)


def _kept(
    operation: op.KeepRoute | op.ForgetRoute | op.KeepFilter | op.ForgetFilter,
) -> op.Operation:
    match operation:
        case op.KeepRoute(place, route):
            return op.ForgetRoute(place, route)
        case op.ForgetRoute(place, route):
            return op.KeepRoute(place, route)
        case op.KeepFilter(place, wanted):
            return op.ForgetFilter(place, wanted)
        case op.ForgetFilter(place, wanted):
            return op.KeepFilter(place, wanted)
        case _:
            assert_never(operation)


def _instance(
    operation: op.SetInstanceConfig | op.SetInstanceDevice | op.RestartInstance,
) -> tuple[op.Operation, ...]:
    match operation:
        case op.SetInstanceConfig(place, instance, config, was):
            return (op.SetInstanceConfig(place, instance, was, config),)
        case op.SetInstanceDevice(place, instance, device, config, was):
            return (op.SetInstanceDevice(place, instance, device, was, config),)
        case op.RestartInstance():
            return ()
        case _:
            assert_never(operation)


def _docker(
    operation: op.CreateDockerNetwork
    | op.RemoveDockerNetwork
    | op.ConnectContainer
    | op.DisconnectContainer
    | op.StartContainer,
) -> tuple[op.Operation, ...]:
    match operation:
        case op.CreateDockerNetwork(place, network):
            return (op.RemoveDockerNetwork(place, network),)
        case op.RemoveDockerNetwork(place, network):
            return (op.CreateDockerNetwork(place, network),)
        case op.ConnectContainer(place, container, attachment):
            return (op.DisconnectContainer(place, container, attachment),)
        case op.DisconnectContainer(place, container, attachment):
            return (op.ConnectContainer(place, container, attachment),)
        case op.StartContainer():
            return ()
        case _:
            assert_never(operation)


def _swapped(operation: op.SetOwnedLink | op.SetPort | op.SetCard) -> op.Operation:
    match operation:
        case op.SetOwnedLink(place, link, was):
            return op.SetOwnedLink(place, was, link)
        case op.SetPort(place, port, before):
            return op.SetPort(place, before, port)
        case op.SetCard(place, card, earlier):
            return op.SetCard(place, earlier, card)
        case _:
            assert_never(operation)
