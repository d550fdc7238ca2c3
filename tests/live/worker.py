"""homelab's command line, asked again and again in one process: JSON lines of arguments in, of answers out."""

import contextlib
import io
import json
import sys

from homelab.cli import run


def answer(arguments: list[str]) -> dict[str, str | int]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(arguments)
    return {"code": code, "out": out.getvalue(), "err": err.getvalue()}


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
        sys.stdout.flush()
