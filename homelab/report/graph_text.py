"""A graph as mermaid, as dot and as JSON; names from guests stay what they are, text."""

import re

from homelab.model.graph import Graph, Node
from homelab.report.documents import Document
from homelab.report.paint import plain

CLASSES = ("good", "bad", "unknown", "faulty", "usual")
_MERMAID = """\
  classDef good fill:#d8f3dc,stroke:#2d6a4f,color:#081c15
  classDef bad fill:#ffd6d6,stroke:#b00020,color:#370617
  classDef unknown fill:#fff3cd,stroke:#8a6d00,color:#332701
  classDef faulty fill:#ffe5d0,stroke:#b45309,color:#3b1d02
  classDef usual fill:#eef1f5,stroke:#57606a,color:#1b1f24"""
_DOT = {
    "good": ("#d8f3dc", "#2d6a4f"),
    "bad": ("#ffd6d6", "#b00020"),
    "unknown": ("#fff3cd", "#8a6d00"),
    "faulty": ("#ffe5d0", "#b45309"),
    "usual": ("#eef1f5", "#57606a"),
}


def class_of(node: Node) -> str:
    """How a node is coloured: a network by whether it is reached, the rest by whether a fault lies there."""
    if node.kind == "network":
        return {True: "good", False: "bad", None: "unknown"}[node.reachable]
    return "faulty" if node.faults else "usual"


def said(node: Node) -> tuple[str, ...]:
    """The lines of a node, its name first."""
    state = {True: "reached", False: "not reached", None: "unknown"}[node.reachable]
    answer = (state,) if node.kind == "network" else node.faults
    return tuple(plain(each) for each in (node.label, *node.lines, *answer))


def graph_document(graph: Graph) -> Document:
    return {
        "schema": "homelab.graph/1",
        "nodes": [
            {
                "id": each.id,
                "kind": each.kind,
                "label": each.label,
                "lines": list(each.lines),
                "reachable": each.reachable,
                "faults": list(each.faults),
            }
            for each in graph.nodes
        ],
        "edges": [
            {"from": each.near, "to": each.far, "routes": list(each.routes)} for each in graph.edges
        ],
    }


def mermaid(graph: Graph) -> str:
    """A flowchart of mermaid, as GitHub and many wikis draw it."""
    numbers = {each.id: f"n{at}" for at, each in enumerate(graph.nodes)}
    lines = ["flowchart LR"]
    for each in graph.nodes:
        text = "<br/>".join(map(_entities, said(each)))
        lines.append(f'  {numbers[each.id]}["{text}"]:::{class_of(each)}')
    for edge in graph.edges:
        routes = "<br/>".join(map(_entities, edge.routes))
        label = f'|"{routes}"|' if routes else ""
        lines.append(f"  {numbers[edge.near]} ---{label} {numbers[edge.far]}")
    return "\n".join((*lines, _MERMAID, ""))


def _entities(text: str) -> str:
    """All but letters, digits and what addresses are made of, as mermaid's own entity codes."""
    return re.sub(r"[^\w ./:-]", lambda found: f"#{ord(found[0])};", text)


def dot(graph: Graph) -> str:
    """A graph of Graphviz: `homelab graph --format dot | dot -Tpng`."""
    numbers = {each.id: f"n{at}" for at, each in enumerate(graph.nodes)}
    lines = ["graph lab {", "  rankdir=LR; node [shape=box, style=filled, fontname=sans]"]
    for each in graph.nodes:
        fill, stroke = _DOT[class_of(each)]
        label = _quoted("\n".join(said(each)))
        lines.append(f'  {numbers[each.id]} [label={label}, fillcolor="{fill}", color="{stroke}"]')
    for edge in graph.edges:
        label = f" [label={_quoted(chr(10).join(edge.routes))}]" if edge.routes else ""
        lines.append(f"  {numbers[edge.near]} -- {numbers[edge.far]}{label}")
    return "\n".join((*lines, "}", ""))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
