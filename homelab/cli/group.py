"""The commands, and what becomes of their answers and errors; each one's module is imported when it runs."""

import importlib
import os
import sys
from typing import Any

import click

from homelab.errors import HomelabError

COMMANDS = {
    "init": ("init", "Write an inventory from what runs on this host."),
    "check": ("inventory", "Validate the inventory, offline."),
    "schema": ("inventory", "Print the JSON Schema of the inventory, for editors."),
    "plan": ("change", "Show what apply would change, and what will be reachable afterwards."),
    "apply": ("change", "Make the lab as declared, verify it, and go back if it does not hold."),
    "destroy": ("change", "Remove all that homelab owns, and nothing else."),
    "watch": ("watch", "Keep the lab as it was last applied, until it is stopped."),
    "render": ("render", "Print the units that keep a lab over a reboot."),
    "adopt": ("adopt", "Take foreign networks, routes and addresses over, as they are."),
    "confirm": ("history", "Keep the change that waits to be confirmed."),
    "rollback": ("history", "Take back the last change, or go back to a revision."),
    "history": ("history", "List what was changed, when, by whom, and how it ended."),
    "diagnose": ("diagnose", "Find every unreachable container network and what drops the packet."),
    "trace": ("trace", "Follow one packet there and back, hop by hop."),
    "expect": ("expect", "Test what the inventory expects: who reaches whom, and who must not."),
    "doctor": ("doctor", "Say what this machine can and cannot do, and why."),
    "completion": ("completion", "Print what makes bash, zsh or fish complete homelab's words."),
    "explain": ("explain", "Print the page of one fault."),
    "graph": ("graph", "Draw the lab, and what of it the LAN reaches."),
    "snapshot": ("snapshot", "Write the facts of the whole lab into one file."),
    "agent": ("agent", "Answer another homelab's calls: what ssh starts on this host."),
}
INTERRUPTED = 130
BUG = 3


class LazyCommands(click.Group):
    """Imports a command's module only when that command runs, so that --help is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"homelab.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """A reader that has seen enough is no failure; click's own answer to it is exit code 1."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # Python flushes standard output once more at its end: docs.python.org, library/signal,
            # "Note on SIGPIPE".
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(
    cls=LazyCommands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with `homelab diagnose`: it needs no inventory.",
)
@click.option(
    "-i",
    "--inventory",
    metavar="PATH",
    help="Inventory file or folder (default: ./inventory, then /etc/homelab/inventory).",
)
@click.version_option(package_name="homelab-net", prog_name="homelab")
@click.pass_context
def cli(context: click.Context, inventory: str | None) -> None:
    """Every Docker container in your LXC guests at its own address.

    And, when one does not answer: the hop and the rule that drop the packet, and the smallest fix.
    """
    context.obj = inventory


def run(argv: list[str] | None = None) -> int:
    try:
        result: Any = cli.main(argv, prog_name="homelab", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except HomelabError as error:
        click.echo(str(error), err=True)
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - the last line of defence: a bug gets a message too
        click.echo(f"homelab: this is a bug in homelab: {type(error).__name__}: {error}", err=True)
        click.echo("please report it with the output of `homelab snapshot --redact`", err=True)
        return BUG
    return result if isinstance(result, int) else 0
