"""`homelab graph`."""

import click

from homelab.cli.common import (
    inventory_option,
    inventory_or_none,
    json_option,
    observe,
    snapshot_option,
    write_text,
)
from homelab.errors import UsageError
from homelab.model.graph import Graph
from homelab.model.inventory import Inventory
from homelab.report.documents import as_json
from homelab.report.graph_text import dot, graph_document, mermaid
from homelab.workflow.drawing import draw
from homelab.workflow.look import diagnose

FORMATS = ("svg", "mermaid", "dot", "json")


@click.command("graph")
@inventory_option
@snapshot_option
@json_option
@click.option(
    "--format", "kind", type=click.Choice(FORMATS), default="svg", show_default=True, help="Which."
)
@click.option("-o", "--output", metavar="FILE", help="Write there instead of stdout.")
def graph_command(
    *, path: str | None, file: str | None, as_document: bool, kind: str, output: str | None
) -> int:
    """Draw the lab: hosts, VLANs, bridges, guests, networks, and which of them the LAN reaches.

    Sends no packet: colours are what the model says. SVG needs the extra `graph`.
    """
    declared = inventory_or_none(path) or Inventory()
    taken, _ = observe(file, declared)
    text = _text(draw(diagnose(declared, taken)), "json" if as_document else kind)
    if output is None or output == "-":
        click.echo(text, nl=False)
    else:
        write_text(output, text)
    return 0


def _text(graph: Graph, kind: str) -> str:
    if kind == "svg":
        return _svg(graph)
    if kind == "json":
        return as_json(graph_document(graph)) + "\n"
    return mermaid(graph) if kind == "mermaid" else dot(graph)


def _svg(graph: Graph) -> str:
    from homelab.report.svg import svg  # noqa: PLC0415 - only this format needs it

    try:
        return svg(graph)
    except ImportError as error:
        raise UsageError(
            f"SVG needs a layout library that is not installed ({error.name}): "
            "`pip install 'homelab-net[graph]'`; or take --format mermaid, dot or json"
        ) from error
