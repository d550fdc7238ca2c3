"""A host behind ssh: one connection to its agent, what goes over it, and what is said when it breaks."""

import shlex
import subprocess
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from homelab.errors import HomelabError, UnreadableError
from homelab.model.agent import Answer, Call, Hello
from homelab.model.inventory import Connection
from homelab.system.lines import Lines
from homelab.system.reasons import printable

GREETING = 20.0
"""Seconds until an agent has said who it is: ssh gives up after 5 s, Python starts in less than one."""

BEAT = 5.0
"""Seconds between two signs of life while a change is open; an agent gives up after 30 s of silence."""

LONGEST = 256 * 1024 * 1024
_TAIL = 20
_NOT_FOUND = 127

_OPTIONS = (
    *("-o", "BatchMode=yes", "-o", "ConnectTimeout=5"),
    # A link that is cut says nothing: ssh(1) asks, and ends after three questions without an answer.
    *("-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3"),
    # A confirmation over an old connection would prove nothing (ssh_config(5), ControlMaster).
    *("-o", "ControlMaster=no", "-o", "ControlPath=none"),
    *("-o", "ForwardAgent=no", "-o", "ForwardX11=no", "-o", "ClearAllForwardings=yes", "-T"),
)
_SAID = (
    (
        "IDENTIFICATION HAS CHANGED",
        "its host key is not the one that is known here; if that is meant, `ssh-keygen -R {host}`",
    ),
    (
        "Host key verification failed",
        "its host key is not known here; log in once by hand, `{ssh}`, and compare the key",
    ),
    (
        "Permission denied",
        "it lets nobody in with our keys; put yours there with `ssh-copy-id {copy}`, and try `{ssh}`",
    ),
)


@dataclass(frozen=True, slots=True)
class Speech:
    """How calls and answers are written and read, and which version of homelab this is."""

    version: str
    dump: Callable[[Call], str]
    hello: Callable[[bytes], Hello]
    answer: Callable[[bytes], Answer]


class Remote:
    """At most one connection at a time; one that broke is made anew by the next call."""

    def __init__(self, name: str, connection: Connection, speech: Speech) -> None:
        self.name = name
        self.connection = connection
        self._speech = speech
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: Lines | None = None
        self._said: deque[str] = deque(maxlen=_TAIL)
        self._writing = threading.Lock()
        self._calling = threading.Lock()
        self._beating = threading.Event()

    @property
    def is_connected(self) -> bool:
        return self._process is not None

    def call(self, call: Call, patience: float) -> Answer:
        """One answer to one call; ``UnreadableError`` when there is none, and the connection is gone then."""
        with self._calling:
            try:
                lines = self._lines or self._connected()
                self._write(self._speech.dump(call).encode() + b"\n")
                return self._speech.answer(self._line(lines, patience))
            except HomelabError as error:
                self.close()
                raise UnreadableError(f"{error}") from error
            except BaseException:
                self.close()
                raise

    def keep_alive(self) -> None:
        """From now on the agent hears something now and then, until the connection ends."""
        if not self._beating.is_set():
            self._beating.set()
            threading.Thread(target=self._beat, args=(self._process,), daemon=True).start()

    def close(self) -> None:
        """End the connection; the agent takes back what is open."""
        process, self._process, self._lines = self._process, None, None
        self._beating.clear()
        if process is None:
            return
        for each in (process.stdin, process.stdout):
            if each is not None:
                _shut(each)
        process.kill()
        process.wait()

    def _connected(self) -> Lines:
        self._said.clear()
        argv = self._argv()
        try:
            # Apart from the terminal's group: its Ctrl-C is for us to hear.
            process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise UnreadableError(f"host {self.name}: ssh: {error.strerror}") from error
        self._process = process
        if process.stderr is None or process.stdout is None:
            raise UnreadableError(f"host {self.name}: ssh has no pipes")
        threading.Thread(target=self._listen, args=(process.stderr,), daemon=True).start()
        self._lines = Lines(process.stdout.fileno(), LONGEST)
        self._greet(self._line(self._lines, GREETING))
        return self._lines

    def _greet(self, line: bytes) -> None:
        try:
            hello = self._speech.hello(line)
        except HomelabError as error:
            shown = printable(line.decode(errors="replace"))[:80]
            raise UnreadableError(
                f"host {self.name}: what answers is no homelab agent of this version: {error}: {shown}; "
                f"see what `{self._by_hand()} homelab agent` prints"
            ) from error
        if hello.version != self._speech.version:
            raise UnreadableError(
                f"host {self.name}: it has homelab {printable(hello.version)[:40]}, and this is "
                f"{self._speech.version}; install the same version on both"
            )

    def _argv(self) -> list[str]:
        port = ["-p", str(self.connection.port)] if self.connection.port else []
        return ["ssh", *_OPTIONS, *port, "--", self.connection.target, "homelab", "agent"]

    def _by_hand(self) -> str:
        port = ["-p", str(self.connection.port)] if self.connection.port else []
        return shlex.join(["ssh", *port, self.connection.target])

    def _write(self, line: bytes) -> None:
        with self._writing:
            process = self._process
            try:
                if process is None or process.stdin is None:
                    raise BrokenPipeError
                process.stdin.write(line)
                process.stdin.flush()
            except (OSError, ValueError) as error:
                raise UnreadableError(self._gone()) from error

    def _line(self, lines: Lines, patience: float) -> bytes:
        try:
            line = lines.next(patience)
        except TimeoutError as error:
            raise UnreadableError(
                f"host {self.name}: its agent does not answer within {patience:g} s; "
                f"see `{self._by_hand()} homelab history`"
            ) from error
        if line is None:
            raise UnreadableError(self._gone())
        return line

    def _gone(self) -> str:
        """Why the connection ended: what ssh said last."""
        status = _ended(self._process)
        said = "\n".join(self._said)
        port = f"-p {self.connection.port} " if self.connection.port else ""
        names = {
            "ssh": self._by_hand(),
            "host": self.connection.target.rpartition("@")[2],
            "copy": f"{port}{self.connection.target}",
        }
        known = next((text for sign, text in _SAID if sign in said), None)
        last = printable(self._said[-1]) if self._said else f"ssh ended with status {status}"
        if status == _NOT_FOUND:
            way = f"install homelab {self._speech.version} there, so that `{{ssh}} homelab --version` answers"
            return f"host {self.name}: there is no homelab ({last}); {way.format(**names)}"
        if known is not None:
            return f"host {self.name}: {known.format(**names)} ({last})"
        return f"host {self.name}: the connection ended ({last}); try `{names['ssh']}`"

    def _listen(self, stream: IO[bytes]) -> None:
        """The last lines that ssh and the agent say on standard error; a long one is cut."""
        with stream:
            while line := stream.readline(4096):
                text = line.decode(errors="replace").strip()
                if text:
                    self._said.append(text)

    def _beat(self, process: "subprocess.Popen[bytes] | None") -> None:
        pause = threading.Event()
        while not pause.wait(BEAT) and process is self._process and self._beating.is_set():
            try:
                self._write(b"\n")
            except UnreadableError:
                return


def _shut(stream: IO[bytes]) -> None:
    try:
        stream.close()
    except OSError:
        return


def _ended(process: "subprocess.Popen[bytes] | None") -> int | None:
    if process is None:
        return None
    try:
        return process.wait(2)
    except subprocess.TimeoutExpired:
        return None
