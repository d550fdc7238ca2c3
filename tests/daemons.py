"""Daemons on Unix sockets that answer as a test wants: well, badly, or never."""

import json
import socketserver
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

Answer = Callable[[BaseHTTPRequestHandler], None]


def say(value: object) -> Answer:
    return say_text(json.dumps(value))


def say_text(text: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        content = text.encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(content)))
        for name, value in (headers or {}).items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(content)

    return answer


def hang(_: BaseHTTPRequestHandler) -> None:
    time.sleep(2)


def drip(request: BaseHTTPRequestHandler) -> None:
    """One byte now and then, each in time."""
    request.send_response(200)
    request.end_headers()
    for _ in range(40):
        request.wfile.write(b" ")
        request.wfile.flush()
        time.sleep(0.05)


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: Any) -> None:
        """A client that gave up is what some tests are about."""


@contextmanager
def listening(path: Path, answers: Mapping[str, Answer]) -> Iterator[list[str]]:
    """A daemon that answers GET by the last words of the path; yields the paths that were asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            plain = self.path.partition("?")[0]
            found = next((each for end, each in answers.items() if plain.endswith(end)), None)
            (found or say_text('{"message": "no such page"}', 404))(self)

        def log_message(self, *_: Any) -> None:
            pass

    path.parent.mkdir(parents=True, exist_ok=True)
    with _Server(str(path), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield asked
        server.shutdown()
        thread.join()
