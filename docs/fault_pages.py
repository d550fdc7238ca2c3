"""Writes docs/faults/: a page for each fault, from the docstrings of the checks. Run it from the root."""  # noqa: INP001 - a script beside the pages that it writes

from pathlib import Path

from homelab.checks import CHECKS
from homelab.model.finding import Check

FOLDER = Path(__file__).parent / "faults"


def pages() -> dict[str, str]:
    """Every page by its file name, and the list of all."""
    return {f"{each.code}.md": _page(each) for each in CHECKS} | {"README.md": _list()}


def _page(check: Check) -> str:
    return f"# {check.code}\n\n*{check.title}*\n\n{check.page.strip()}\n"


def _list() -> str:
    rows = (f"| [{each.code}]({each.code}.md) | {each.title} |" for each in CHECKS)
    head = "# Faults\n\nWhat `homelab explain CODE` prints, written by `docs/fault_pages.py`.\n"
    return "\n".join((head, "| code | what it is |", "|---|---|", *rows, ""))


def main() -> None:
    for old in FOLDER.glob("*.md"):
        old.unlink()
    for name, text in pages().items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()
