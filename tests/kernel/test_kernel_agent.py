"""The agent on a real kernel: what it sees, what it changes, and what becomes of a change that nobody ends."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from homelab.model.agent import PROTOCOL
from tests.machines import Machine, machines

pytestmark = pytest.mark.kernel
ROUTE = {"destination": "10.99.0.0/24", "hops": [{"via": "10.66.0.9", "link": "eth0"}]}
ADD = {"is": "AddRoute", "place": "host", "route": {**ROUTE, "protocol": "201"}}
STRANGE = {**ROUTE, "destination": "10.98.0.0/24", "protocol": "4"}
MARK = {"is": "MarkRoute", "place": "host", "route": STRANGE, "protocol": "201"}
OURS = "ip route show proto 201"


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with machines(tmp_path_factory.mktemp("agent"), "one") as (first,):
        yield first


@pytest.fixture
def machine(alone: Machine) -> Machine:
    alone.sh("rm -rf /var/lib/homelab/*; ip route flush proto 201")
    return alone


def said(done: subprocess.CompletedProcess[str]) -> list[Any]:
    hello, *answers = [json.loads(each) for each in done.stdout.splitlines()]
    assert hello["schema"] == PROTOCOL
    assert hello["host"] == "one"
    return answers


def agent(machine: Machine, *calls: object) -> tuple[int, list[Any], str]:
    """Exit code, answers, and what was told on standard error."""
    done = machine.homelab("agent", stdin="".join(f"{json.dumps(each)}\n" for each in calls))
    return done.returncode, said(done), done.stderr


def test_it_sees_and_probes_by_hand(machine: Machine) -> None:
    question = {"sender": {"place": "host"}, "targets": [{"address": "10.66.0.1"}]}
    code, (seen, met), _ = agent(
        machine, {"call": "read"}, {"call": "probe", "questions": [question]}
    )

    assert code == 0
    addresses = [each["interface"] for each in seen["snapshot"]["namespaces"]["host"]["addresses"]]
    assert "10.66.0.1/24" in addresses
    assert seen["enterable"] == ["host"]
    assert met["met"] == [["answered"]]


def test_a_change_that_is_kept_stays_and_is_in_the_history(machine: Machine) -> None:
    code, (ran,), _ = agent(machine, {"call": "run", "operations": [ADD], "end": "keep"})

    assert (code, ran["done"], ran["state"]) == (0, 1, "kept")
    assert "10.99.0.0/24 via 10.66.0.9" in machine.sh(OURS)
    (row,) = json.loads(machine.homelab("history", "--json").stdout)["revisions"]
    assert (row["command"], row["outcome"]) == ("agent", "applied")


def test_a_change_that_nobody_ends_is_taken_back_when_the_connection_ends(
    machine: Machine,
) -> None:
    code, (ran,), told = agent(machine, {"call": "run", "operations": [ADD]})

    assert (code, ran["done"], ran["state"]) == (5, 1, "open")
    assert "taking back" in told
    assert machine.sh(OURS) == ""
    (row,) = json.loads(machine.homelab("history", "--json").stdout)["revisions"]
    assert row["outcome"] == "rolled back"


def test_an_operation_that_fails_leaves_the_change_open_and_names_why(machine: Machine) -> None:
    code, (ran,), _ = agent(machine, {"call": "run", "operations": [ADD, MARK], "end": "keep"})

    assert (code, ran["done"], ran["state"]) == (5, 1, "open")
    assert ran["failure"].startswith("host: ")
    assert machine.sh(OURS) == ""


def test_what_its_caller_took_back_is_not_done_once_more(machine: Machine) -> None:
    back = {**ADD, "is": "DeleteRoute"}
    code, (_, _, ended), told = agent(
        machine,
        {"call": "run", "operations": [ADD]},
        {"call": "run", "operations": [back]},
        {"call": "run", "end": "take back"},
    )

    assert (code, ended["state"], ended["residue"]) == (0, "taken back", [])
    assert "ip route" not in told


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_takes_the_open_change_back(machine: Machine, how: signal.Signals) -> None:
    with begun(machine) as agent:
        machine.sh(f"kill -{how.value} $(cat state/pid)")
        assert agent.wait(20) == 5
    assert machine.sh(OURS) == ""


def test_after_a_kill_the_next_connection_takes_it_back(machine: Machine) -> None:
    with begun(machine):
        machine.sh("kill -9 $(cat state/pid)")
        assert "10.99.0.0/24" in machine.sh(OURS)

        code, (ran,), _ = agent(machine, {"call": "run", "end": "take back"})
    assert (code, ran["state"]) == (0, "taken back")
    assert machine.sh(OURS) == ""


def begun(machine: Machine) -> subprocess.Popen[str]:
    """An agent with a change open; its pid lies in state/pid."""
    machine.sh("mkdir -p state")
    script = "echo $$ >state/pid; exec homelab agent"
    process = subprocess.Popen(
        machine.argv("sh", "-c", script), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps({"call": "run", "operations": [ADD]}) + "\n")
    process.stdin.flush()
    process.stdout.readline()
    assert json.loads(process.stdout.readline())["state"] == "open"
    return process


def test_a_change_that_waits_is_confirmed_by_another_connection(machine: Machine) -> None:
    change = {"command": "apply", "who": "somebody", "confirm_within": 30}
    call = {"call": "run", "operations": [ADD], "change": change, "end": "wait"}

    assert agent(machine, call)[1][0]["state"] == "waits"
    assert "10.99.0.0/24" in machine.sh(OURS)
    assert agent(machine, {"call": "run", "end": "keep"})[1][0]["state"] == "kept"
    assert "10.99.0.0/24" in machine.sh(OURS)


def test_a_change_that_nobody_confirms_is_taken_back(machine: Machine) -> None:
    call = {"call": "run", "operations": [ADD], "change": {"confirm_within": 2}, "end": "wait"}

    assert agent(machine, call)[1][0]["state"] == "waits"
    deadline = time.monotonic() + 20
    while machine.sh(OURS) and time.monotonic() < deadline:
        time.sleep(0.3)
    assert machine.sh(OURS) == ""
