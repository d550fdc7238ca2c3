"""`homelab agent`."""

import os
import socket
from importlib.metadata import version

import click

from homelab.cli.common import say
from homelab.cli.interrupts import interruptible
from homelab.cli.serving import Session
from homelab.errors import HomelabError, UnreadableError, UsageError
from homelab.load.agent import dump_answer, dump_hello, parse_call
from homelab.model.agent import Answer, Hello, Trouble
from homelab.system.lines import Lines

LONGEST = 16 * 1024 * 1024
"""Bytes of a call: ten thousand operations take 3 MB."""

PATIENCE = 30.0
"""Seconds without a line in the middle of a change after which the connection is taken for dead.

sshd(8) by itself asks nothing of a client that is silent: ClientAliveInterval is 0.
"""

STDIN, STDOUT = 0, 1
USAGE, ROLLED_BACK, STUCK = 2, 5, 6


@click.command("agent")
def agent_command() -> int:
    """Answer calls on standard input, one JSON document per line: what ssh starts on another host.

    \b
    {"call": "read"}                               observe this host
    {"call": "run", "operations": [...], "end": "keep"}   change it
    {"call": "probe", "questions": [...]}          send real packets

    By hand: echo '{"call": "read"}' | homelab agent. The first line that it prints says which version
    it is; then there is one line for each call, in order. A change that no call has ended is taken back
    when standard input ends, or when nothing comes for 30 seconds; an empty line keeps it waiting.
    The words of calls and answers: docs/agent.md.
    """  # noqa: D301 - \b is how click is told to keep the lines
    _print(dump_hello(Hello(version("homelab-net"), socket.gethostname())))
    session = Session()
    with interruptible("the agent is told to end"):
        try:
            code = _serve(session, Lines(STDIN, LONGEST))
        except (KeyboardInterrupt, BrokenPipeError):
            code = 0
        return _closed(session) if session.is_open else code


def _closed(session: Session) -> int:
    """The first signal may come only now; there is no second one."""
    try:
        residue = session.close()
    except KeyboardInterrupt:
        residue = session.close()
    return STUCK if residue else ROLLED_BACK


def _serve(session: Session, lines: Lines) -> int:
    """2 when a line was no call, else 0."""
    code = 0
    while True:
        try:
            line = lines.next(PATIENCE if session.is_open else None)
        except TimeoutError:
            say(f"nothing was heard for {PATIENCE:g} s")
            return code
        except UnreadableError as error:
            _print(dump_answer(Trouble(f"standard input: {error}")))
            return USAGE
        if line is None:
            return code
        if line.strip():
            answer, wrong = _answered(session, line)
            _print(dump_answer(answer))
            code = max(code, wrong)


def _answered(session: Session, line: bytes) -> tuple[Answer, int]:
    try:
        return session.answer(parse_call(line)), 0
    except UsageError as error:
        return Trouble(str(error)), USAGE
    except HomelabError as error:
        return Trouble(str(error)), error.exit_code


def _print(text: str) -> None:
    """Past Python's buffers: nothing is left in them for a pipe that is gone."""
    rest = memoryview(f"{text}\n".encode())
    while rest:
        rest = rest[os.write(STDOUT, rest) :]
