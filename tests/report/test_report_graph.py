"""A picture says in every form the same, and names from guests stay text in all of them."""

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from homelab.model.graph import Edge, Graph, Node
from homelab.report.documents import as_json
from homelab.report.graph_text import class_of, dot, graph_document, mermaid, said
from homelab.report.svg import svg

EVIL = 'a"]; --> x[b\\" </text><script>alert(1)</script>\n\x1b[31m]]>&amp;#quot;'
LAB = Graph(
    (
        Node("lan", "lan", "LAN", ("10.0.0.0/24",)),
        Node("host", "host", "nuc", ("10.0.0.2",), faults=("host-no-route",)),
        Node("guest:web", "guest", "web"),
        Node("network:web/a", "network", "a", ("10.90.1.0/24",), reachable=True),
        Node("network:web/b", "network", "b", reachable=False),
        Node("network:web/c", "network", "c"),
    ),
    (
        Edge("lan", "host", tuple(f"10.90.{each}.0/24 via 10.0.0.2" for each in range(4))),
        Edge("host", "guest:web"),
        *(Edge("guest:web", f"network:web/{each}") for each in "abc"),
    ),
)
HOSTILE = replace(
    LAB,
    nodes=tuple(replace(each, label=EVIL, lines=(EVIL,), faults=(EVIL,)) for each in LAB.nodes),
    edges=tuple(replace(each, routes=(EVIL,)) for each in LAB.edges),
)
SVG = "{http://www.w3.org/2000/svg}"


def test_each_node_has_a_class_that_says_how_it_fares() -> None:
    assert [class_of(each) for each in LAB.nodes] == [
        "usual", "faulty", "usual", "good", "bad", "unknown",
    ]  # fmt: skip
    assert said(LAB.nodes[1]) == ("nuc", "10.0.0.2", "host-no-route")
    assert said(LAB.nodes[4]) == ("b", "not reached")


def test_the_document_has_all_of_it() -> None:
    document = graph_document(LAB)

    assert document["schema"] == "homelab.graph/1"
    assert len(document["nodes"]) == 6
    assert document["nodes"][3]["reachable"] is True
    assert document["edges"][0]["routes"][3] == "10.90.3.0/24 via 10.0.0.2"
    assert as_json(document) == as_json(graph_document(LAB))


def test_mermaid_and_dot_draw_each_node_and_each_edge() -> None:
    drawn = mermaid(LAB).splitlines()
    assert drawn[0] == "flowchart LR"
    assert sum(":::" in each for each in drawn) == 6
    assert '  n4["b<br/>not reached"]:::bad' in drawn
    assert "  n1 --- n2" in drawn

    drawn = dot(LAB).splitlines()
    assert sum(" -- " in each for each in drawn) == 5
    assert sum("fillcolor" in each for each in drawn) == 6


@pytest.mark.parametrize("graph", [LAB, HOSTILE], ids=["usual", "hostile"])
def test_an_svg_has_a_box_for_each_node_and_nothing_that_runs(graph: Graph) -> None:
    root = ET.fromstring(svg(graph))
    kinds = {each.tag.removeprefix(SVG) for each in root.iter()}

    assert kinds == {"svg", "title", "style", "g", "path", "text", "rect"}
    assert len(root.findall(f".//{SVG}rect")) == 6
    assert len(root.findall(f".//{SVG}path")) == 5
    assert root.get("aria-label") == "3 container networks, 1 of them not reached from the LAN"


def test_no_two_boxes_of_an_svg_overlap_and_all_lie_in_it() -> None:
    root = ET.fromstring(svg(LAB))
    boxes = [
        tuple(float(each.get(key, "")) for key in ("x", "y", "width", "height"))
        for each in root.findall(f".//{SVG}rect")
    ]
    width, height = float(root.get("width", "")), float(root.get("height", ""))

    for at, (x, y, wide, tall) in enumerate(boxes):
        assert 0 <= x <= x + wide <= width
        assert 0 <= y <= y + tall <= height
        for u, v, broad, high in boxes[at + 1 :]:
            assert x + wide <= u or u + broad <= x or y + tall <= v or v + high <= y


def test_long_lists_of_routes_are_cut_in_the_picture_and_whole_in_its_title() -> None:
    drawn = svg(LAB)

    assert "and 2 more" in drawn
    assert "10.90.3.0/24 via 10.0.0.2</title>" in drawn


def test_hostile_names_end_no_line_and_no_string() -> None:
    assert len(mermaid(HOSTILE).splitlines()) == len(mermaid(LAB).splitlines())
    assert len(dot(HOSTILE).splitlines()) == len(dot(LAB).splitlines())
    for line in mermaid(HOSTILE).splitlines()[1:7]:
        assert line.count('"') == 2
        assert "<script" not in line
    for line in dot(HOSTILE).splitlines()[2:8]:
        assert line.replace("\\\\", "").replace('\\"', "").count('"') == 6


def test_an_empty_lab_is_an_empty_picture() -> None:
    assert ET.fromstring(svg(Graph())).findall(f".//{SVG}rect") == []
    assert mermaid(Graph()).startswith("flowchart LR")
