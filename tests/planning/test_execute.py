"""Operations one at a time, and the way back from wherever they stopped."""

from ipaddress import ip_address, ip_interface, ip_network

from hypothesis import given
from hypothesis import strategies as st

from homelab.errors import OperationError
from homelab.model.kernel import Link, LinkAddress, Namespace, NextHop, Route
from homelab.model.operation import AddRoute, DeleteRoute, KeepSysctl, Operation, SetSysctl
from homelab.model.place import HOST
from homelab.model.snapshot import Snapshot
from homelab.planning.execute import execute, undo
from homelab.system.simulated import SimulatedSystem

ON_LINK = Route(
    ip_network("10.77.0.0/24"), (NextHop(None, "lxdbr0"),), protocol="kernel", scope="link"
)
BARE = Snapshot(
    namespaces={
        HOST: Namespace(
            links=(Link(1, "lxdbr0", "bridge"),),
            addresses=(LinkAddress("lxdbr0", ip_interface("10.77.0.1/24")),),
            routes=(ON_LINK,),
            sysctls={"net.ipv4.ip_forward": "0"},
        )
    }
)


def route(number: int) -> Route:
    hop = NextHop(ip_address("10.77.0.11"), "lxdbr0")
    return Route(ip_network(f"10.90.{number}.0/24"), (hop,), protocol="201")


ROUTES = st.integers(0, 3).map(route)
OPERATIONS = st.lists(
    st.one_of(
        st.builds(AddRoute, st.just(HOST), ROUTES),
        st.builds(DeleteRoute, st.just(HOST), ROUTES),
    ),
    max_size=8,
)


def test_all_is_done_where_nothing_is_refused() -> None:
    operations: list[Operation] = [
        AddRoute(HOST, route(1)),
        AddRoute(HOST, route(2)),
        DeleteRoute(HOST, route(1)),
    ]

    assert execute(operations, SimulatedSystem(BARE).run).done == tuple(operations)


@given(OPERATIONS)
def test_undone_is_as_before_wherever_it_stopped(operations: list[Operation]) -> None:
    system = SimulatedSystem(BARE)

    execution = execute(operations, system.run)
    back = undo(execution, system.run)

    assert system.read() == BARE
    assert back.failure is None
    assert len(back.done) == len(execution.done)


@given(OPERATIONS)
def test_what_was_done_is_what_came_before_the_failure(operations: list[Operation]) -> None:
    execution = execute(operations, SimulatedSystem(BARE).run)
    done = len(execution.done)

    assert execution.done == tuple(operations[:done])
    assert (execution.failure is None) is (execution.failed is None) is (done == len(operations))
    if execution.failed is not None:
        assert execution.failed == operations[done]


def test_the_way_back_goes_on_after_a_step_that_fails() -> None:
    add, keep = AddRoute(HOST, route(1)), KeepSysctl(HOST, "net.ipv4.ip_forward", "1", "0")
    change = SetSysctl(HOST, "net.ipv4.ip_forward", "1", "0")
    system = SimulatedSystem(BARE)
    execution = execute([add, keep, change], system.run)

    def run(operation: Operation) -> None:
        if isinstance(operation, SetSysctl):
            raise OperationError("read-only file system")
        system.run(operation)

    back = undo(execution, run)

    assert back.failure == "read-only file system"
    assert len(back.done) == 2
    assert system.read().kept_sysctls == {}
    assert system.read().namespaces[HOST].routes == (ON_LINK,)
