"""Prints the part of requirements.lock that homelab itself needs, hashes included."""  # noqa: INP001 - a script

import re
import sys
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

LOCK = Path(__file__).parents[1] / "requirements.lock"


def closure(name: str) -> set[str]:
    """What it needs, and what that needs, under normal names; what another system needs is not installed."""
    found, todo = set[str](), [name]
    while todo:
        each = _normal(todo.pop())
        if each in found:
            continue
        try:
            needed = requires(each) or []
        except PackageNotFoundError:
            continue
        found.add(each)
        todo += [re.split(r"[^A-Za-z0-9._-]", one)[0] for one in needed if "extra ==" not in one]
    return found - {_normal(name)}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> None:
    """Each block of the lock begins with NAME==VERSION, and goes on with indented lines."""
    blocks = re.findall(r"^[a-z0-9][^\n]*(?:\n[ \t][^\n]*)*", LOCK.read_text(), re.MULTILINE)
    wanted = closure("homelab-net")
    kept = [each for each in blocks if _normal(each.partition("==")[0]) in wanted]
    missing = wanted - {_normal(each.partition("==")[0]) for each in kept}
    if missing:
        sys.exit(f"{LOCK.name}: it does not have {', '.join(sorted(missing))}; compile it anew")
    sys.stdout.write("\n".join(kept) + "\n")


if __name__ == "__main__":
    main()
