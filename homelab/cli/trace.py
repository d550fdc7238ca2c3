"""`homelab trace`."""

import json
from collections.abc import Iterator

import click

from homelab.cli.common import (
    inventory_option,
    inventory_or_none,
    json_option,
    observe,
    paint,
    read_text,
    snapshot_option,
)
from homelab.errors import UsageError
from homelab.model.inventory import Inventory
from homelab.model.trace import Outcome
from homelab.report.documents import as_json, error_document, trace_document
from homelab.report.trace_text import trace_text
from homelab.workflow.trace import TraceDesk, verify

CODES = {Outcome.DELIVERED: 0, Outcome.DROPPED: 1, Outcome.REJECTED: 1, Outcome.UNKNOWN: 3}
DISAGREEMENT = 4


@click.command("trace")
@click.argument("origin", metavar="FROM", required=False)
@click.argument("to", metavar="TO", required=False)
@inventory_option
@snapshot_option
@json_option
@click.option("--batch", metavar="FILE", help='JSON lines {"from": …, "to": …}; - is stdin.')
@click.option("--verify", "probing", is_flag=True, help="Send a real packet too, and compare.")
def trace_command(  # noqa: PLR0913 - one argument for each option
    *,
    origin: str | None,
    to: str | None,
    path: str | None,
    file: str | None,
    as_document: bool,
    batch: str | None,
    probing: bool,
) -> int:
    """Follow one packet from FROM to TO and its reply back, hop by hop.

    FROM is lan, router, host, guest:NAME, container:GUEST/NAME, netns:NAME or
    packet:IFACE:SOURCE. TO is ADDRESS (ICMP echo), ADDRESS:PORT (TCP), ADDRESS:PORT/udp,
    [IPV6]:PORT, or a container's name in place of the address.
    """
    if batch is None and (origin is None or to is None):
        raise UsageError("trace takes FROM and TO, or --batch FILE; see `homelab trace --help`")
    declared = inventory_or_none(path)
    taken, system = observe(file, declared)
    desk = TraceDesk(taken, declared or Inventory())
    if batch is not None:
        return _batch(desk, batch)
    trace = desk.trace(origin or "", to or "")
    probed = verify(trace, desk.snapshot, system.probe) if probing and system else None
    if as_document:
        document = trace_document(trace)
        click.echo(as_json(document | ({"probe": probed} if probed else {})))
    else:
        click.echo(trace_text(trace, paint()))
        if probed:
            click.echo(f"a real packet: {probed['said']} ({probed['verdict']})")
    if probed and probed["verdict"] == "disagrees":
        return DISAGREEMENT
    return CODES[trace.outcome]


def _batch(desk: TraceDesk, batch: str) -> int:
    """Trace every line, in order; one that cannot be traced becomes an answer with its error."""
    codes = [0]
    for origin, to in _questions(batch):
        try:
            trace = desk.trace(origin, to)
        except UsageError as error:
            codes.append(error.exit_code)
            click.echo(as_json(error_document(origin, to, str(error)), indent=None))
            continue
        codes.append(CODES[trace.outcome])
        click.echo(as_json(trace_document(trace), indent=None))
    return 2 if 2 in codes else max(codes)


def _questions(batch: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(read_text(batch).splitlines(), 1):
        if line.strip():
            yield _question(line, f"{batch}:{number}")


def _question(line: str, where: str) -> tuple[str, str]:
    try:
        question = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError(f'{where}:1: {error}; a line is {{"from": …, "to": …}}') from error
    if not isinstance(question, dict):
        raise UsageError(f'{where}:1: not an object; a line is {{"from": …, "to": …}}')
    origin, to = question.get("from"), question.get("to")
    if not isinstance(origin, str) or not isinstance(to, str):
        raise UsageError(f'{where}:1: "from" and "to" must be strings')
    return origin, to
