"""The types of single values: how a text is understood, and how JSON Schema describes it."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

from homelab.load import flows, wires, words
from homelab.load.words import InVlan, Lan, Pick
from homelab.model.inventory import Connection, Destination, Port
from homelab.model.place import Address, Network
from homelab.model.place import Interface as Given
from homelab.model.trace import Outcome

RUNTIMES = ("auto", "lxd", "incus", "lxc", "proxmox")
KINDS = ("linux", "openwrt", "routeros", "opnsense", "unifi")
EGRESS = ("routed", "masquerade")
TAGS = ("802.1Q", "802.1ad")
INGRESS = ("open", "none")


def _is(parse: Callable[[Any], Any], **schema: Any) -> tuple[PlainValidator, WithJsonSchema]:
    """How a text is understood, and how JSON Schema describes it."""
    return PlainValidator(parse), WithJsonSchema({"type": "string"} | schema)


def _one_of(allowed: tuple[str, ...]) -> tuple[PlainValidator, WithJsonSchema]:
    return _is(lambda value: words.choice(value, allowed), enum=list(allowed))


def _integer(low: int, high: int) -> tuple[PlainValidator, WithJsonSchema]:
    return _is(
        lambda value: words.number(value, low, high), type="integer", minimum=low, maximum=high
    )


def _subnet_of(family: int, example: str) -> tuple[PlainValidator, WithJsonSchema]:
    pick = {
        "type": "object",
        "properties": {"pool": {"type": "string", "description": "Name of the pool."}},
        "required": ["pool"],
        "additionalProperties": False,
    }
    return (
        PlainValidator(lambda value: words.choose_subnet(value, family)),
        WithJsonSchema({"anyOf": [{"type": "string", "examples": ["auto", example]}, pick]}),
    )


_LABEL = r"^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$"
_WORD = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,47}$"

Instance = Annotated[str, *_is(words.instance_name, pattern="^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
Label = Annotated[str, *_is(words.label, pattern=_LABEL)]
Word = Annotated[str, *_is(words.word, pattern=_WORD)]
NetworkName = Annotated[str, *_is(words.network_name, pattern=_WORD)]
Interface = Annotated[str, *_is(words.interface, maxLength=15)]
OptionName = Annotated[str, *_is(words.option_name)]
OptionValue = Annotated[str, *_is(words.option_value, type=["string", "number", "boolean"])]
Boolean = Annotated[bool, *_is(words.boolean, type="boolean")]
Version = Annotated[int, *_is(lambda value: words.number(value, 1, 1), type="integer", const=1)]
TagProtocol = Annotated[str, *_one_of(TAGS)]
FunctionNumber = Annotated[int, *_integer(0, 256)]
Mtu = Annotated[int, *_integer(1280, 65535)]
Mac = Annotated[str, *_is(wires.mac, examples=["02:00:00:00:00:14"])]
HostAddress = Annotated[Given, *_is(wires.interface, examples=["10.20.0.2/24", "fd00:20::2/64"])]
VlanId = Annotated[int, *_integer(1, 4094)]
Length = Annotated[int, *_integer(1, 128)]
Runtime = Annotated[str, *_one_of(RUNTIMES)]
Kind = Annotated[str, *_one_of(KINDS)]
EgressWord = Annotated[str, *_one_of(EGRESS)]
IngressWord = Annotated[str, *_one_of(INGRESS)]
Ip = Annotated[Address, *_is(words.address, examples=["10.77.0.11", "fd00:77::11"])]
Ip4 = Annotated[Address, *_is(lambda value: words.address(value, 4), format="ipv4")]
Ip6 = Annotated[Address, *_is(lambda value: words.address(value, 6), format="ipv6")]
Cidr = Annotated[Network, *_is(words.subnet, examples=["10.90.0.0/16", "fd00:90::/48"])]
Reserved = Annotated[Network, *_is(words.network, examples=["10.90.255.0/24"])]
Subnet4 = Annotated[Network | Pick, *_subnet_of(4, "10.90.1.0/24")]
Subnet6 = Annotated[Network | Pick, *_subnet_of(6, "fd00:90:0:1::/64")]
Reached = Annotated[
    Connection,
    *_is(words.connection, examples=["local", "ssh://root@10.0.0.1", "netns://router", "none"]),
]
Source = Annotated[
    Network | Lan | InVlan, *_is(words.source, examples=["10.0.0.0/24", "lan", "vlan:servers"])
]
PortRange = Annotated[Port, *_is(words.port, examples=["5432/tcp", "8000-8010/udp"])]

Vantage = Annotated[str, *_is(flows.origin, examples=["lan", "guest:web", "container:web/front"])]
Target = Annotated[
    Destination,
    *_is(flows.destination, examples=["web/apps:80", "web/apps", "front", "10.90.1.10:53/udp"]),
]
OutcomeWord = Annotated[Outcome, *_is(flows.outcome, enum=list(flows.OUTCOMES))]
Reason = Annotated[str, *_is(flows.reason, maxLength=flows.LONGEST_REASON)]


def many(example: str) -> WithJsonSchema:
    one = {"type": "string", "examples": [example]}
    return WithJsonSchema({"anyOf": [one, {"type": "array", "items": one}]})
