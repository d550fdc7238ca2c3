"""Guests side by side: their order, what is begun after a failure, and what is said of it."""

import signal
import time
from collections.abc import Sequence
from threading import Event, Lock, current_thread, main_thread

from hypothesis import given
from hypothesis import strategies as st

from homelab.errors import OperationError
from homelab.model.batches import batches
from homelab.model.operation import AddFilterRule, FilterRule, Operation, SetSysctl
from homelab.model.place import HOST, Place, container, guest, guest_of
from homelab.model.plan import Execution
from homelab.planning.lanes import Batch, waves
from homelab.workflow.hands import INTERRUPTED, Hands, Work, carry_out

PLACES = (HOST, guest("web"), guest("db"), container("web", "app"))


def step(place: Place, number: int = 0) -> SetSysctl:
    return SetSysctl(place, "net.ipv4.ip_forward", str(number), "")


def accept(place: Place, mark: str, table: str = "filter") -> AddFilterRule:
    return AddFilterRule(place, FilterRule("iptables-nft", table, "FORWARD", mark))


class Shop:
    """Notes what is begun and what is run; ``broken`` fails, ``unwritten`` cannot be written down."""

    def __init__(
        self, broken: Sequence[Operation] = (), unwritten: Operation | None = None
    ) -> None:
        self.begun: list[Operation] = []
        self.through: list[Operation] = []
        self._broken, self._unwritten, self._lock = broken, unwritten, Lock()

    def begin(self, batch: Batch) -> None:
        assert current_thread() is main_thread()
        if self._unwritten in batch:
            raise OperationError("disk full")
        self.begun.extend(batch)

    def run(self, batch: Batch) -> None:
        with self._lock:
            assert set(batch) <= set(self.begun)
            if set(self._broken) & set(batch):
                raise OperationError(f"{batch[0].place}: no")
            self.through.extend(batch)

    def work(self, operations: Sequence[Operation], at_once: int = 4) -> Execution:
        return carry_out(operations, Work(self.begin, self.run), Hands(at_once, self.run))


OPERATIONS = st.lists(
    st.one_of(
        st.builds(step, st.sampled_from(PLACES), st.integers(0, 999)),
        st.builds(accept, st.sampled_from(PLACES[:2]), st.sampled_from("abcdef")),
    ),
    max_size=12,
    unique=True,
)


@given(OPERATIONS)
def test_batches_hold_everything_in_order(operations: list[Operation]) -> None:
    assert [each for batch in batches(operations) for each in batch] == operations


@given(OPERATIONS, st.integers(1, 3))
def test_a_guest_sees_its_operations_in_order_and_the_host_sees_all(
    operations: list[Operation], at_once: int
) -> None:
    shop = Shop()

    execution = shop.work(operations, at_once)

    assert (execution.failure, execution.failed, execution.unsure) == (None, None, ())
    assert sorted(map(repr, execution.done)) == sorted(map(repr, operations))
    for name in ("web", "db"):
        of = [each for each in operations if guest_of(each.place) == name]
        assert [each for each in shop.through if guest_of(each.place) == name] == of
    for at, each in enumerate(operations):
        if each.place == HOST:
            before = shop.through[: shop.through.index(each)]
            assert set(before) == set(operations[:at])


@given(OPERATIONS, st.data())
def test_after_a_failure_nothing_is_begun_that_is_not_told(
    operations: list[Operation], data: st.DataObject
) -> None:
    broken = data.draw(st.lists(st.sampled_from(operations), max_size=3)) if operations else []
    shop = Shop(broken)

    execution = shop.work(operations)

    assert (execution.failure is None) is (not broken)
    assert set(execution.started) == set(shop.begun)
    assert set(execution.done) == set(shop.through)


def test_guests_are_worked_on_at_the_same_time() -> None:
    met = {guest("web"): Event(), guest("db"): Event()}

    def run(batch: Batch) -> None:
        met[batch[0].place].set()
        if not all(each.wait(5) for each in met.values()):
            raise OperationError("nobody came")

    operations = [step(guest("web")), step(guest("db"))]
    execution = carry_out(operations, Work(lambda _: None, run), Hands(2, run))

    assert execution.failure is None
    assert len(list(waves(operations))) == 1


def test_what_cannot_be_written_down_is_not_begun() -> None:
    operations = [step(guest("web"), 1), step(guest("db"), 2), step(guest("web"), 3)]
    shop = Shop(unwritten=operations[2])

    execution = shop.work(operations)

    assert (execution.failure, execution.failed) == ("disk full", operations[2])
    assert set(execution.done) == set(operations[:2])
    assert operations[2] not in shop.through


def test_a_batch_that_fails_is_unsure_as_a_whole() -> None:
    rules = [accept(HOST, "a"), accept(HOST, "b"), accept(HOST, "c", "raw")]

    execution = Shop(broken=rules[1:2]).work(rules)

    assert (execution.failed, execution.unsure, execution.done) == (rules[0], (rules[1],), ())


def test_a_signal_ends_an_operation_that_runs_alone() -> None:
    operations = [step(HOST, 1), step(HOST, 2)]
    shop = Shop()

    def run(batch: Batch) -> None:
        if batch[0] == operations[0]:
            raise KeyboardInterrupt
        shop.run(batch)

    alone = carry_out(operations, Work(shop.begin, run), Hands())

    assert (alone.failure, alone.failed) == (INTERRUPTED, operations[0])


def test_a_signal_lets_what_is_under_way_in_guests_come_to_its_end() -> None:
    operations = [step(guest("web"), 1), step(guest("db"), 2), step(guest("web"), 3)]
    shop, other = Shop(), Event()

    def run(batch: Batch) -> None:
        if batch[0] == operations[0]:
            other.wait(5)
            time.sleep(0.2)
            signal.pthread_kill(main_thread().ident or 0, signal.SIGINT)
            time.sleep(1)
        else:
            other.set()
        shop.run(batch)

    execution = carry_out(operations, Work(shop.begin, run), Hands(2, run))

    assert execution.failure == INTERRUPTED
    assert set(execution.started) == set(shop.through) == set(shop.begun)
    assert operations[2] not in shop.begun
