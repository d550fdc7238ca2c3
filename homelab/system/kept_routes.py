"""Files of routes, written and removed: each whole at every instant, and never one that is not ours."""

from contextlib import suppress
from pathlib import Path

from homelab.errors import OperationError
from homelab.model.operation import ForgetRoute, KeepRoute
from homelab.model.persistence import KeptRoute
from homelab.system.doors import Door
from homelab.system.files import remove, write_whole
from homelab.system.kept_text import (
    PROGRAMS,
    is_link,
    is_ours,
    keeper_of,
    parse_routes,
    routes_text,
)

# A file of ours appears by a rename; the folders that we made for it go with it when they are empty.
# systemd notices a changed unit only when it is told (systemctl(1), daemon-reload).
_WRITE = 'umask 022; mkdir -p "${1%/*}" && cat >"$1.new" && chmod "$2" "$1.new" && sync "$1.new" && mv "$1.new" "$1"'
_REMOVE = 'rm -f "$1"; rmdir "${1%/*}" 2>/dev/null; :'
_READ = '[ ! -h "$1" ] || { echo "it is a symbolic link" >&2; exit 1; }; [ ! -e "$1" ] || cat "$1"'
_RELOAD = "[ ! -d /run/systemd/system ] || systemctl daemon-reload"


def keep_route(door: Door, operation: KeepRoute | ForgetRoute, root: Path = Path("/")) -> None:
    """Put the route into its file, or take it out; the file goes with the last."""
    wanted = check(operation)
    try:
        before = _read(door, wanted.file, root)
        if before and not is_ours(before):
            raise OperationError(
                f"{door.place}: {wanted.file}: it is there and is not homelab's; move it away"
            )
        _store(door, wanted, changed(parse_routes(wanted.file, before), operation), root)
    except OSError as error:
        raise OperationError(f"{door.place}: {wanted.file}: {error.strerror}") from error
    if wanted.keeper == "unit":
        _reload(door, root)


def check(operation: KeepRoute | ForgetRoute) -> KeptRoute:
    """The route; ``OperationError`` for what no file of ours can hold."""
    wanted = operation.route
    if keeper_of(wanted.file) != wanted.keeper:
        raise OperationError(
            f"{operation.place}: {wanted.file}: no file that homelab keeps routes in"
        )
    if not is_link(wanted.link) or wanted.via.version != wanted.destination.version:
        raise OperationError(
            f"{operation.place}: {wanted.destination} via {wanted.via} dev {wanted.link!r}: "
            "no route that can be kept"
        )
    return wanted


def changed(
    there: tuple[KeptRoute, ...], operation: KeepRoute | ForgetRoute
) -> tuple[KeptRoute, ...]:
    """The routes of the file after the operation."""
    others = tuple(each for each in there if each.destination != operation.route.destination)
    return (*others, operation.route) if isinstance(operation, KeepRoute) else others


def _read(door: Door, file: str, root: Path) -> str:
    if door.ssh is not None:
        return door.run(["sh", "-c", _READ, "sh", file])
    path = root / file.lstrip("/")
    if path.is_symlink():
        raise OperationError(f"{door.place}: {file}: it is a symbolic link; move it away")
    return path.read_text(errors="replace") if path.exists() else ""


def _store(door: Door, wanted: KeptRoute, routes: tuple[KeptRoute, ...], root: Path) -> None:
    mode = 0o755 if wanted.keeper in PROGRAMS else 0o644
    text = routes_text(wanted.keeper, routes) if routes else ""
    if door.ssh is not None:
        script = ["sh", "-c", _WRITE if text else _REMOVE, "sh", wanted.file, f"{mode:o}"]
        door.run(script, stdin=text)
        return
    path = root / wanted.file.lstrip("/")
    if text:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text, mode)
    elif path.parent.is_dir():
        remove(path)
        with suppress(OSError):  # Somebody else's files are in it too.
            path.parent.rmdir()


def _reload(door: Door, root: Path) -> None:
    """The file counts at the next boot in any case."""
    if root == Path("/"):
        with suppress(OperationError):
            door.run(["sh", "-c", _RELOAD], timeout=30)
