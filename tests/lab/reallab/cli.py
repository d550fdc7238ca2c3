"""The arguments of `lab`, and its exit status: 0, 1 for a lab that is not up, 2 for what it cannot do."""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from reallab import cgroup, holder, runtime, state
from reallab.commands import LabError, refuse_if_not_root, say, show

_USAGE = """usage: lab up | down | status | images
       lab exec GUEST -- COMMAND…
       lab client | router | host -- COMMAND…
HOMELAB_LAB=NAME in the environment means a second lab, which shares only the images;
HOMELAB_RUNTIME=incus brings up a lab that Incus runs, instead of LXD."""
_SBIN = "/usr/local/sbin:/usr/sbin:/sbin"


def main(arguments: Sequence[str]) -> int:
    os.environ["PATH"] = f"{os.environ.get('PATH', '/usr/local/bin:/usr/bin:/bin')}:{_SBIN}"
    try:
        return _run(arguments)
    except LabError as error:
        say(str(error))
        return 2
    except KeyboardInterrupt:
        say("interrupted; `lab up` goes on from here, `lab down` removes it")
        return 130


def _run(arguments: Sequence[str]) -> int:
    state.refuse_odd_name()
    match list(arguments):
        case ["up" | "down" | "status" | "images" as verb]:
            return _change(verb)
        case ["exec", guest, "--", first, *rest]:
            _replace("host", [runtime.current().client, "exec", guest, "--", first, *rest])
        case ["client" | "router" | "host" as place, "--", first, *rest]:
            _replace(place, [first, *rest])
        case ["-h" | "--help"]:
            show(_USAGE)
            return 0
    sys.stderr.write(f"{_USAGE}\n")
    return 2


def _change(verb: str) -> int:
    # Only these need to read the rest: a command in the lab should start at once.
    from reallab import lifecycle  # noqa: PLC0415

    if verb == "status":
        _end_with_the_reader()
        return 0 if lifecycle.status() else 1
    {"up": lifecycle.up, "down": lifecycle.down, "images": lifecycle.build_images}[verb]()
    return 0


def _replace(place: str, command: Sequence[str]) -> NoReturn:
    refuse_if_not_root()
    keeper = holder.find()
    if keeper is None:
        raise LabError("down; bring it up with `lab up`")
    cgroup.join()
    _end_with_the_reader()
    argv = holder.argv(keeper, place, command, directory=str(Path.cwd()))
    os.execvpe(argv[0], argv, holder.environment())


def _end_with_the_reader() -> None:
    """Python ignores a broken pipe, and a command that it becomes would inherit that."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
