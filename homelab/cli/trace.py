"""`homelab trace`."""

import json

import click

from homelab.cli.common import (
    inventory_option,
    inventory_or_none,
    json_option,
    lines_of,
    observe,
    paint,
    snapshot_option,
)
from homelab.errors import UsageError
from homelab.model.inventory import Inventory
from homelab.model.trace import Outcome
from homelab.report.documents import Document, as_json, error_document, trace_document
from homelab.report.paint import plain
from homelab.report.proof import proof_document, proof_text
from homelab.report.trace_text import trace_text
from homelab.workflow.trace import TraceDesk

CODES = {Outcome.DELIVERED: 0, Outcome.DROPPED: 1, Outcome.REJECTED: 1, Outcome.UNKNOWN: 3}
DISAGREEMENT = 4
WORST_FIRST = (2, 1, 3)
"""Which code a batch has of those of its lines: a bad line, then a no, then a "nobody knows"."""

ENDS = ("from", "to")
FORM = 'a line is {"from": …, "to": …}'


@click.command("trace")
@click.argument("origin", metavar="FROM", required=False)
@click.argument("to", metavar="TO", required=False)
@inventory_option
@snapshot_option
@json_option
@click.option("--batch", metavar="FILE", help='JSON lines {"from": …, "to": …}; - is stdin.')
@click.option("--verify", "probing", is_flag=True, help="Send real packets too, and compare.")
@click.option(
    "--nft-trace",
    "watching",
    is_flag=True,
    help="With --verify: let nft trace them, in a table of its own that ends with this command.",
)
def trace_command(  # noqa: PLR0913 - one argument for each option
    *,
    origin: str | None,
    to: str | None,
    path: str | None,
    file: str | None,
    as_document: bool,
    batch: str | None,
    probing: bool,
    watching: bool,
) -> int:
    """Follow one packet from FROM to TO and its reply back, hop by hop.

    FROM is lan, router, host, guest:NAME, container:GUEST/NAME, netns:NAME or
    packet:IFACE:SOURCE. TO is ADDRESS (ICMP echo), ADDRESS:PORT (TCP), ADDRESS:PORT/udp,
    [IPV6]:PORT, or a container's name in place of the address.
    """
    if batch is None and (origin is None or to is None):
        raise UsageError("trace takes FROM and TO, or --batch FILE; see `homelab trace --help`")
    if watching and not probing:
        raise UsageError("--nft-trace traces the packets of --verify: give both")
    declared = inventory_or_none(path)
    taken, system = observe(file, declared)
    desk = TraceDesk(taken, declared or Inventory())
    if batch is not None:
        return _batch(desk, batch)
    trace = desk.trace(origin or "", to or "")
    proof = desk.verify(trace, system) if probing and system else None
    if proof and system and watching:
        proof = desk.watch(proof, system)
    if as_document:
        document = trace_document(trace)
        click.echo(as_json(document | ({"probe": proof_document(proof)} if proof else {})))
    else:
        click.echo(trace_text(trace, paint()))
        if proof:
            click.echo(proof_text(proof, paint()))
    if proof and proof.verdict == "disagrees":
        return DISAGREEMENT
    return CODES[trace.outcome]


def _batch(desk: TraceDesk, batch: str) -> int:
    """Answer every line, in order, as soon as it is read; what is no question is answered with its error."""
    codes = set[int]()
    for number, line in enumerate(lines_of(batch), 1):
        if line.strip():
            document, code = _answer(desk, line, f"{batch}:{number}")
            click.echo(as_json(document, indent=None))
            codes.add(code)
    return next((each for each in WORST_FIRST if each in codes), 0)


def _answer(desk: TraceDesk, line: str, where: str) -> tuple[Document, int]:
    question: dict[str, object] = {}
    try:
        question = _question(line, where)
        trace = desk.trace(*_ends(question, where))
    except UsageError as error:
        told = plain(str(error))
        click.echo(told if told.startswith(where) else f"{where}:1: {told}", err=True)
        origin, to = (e if isinstance(e, str) else None for e in map(question.get, ENDS))
        return error_document(origin, to, told), error.exit_code
    return trace_document(trace), CODES[trace.outcome]


def _question(line: str, where: str) -> dict[str, object]:
    try:
        question = json.loads(line)
    except json.JSONDecodeError as error:
        raise UsageError(f"{where}:{error.colno}: {error.msg}; {FORM}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where}:1: {error}; {FORM}") from error
    if not isinstance(question, dict):
        raise UsageError(f"{where}:1: not an object; {FORM}")
    return question


def _ends(question: dict[str, object], where: str) -> tuple[str, str]:
    origin, to = map(question.get, ENDS)
    if not isinstance(origin, str) or not isinstance(to, str):
        raise UsageError(f'{where}:1: "from" and "to" must be strings; {FORM}')
    return origin, to
