"""The command line: argv → one workflow call → report. The only room that prints and exits."""

import os
import sys

COMPLETING = "_HOMELAB_COMPLETE"
"""Set by the shells' scripts: the arguments are then those typed so far, and the answer is what may follow."""


def main(argv: list[str] | None = None) -> None:
    """Run one command and exit with its code; see the table of exit codes in the reference."""
    if COMPLETING in os.environ:
        from homelab.cli.complete import complete  # noqa: PLC0415 - a shell waits: not even click

        sys.exit(complete(sys.argv[1:] if argv is None else argv))
    sys.exit(run(argv))


def run(argv: list[str] | None = None) -> int:
    """The exit code of one command."""
    from homelab.cli.group import run as run_group  # noqa: PLC0415 - as above

    return run_group(argv)
