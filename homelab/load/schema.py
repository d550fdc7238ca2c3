"""The JSON Schema (2020-12) of the inventory, for editors."""

from typing import Any

from homelab.load.document import InventoryDocument

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_EXAMPLE = {
    "pools": {"containers": {"subnet": "10.90.0.0/16", "each": 24}},
    "hosts": {"nuc": {"connection": "local", "uplink": "eth0", "router": "edge"}},
    "routers": {"edge": {"connection": "ssh://root@10.0.0.1"}},
    "guests": {
        "web": {
            "host": "nuc",
            "nic": {"network": "lxdbr0", "address": "10.77.0.11"},
            "networks": {
                "apps": {"subnet": "auto", "ingress": "open", "egress": "routed"},
                "data": {
                    "subnet": "10.90.7.0/24",
                    "ingress": [{"from": "10.77.0.0/24", "ports": ["5432/tcp"]}],
                },
            },
        }
    },
}


def schema() -> dict[str, Any]:
    """Every key has a description. Overlaps and names of other things are for ``homelab check``."""
    body = _tidied(InventoryDocument.model_json_schema(by_alias=True))
    return {"$schema": DIALECT, **body, "title": "homelab inventory", "examples": [_EXAMPLE]}


def _tidied(node: Any) -> Any:
    """Without the titles that pydantic makes of names, and defaults that are no plain values.

    A mapping of names takes no other names than those of its pattern.
    """
    if isinstance(node, list):
        return [_tidied(each) for each in node]
    if not isinstance(node, dict):
        return node
    kept = {key: _tidied(each) for key, each in node.items() if not _is_noise(key, each)}
    return kept | ({"additionalProperties": False} if "patternProperties" in kept else {})


def _is_noise(key: str, value: object) -> bool:
    return key == "title" or (key == "default" and not isinstance(value, str | int))
