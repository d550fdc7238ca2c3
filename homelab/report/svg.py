"""A graph as SVG that needs nothing else: it follows the reader's light or dark, and can be read without colours.

Where the nodes stand is igraph's work (Reingold and Tilford's tree), which the extra ``graph`` brings.
"""

from dataclasses import dataclass
from html import escape as escaped

from homelab.model.graph import Graph, Node
from homelab.report.graph_text import class_of, said
from homelab.report.paint import plain

WIDTH, LINE, PAD, GAP_X, GAP_Y = 210, 17, 9, 120, 16
_LONGEST = 28
STYLE = """\
.lab{font:13px system-ui,sans-serif}
.lab text{fill:#1b1f24}.lab .name{font-weight:600}
.lab .line{fill:none;stroke:#8c959f;stroke-width:1.5}.lab .route{font-size:11px;fill:#57606a;stroke:#fff;stroke-width:4px;paint-order:stroke}
.lab rect{stroke-width:1.5}
.lab .usual rect{fill:#f6f8fa;stroke:#57606a}.lab .good rect{fill:#d8f3dc;stroke:#2d6a4f}
.lab .bad rect{fill:#ffd6d6;stroke:#b00020;stroke-width:3}
.lab .unknown rect{fill:#fff3cd;stroke:#8a6d00;stroke-dasharray:5 3}
.lab .faulty rect{fill:#ffe5d0;stroke:#b45309;stroke-width:3}
@media (prefers-color-scheme:dark){
.lab text{fill:#e6edf3}.lab .line{stroke:#6e7681}.lab .route{fill:#9aa4ae;stroke:#0d1117}
.lab .usual rect{fill:#161b22}.lab .good rect{fill:#12361f;stroke:#56d364}
.lab .bad rect{fill:#4a1018;stroke:#ff7b72}.lab .unknown rect{fill:#3b2f04;stroke:#e3b341}
.lab .faulty rect{fill:#44230a;stroke:#f0883e}}"""


@dataclass(frozen=True, slots=True)
class Box:
    """Where a node stands: its upper left corner, and its height."""

    x: float
    y: float
    height: float

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


def svg(graph: Graph) -> str:
    """Pure. ``ImportError`` where igraph is not installed."""
    boxes = _placed(graph)
    width = max((each.x + WIDTH for each in boxes.values()), default=0) + PAD
    height = max((each.y + each.height for each in boxes.values()), default=0) + PAD
    title = _title(graph)
    lines = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="lab" role="img" aria-label="{title}" '
            f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}">'
        ),
        f"<title>{title}</title>",
        f"<style>{STYLE}</style>",
        *(_line(boxes[each.near], boxes[each.far], each.routes) for each in graph.edges),
        *(_node(each, boxes[each.id]) for each in graph.nodes),
        "</svg>",
        "",
    ]
    return "\n".join(lines)


def _title(graph: Graph) -> str:
    networks = [each for each in graph.nodes if each.kind == "network"]
    lost = sum(each.reachable is False for each in networks)
    return _text(f"{len(networks)} container networks, {lost} of them not reached from the LAN")


def _height(node: Node) -> float:
    return len(said(node)) * LINE + 2 * PAD


def _placed(graph: Graph) -> dict[str, Box]:
    """Columns by distance from the LAN, rows as the tree needs them."""
    import igraph  # noqa: PLC0415 - an extra, and only this format needs it

    if not graph.nodes:
        return {}
    numbers = {each.id: at for at, each in enumerate(graph.nodes)}
    tree = igraph.Graph(
        n=len(graph.nodes), edges=[(numbers[each.near], numbers[each.far]) for each in graph.edges]
    )
    layout = tree.layout_reingold_tilford(root=[0])
    tallest = max(map(_height, graph.nodes)) + GAP_Y
    top = min(row for row, _ in layout)
    return {
        each.id: Box(
            PAD + column * (WIDTH + GAP_X),
            PAD + (row - top) * tallest + (tallest - GAP_Y - _height(each)) / 2,
            _height(each),
        )
        for each, (row, column) in zip(graph.nodes, layout, strict=True)
    }


def _line(near: Box, far: Box, routes: tuple[str, ...]) -> str:
    start, end = near.x + WIDTH, far.x
    bend = (start + end) / 2
    path = (
        f'<path class="line" d="M{start:.0f} {near.middle:.0f}'
        f'C{bend:.0f} {near.middle:.0f} {bend:.0f} {far.middle:.0f} {end:.0f} {far.middle:.0f}"/>'
    )
    shown = [*routes[:2], *([f"and {len(routes) - 2} more"] if len(routes) > 2 else [])]
    texts = (
        f'<text class="route" x="{end - 6:.0f}" y="{far.middle - 6 - 13 * at:.0f}" '
        f'text-anchor="end">{_text(_short(each.partition(" via ")[0]))}</text>'
        for at, each in enumerate(reversed(shown))
    )
    whole = _text("\n".join(routes))
    return f"<g>{path}{''.join(texts)}" + (f"<title>{whole}</title>" if whole else "") + "</g>"


def _node(node: Node, box: Box) -> str:
    words = said(node)
    texts = (
        f'<text{" class=" + chr(34) + "name" + chr(34) if at == 0 else ""} x="{box.x + PAD:.0f}" '
        f'y="{box.y + PAD + LINE * at + 12:.0f}">{_text(_short(each))}</text>'
        for at, each in enumerate(words)
    )
    whole = _text(f"{node.kind} " + "\n".join(words))
    return (
        f'<g class="{class_of(node)}" data-id="{_text(node.id)}"><title>{whole}</title>'
        f'<rect x="{box.x:.0f}" y="{box.y:.0f}" width="{WIDTH}" height="{box.height:.0f}" rx="6"/>'
        f"{''.join(texts)}</g>"
    )


def _text(text: str) -> str:
    return escaped(plain(text))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
