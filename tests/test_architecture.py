"""The rooms of the house, and which doors between them are open."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "homelab"
WALL = 300
BREATH = 40

MAY_IMPORT = {
    "errors": set[str](),
    "model": set[str](),
    "resources": {"model"},
    "checks": {"model"},
    "planning": {"model", "errors"},
    "diagnosis": {"model"},
    "system": {"model", "errors"},
    "load": {"model", "errors"},
    "report": {"model"},
    "workflow": {
        "model",
        "errors",
        "resources",
        "checks",
        "planning",
        "diagnosis",
        "system",
    },
}
ONLY_IN = {
    "system": {
        "pylxd",
        "docker",
        "pyroute2",
        "jinja2",
        "prometheus_client",
        "subprocess",
        "socket",
        "os",
        "time",
        "logging",
        "ctypes",
        "threading",
        "fcntl",
    },
    "load": {"yaml", "pydantic"},
}


def room(module: Path) -> str:
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


ALL = sorted(PACKAGE.rglob("*.py"))
MODULES = [each for each in ALL if room(each) in MAY_IMPORT]


def name(module: Path) -> str:
    return str(module.relative_to(PACKAGE))


@pytest.mark.parametrize("module", MODULES, ids=name)
def test_a_room_imports_only_from_the_rooms_it_may(module: Path) -> None:
    here = room(module)
    for imported in imports(module):
        top, _, rest = imported.partition(".")
        if top == "homelab" and rest:
            there = rest.partition(".")[0]
            assert there == here or there in MAY_IMPORT[here], f"{here} imports {there}"
        for owner, libraries in ONLY_IN.items():
            assert top not in libraries or here == owner, f"{here} imports {top}"


def test_the_workflow_knows_the_port_and_the_simulation_but_no_live_system() -> None:
    imported = {
        each for module in MODULES if room(module) == "workflow" for each in imports(module)
    }

    assert {each for each in imported if each.startswith("homelab.system.")} <= {
        "homelab.system.simulated"
    }


@pytest.mark.parametrize("module", ALL, ids=name)
def test_a_file_is_not_longer_than_the_wall(module: Path) -> None:
    assert len(module.read_text().splitlines()) <= WALL


@pytest.mark.parametrize("module", ALL, ids=name)
def test_a_function_can_be_read_in_one_breath(module: Path) -> None:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert lines <= BREATH, f"{node.name} has {lines} lines"


@pytest.mark.parametrize("module", ALL, ids=name)
def test_a_module_opens_by_saying_what_is_in_this_room(module: Path) -> None:
    tree = ast.parse(module.read_text())

    assert not tree.body or ast.get_docstring(tree)


def test_exceptions_to_coverage_are_few_and_in_the_room_with_effects() -> None:
    excused = [
        each for each in ALL for line in each.read_text().splitlines() if "pragma: no cover" in line
    ]

    assert len(excused) <= 3
    assert all(room(each) == "system" for each in excused)
