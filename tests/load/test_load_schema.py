"""The JSON Schema describes every key, and fits what the loader takes."""

from collections.abc import Iterator
from typing import Any

from homelab.load.inventory import parse_inventory
from homelab.load.schema import DIALECT, schema


def properties(node: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, list):
        for each in node:
            yield from properties(each)
    if isinstance(node, dict):
        yield from node.get("properties", {}).items()
        for key, each in node.items():
            if key != "examples":
                yield from properties(each)


def test_every_key_is_described() -> None:
    found = dict(properties(schema()))

    assert {"pools", "guests", "subnet6", "from", "egress", "vlan"} <= set(found)
    assert [key for key, each in found.items() if not each.get("description")] == []


def test_nothing_unknown_is_allowed() -> None:
    document = schema()

    assert document["$schema"] == DIALECT
    assert all(each["additionalProperties"] is False for each in document["$defs"].values())
    assert (
        document["$defs"]["GuestDocument"]["properties"]["networks"]["additionalProperties"]
        is False
    )


def test_only_plain_defaults_are_shown() -> None:
    defaults = [each["default"] for _, each in properties(schema()) if "default" in each]

    assert set(defaults) == {"open", "routed", "auto", "linux", "delivered", "802.1Q", True}


def test_the_example_is_valid() -> None:
    (example,) = schema()["examples"]

    inventory = parse_inventory([("f", str(example).encode())], "f")

    assert [each.full_name for each in inventory.networks] == ["web/apps", "web/data"]
