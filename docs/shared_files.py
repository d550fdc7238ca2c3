"""Writes share/: a manual page for each command, and the completion of three shells. Run it from the root."""  # noqa: INP001 - a script beside the pages

import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import click

from homelab.cli.completion import SCRIPTS
from homelab.cli.group import COMMANDS, cli

FOLDER = Path(__file__).parents[1] / "share"
COMPLETIONS = {
    "bash": "bash-completion/completions/homelab",
    "zsh": "zsh/site-functions/_homelab",
    "fish": "fish/vendor_completions.d/homelab.fish",
}
CODES = (
    ("0", "done; healthy; nothing to change"),
    ("1", "the answer is no"),
    ("2", "usage, or an invalid inventory"),
    ("3", "unknown: facts are missing, or something is not modelled"),
    ("4", "model and probe disagree"),
    ("5", "apply failed and was rolled back"),
    ("6", "apply failed and could not be rolled back completely"),
    ("130", "interrupted"),
)
FILES = (
    ("./inventory, /etc/homelab/inventory", "the inventory, a file or a folder"),
    ("/etc/homelab/templates", "templates that win over homelab's own"),
    ("/var/lib/homelab", "the journal of changes, and the revisions (HOMELAB_STATE)"),
    ("~/.cache/homelab/names.json", "names for completion (XDG_CACHE_HOME)"),
)


def files() -> dict[str, str]:
    """Every file by its path below share/."""
    context = click.Context(cli, info_name="homelab", **cli.context_settings)
    pages = {"man/man1/homelab.1": _page("homelab", cli, context, tuple(_of_all()))}
    for name in COMMANDS:
        command = cli.get_command(context, name)
        if command is not None:
            inner = click.Context(command, info_name=name, parent=context)
            pages[f"man/man1/homelab-{name}.1"] = _page(f"homelab-{name}", command, inner, ())
    return pages | {path: SCRIPTS[shell] for shell, path in COMPLETIONS.items()}


def _of_all() -> Iterator[str]:
    yield ".SH COMMANDS"
    for name, (_, text) in COMMANDS.items():
        yield f".TP\n.BR homelab\\-{_roff(name)} (1)\n{_roff(text)}"
    yield ".SH FILES"
    yield from (f".TP\n.I {_roff(path)}\n{_roff(text)}" for path, text in FILES)


def _page(title: str, command: click.Command, context: click.Context, more: tuple[str, ...]) -> str:
    help_text = re.sub(r"^\x08$", "", command.help or "", flags=re.MULTILINE)
    first, _, rest = help_text.partition("\n\n")
    usage = " ".join(command.collect_usage_pieces(context))
    lines = [
        f'.TH {title.upper()} 1 "" "homelab {version("homelab-net")}" "homelab"',
        f".SH NAME\n{_roff(title)} \\- {_roff(' '.join(first.split()).rstrip('.'))}",
        f".SH SYNOPSIS\n.B {_roff(context.command_path)}\n{_roff(usage)}",
        *([".SH DESCRIPTION", *_paragraphs(rest)] if rest.strip() else []),
        ".SH OPTIONS",
        *(_option(each, context) for each in command.get_params(context)),
        *more,
        ".SH EXIT STATUS",
        *(f".TP\n.B {code}\n{_roff(text)}" for code, text in CODES),
        ".SH SEE ALSO\n.BR homelab (1)",
    ]
    return "\n".join(each for each in lines if each) + "\n"


def _paragraphs(text: str) -> Iterator[str]:
    for each in text.strip().split("\n\n"):
        yield f".PP\n{_roff(' '.join(each.split()))}"


def _option(param: click.Parameter, context: click.Context) -> str:
    record = param.get_help_record(context)
    return f".TP\n.B {_roff(record[0])}\n{_roff(record[1] or ' ')}" if record else ""


def _roff(text: str) -> str:
    """What man(7) would take for a request or an escape is none; a dash can be copied."""
    shown = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", shown, flags=re.MULTILINE)


def main() -> None:
    """Write them all, and take away what is not written any more."""
    wanted = files()
    for old in FOLDER.rglob("*"):
        if old.is_file() and str(old.relative_to(FOLDER)) not in wanted:
            old.unlink()
    for path, text in wanted.items():
        (FOLDER / path).parent.mkdir(parents=True, exist_ok=True)
        (FOLDER / path).write_text(text)


if __name__ == "__main__":
    main()
