"""What a machine can and cannot do, as text and as a document."""

from collections.abc import Iterator, Sequence

from homelab.model.ability import Ability, Need
from homelab.report.paint import Paint, plain

SIGNS = {True: ("good", "✓"), False: ("warn", "✗"), None: ("dim", "?")}


def doctor_text(found: Sequence[Ability], paint: Paint) -> str:
    """One line each; below what does not work, what is impossible then, and the way out."""
    width = max((len(each.name) for each in found), default=0)
    lines = [line for each in found for line in _lines(each, width, paint)]
    return "\n".join([*lines, "", _verdict(found)])


def _lines(each: Ability, width: int, paint: Paint) -> Iterator[str]:
    style, sign = SIGNS[each.works]
    if each.works is False and each.need is Need.READING:
        style = "bad"
    yield f"{paint(style, sign)} {each.area:8} {each.name:{width}}  {plain(each.evidence)}"
    if not each.works and each.then:
        out = f"; {each.way_out}" if each.way_out else ""
        yield f"  {'':8} {'':{width}}  {plain(each.then + out)}"


def _verdict(found: Sequence[Ability]) -> str:
    for works, said in ((False, "lacks"), (None, "does not tell")):
        names = [each.name for each in found if each.works is works and each.need is Need.READING]
        if names:
            return f"this machine {said} what a diagnosis needs: {', '.join(names)}"
    names = [each.name for each in found if each.works is False and each.need is Need.CHANGING]
    if names:
        return f"this machine can diagnose; a change lacks: {', '.join(names)}"
    return "this machine can diagnose and change a lab; next: `homelab diagnose`"


def doctor_document(found: Sequence[Ability], version: str) -> dict[str, object]:
    rows = [
        {
            "area": each.area,
            "name": each.name,
            "works": each.works,
            "evidence": plain(each.evidence),
            "needed_for": each.need.value,
            "then": None if each.works else each.then or None,
            "way_out": None if each.works else each.way_out or None,
        }
        for each in found
    ]
    return {"schema": "homelab.doctor/1", "version": version, "abilities": rows}
