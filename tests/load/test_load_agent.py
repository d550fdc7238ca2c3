"""What an agent is told and says: the same values after a journey as JSON, and an error for all that is none."""

import json
from contextlib import suppress
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homelab.errors import SnapshotError, UsageError
from homelab.load.agent import (
    dump_answer,
    dump_call,
    dump_hello,
    parse_answer,
    parse_call,
    parse_hello,
)
from homelab.model import operation as op
from homelab.model.agent import (
    Answer,
    Ask,
    Call,
    Change,
    End,
    Hello,
    Met,
    Question,
    Ran,
    Read,
    Run,
    Seen,
    State,
    Trouble,
)
from homelab.model.inventory import Guest, Host, Inventory
from homelab.model.kernel import Namespace, NextHop, Route
from homelab.model.place import HOST
from homelab.model.proof import Counter, Sender, Wanted
from homelab.model.snapshot import Snapshot
from homelab.model.trace import Target

ROUTE = Route(ip_network("10.9.0.0/24"), (NextHop(ip_address("10.0.0.9"), "eth0"),))
TARGET = Target(ip_address("10.9.0.2"), "tcp", 80)
CALLS: list[Call] = [
    Read(),
    Read(Inventory(hosts=(Host("a", uplink="eth0"),), guests=(Guest("web", "a"),))),
    Run((op.AddRoute(HOST, ROUTE), op.SetSysctl(HOST, "net.ipv4.ip_forward", "1", "0"))),
    Run((), Change("apply", "me", ("one", "two"), 60.0), End.WAIT),
    Run(end=End.BACK),
    Ask((Question(Sender(HOST), (TARGET,)),), (Wanted(HOST, "nft"),), 0.5),
]
ANSWERS: list[Answer] = [
    Seen(Snapshot(host="a", namespaces={HOST: Namespace()}), (HOST,)),
    Ran(2, State.KEPT),
    Ran(1, State.OPEN, "no room", ("host route 10.9.0.0/24",)),
    Met((("answered", "timeout"), ()), {Counter(HOST, "link", "in eth0"): 7}),
    Trouble("it is not so"),
]


@pytest.mark.parametrize("call", CALLS)
def test_a_call_is_one_line_and_comes_back_as_it_was(call: Call) -> None:
    line = dump_call(call)

    assert "\n" not in line
    assert parse_call(line.encode()) == call


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_is_one_line_and_comes_back_as_it_was(answer: Answer) -> None:
    line = dump_answer(answer)

    assert "\n" not in line
    assert parse_answer(line.encode()) == answer


def test_a_call_by_hand_needs_no_more_than_its_name() -> None:
    assert parse_call(b'{"call": "read"}') == Read()
    assert parse_call(b'{"call": "run"}') == Run()
    assert parse_call(b'{"call": "probe"}') == Ask()


BAD_CALLS = {
    b"": "not JSON",
    b"{": "not JSON",
    b"\xff\xfe": "not JSON",
    b"[" * 100_000: "not JSON",
    b"[1]": "not an object",
    b'{"call": ["read"]}': "['read'] is none",
    b'{"call": "rm"}': "'rm' is none",
    b'{"call": "read", "path": 1}': "'path': not known",
    b'{"call": "read", "inventory": {"hosts": 3}}': "read: hosts",
    b'{"call": "run", "operations": {}}': "run: operations",
    b'{"call": "run", "operations": "AddRoute"}': "run: operations",
    b'{"call": "run", "operations": [{"is": "Format"}]}': "one of AddRoute",
    b'{"call": "run", "operations": [{"is": {}}]}': "one of AddRoute",
    b'{"call": "run", "operations": [{"is": "AddRoute", "place": "host"}]}': "run: route",
    b'{"call": "run", "end": "never"}': "'keep', 'wait' or 'take back'",
    b'{"call": "probe", "timeout": 1e9}': "60 s",
    b'{"call": "probe", "timeout": NaN}': "60 s",
    b'{"call": "probe", "questions": [{"sender": {"place": 1}, "targets": []}]}': "place",
}


@pytest.mark.parametrize("line", BAD_CALLS, ids=lambda each: repr(each)[:50])
def test_what_is_no_call_is_told_in_one_line(line: bytes) -> None:
    with pytest.raises(UsageError) as told:
        parse_call(line)

    assert BAD_CALLS[line] in str(told.value)
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 600


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda each: st.lists(each) | st.dictionaries(st.text(), each),
)
SOME = st.dictionaries(
    st.sampled_from(["answer", "call", "operations", "end", "inventory", "snapshot", "met"]),
    JSON | st.sampled_from(["read", "run", "probe", "error", "keep"]),
)


@given(SOME)
def test_no_line_of_json_does_worse_than_an_error(found: dict[str, object]) -> None:
    line = json.dumps(found).encode()
    for parse in (parse_call, parse_answer, parse_hello):
        with suppress(UsageError):
            assert parse(line) is not None


def test_an_answer_with_a_damaged_snapshot_names_what_is_wrong_in_it() -> None:
    with pytest.raises(SnapshotError, match=r"snapshot: host"):
        parse_answer(b'{"answer": "read", "snapshot": {"schema": "homelab.snapshot/1", "host": 1}}')


def test_a_hello_comes_back_as_it_was_and_one_of_another_protocol_is_refused() -> None:
    hello = Hello("0.1.0", "nuc")

    assert parse_hello(dump_hello(hello).encode()) == hello
    with pytest.raises(UsageError, match=r"homelab\.agent/2"):
        parse_hello(b'{"schema": "homelab.agent/2", "version": "9"}')
    with pytest.raises(UsageError, match="not an agent"):
        parse_hello(b"Welcome to nuc!")
