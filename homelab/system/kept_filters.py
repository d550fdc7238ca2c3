"""Ingress filters kept for a guest's next start: a program on the host that LXC runs before the guest's init.

It runs outside the guest and enters its network namespace only, so no file of the guest is read or written.
"""

import json
import re
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

from homelab.errors import OperationError
from homelab.model.ingress import AllowEntry, IngressFilter
from homelab.model.operation import ForgetFilter, KeepFilter
from homelab.model.persistence import Persistence
from homelab.model.place import Place, guest
from homelab.system import nft
from homelab.system.files import remove, write_whole
from homelab.system.templates import render

FOLDER = Path("/var/lib/homelab/guests")
TEMPLATE = "guest-start.sh.j2"

_MARK = "# homelab: filter "
# A name of an instance: validate.IsHostname in LXD and Incus.
_GUEST = re.compile(r"guest:([A-Za-z0-9][A-Za-z0-9-]{0,62})")


def keep_filter(operation: KeepFilter | ForgetFilter, folder: Path = FOLDER) -> None:
    """Put the filter into the guest's file, or take it out; the file goes with the last."""
    file = folder / f"{check(operation)}.start"
    try:
        if file.is_symlink() or (
            file.exists() and not parse_filters(file.read_text("utf-8", "replace"))
        ):
            raise OperationError(
                f"{operation.place}: {file}: it is there and is not homelab's; move it away"
            )
        text = file.read_text("utf-8", "replace") if file.exists() else ""
        _store(file, changed(parse_filters(text), operation))
    except OSError as error:
        raise OperationError(f"{operation.place}: {file}: {error.strerror}; run as root") from error


def check(operation: KeepFilter | ForgetFilter) -> str:
    """The guest's name; ``OperationError`` for what is no guest, or no filter that nft takes."""
    found = _GUEST.fullmatch(operation.place)
    if found is None:
        raise OperationError(f"{operation.place}: filters are kept for guests only")
    nft.check(operation.place, operation.filter)
    return found[1]


def changed(
    there: tuple[IngressFilter, ...], operation: KeepFilter | ForgetFilter
) -> tuple[IngressFilter, ...]:
    others = tuple(each for each in there if each.chain != operation.filter.chain)
    return (*others, operation.filter) if isinstance(operation, KeepFilter) else others


def _store(file: Path, filters: tuple[IngressFilter, ...]) -> None:
    if not filters:
        if file.parent.is_dir():
            remove(file)
        return
    file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    write_whole(file, filters_text(filters), 0o755)


def filters_text(filters: tuple[IngressFilter, ...]) -> str:
    body = render(TEMPLATE, {"script": "".join(nft.script(each) for each in filters)})
    return body + "".join(f"{_MARK}{json.dumps(_plain(each))}\n" for each in filters)


def _plain(kept: IngressFilter) -> dict[str, object]:
    entries = [[str(each.source), each.protocol, each.ports] for each in kept.entries]
    return {"chain": kept.chain, "bridge": kept.bridge, "mark": kept.mark, "entries": entries}


def parse_filters(text: str) -> tuple[IngressFilter, ...]:
    """The filters that the marks of a file name."""
    lines = (line.removeprefix(_MARK) for line in text.splitlines() if line.startswith(_MARK))
    return tuple(each for line in lines if (each := _parsed(line)) is not None)


def _parsed(line: str) -> IngressFilter | None:
    try:
        said = json.loads(line)
        entries = tuple(
            AllowEntry(ip_network(source), protocol, tuple(ports) if ports else None)
            for source, protocol, ports in said["entries"]
        )
        return IngressFilter(said["chain"], said["bridge"], said["mark"], entries)
    except (ValueError, KeyError, TypeError):
        return None


def read_filters(folder: Path = FOLDER) -> dict[Place, Persistence]:
    """What is kept for each guest; a folder that cannot be read holds nothing of ours."""
    return {guest(name): Persistence(filters=kept) for name, kept in _read(folder)}


def _read(folder: Path) -> Iterator[tuple[str, tuple[IngressFilter, ...]]]:
    try:
        for file in sorted(folder.glob("*.start")):
            kept = parse_filters(file.read_text("utf-8", "replace"))
            if kept and not file.is_symlink():
                yield file.stem, kept
    except OSError:
        return
