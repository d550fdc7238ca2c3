"""Inventories as people write them: what they mean, and every problem of the wrong ones at once."""

from contextlib import suppress
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from homelab.errors import InventoryError
from homelab.load.inventory import load_inventory, parse_inventory
from homelab.load.yaml import VALUES
from homelab.model.inventory import (
    Allow,
    Connection,
    ContainerNetwork,
    Egress,
    Ingress,
    Inventory,
    Pool,
    Port,
    Where,
)

FULL = """\
version: 1
pools:
  containers: {subnet: 10.90.0.0/16, each: 24}
  six: {subnet: "fd00:90::/48"}
vlans:
  servers: {id: 20, subnet: 10.20.0.0/24, subnet6: fd00:20::/64}
hosts:
  nuc: {connection: local, uplink: eth0, vlans: [servers], router: edge, address: 10.0.0.2}
routers:
  edge: {connection: ssh://root@10.0.0.1}
  old: {kind: openwrt}
reserved: [10.90.255.0/24, 10.90.254.1/32]
guests:
  web:
    host: nuc
    nic: {network: lxdbr0, address: 10.77.0.11, address6: fd00:77::11}
    networks:
      apps: {subnet: auto, subnet6: {pool: six}, ingress: open, egress: routed}
      no: {subnet: 10.90.9.0/24, ingress: none, egress: masquerade, options: {com.docker.network.driver.mtu: 1400}}
  db:
    restart: false
    nic: {bridge: br0, vlan: servers, name: eth1, addresses: [10.20.0.12, 10.20.0.13]}
    networks:
      data:
        subnet: 10.90.7.0/24
        ingress:
          - {from: [10.77.0.0/24, lan], ports: [5432/tcp, 8000-8010/udp]}
          - {from: 10.0.0.9}
          - {ports: 443/tcp}
"""


def load(*texts: str) -> Inventory:
    names = ("a.yaml", "b.yaml", "c.yaml")
    files = [(name, text.encode()) for name, text in zip(names, texts, strict=False)]
    return parse_inventory(files, "inventory")


def problems(*texts: str) -> list[str]:
    with pytest.raises(InventoryError) as caught:
        load(*texts)
    return list(caught.value.problems)


def network(inventory: Inventory, guest: str, name: str) -> ContainerNetwork:
    return next(each for each in inventory.networks if each.full_name == f"{guest}/{name}")


def test_a_whole_inventory_is_understood() -> None:
    inventory = load(FULL)
    host, (web, db) = inventory.hosts[0], inventory.guests

    assert inventory.pools[0] == Pool("containers", ip_network("10.90.0.0/16"), 24)
    assert inventory.pools[1].each == 64
    assert inventory.vlans[0].subnets == (ip_network("10.20.0.0/24"), ip_network("fd00:20::/64"))
    assert (host.router, host.vlans, host.addresses) == (
        "edge",
        ("servers",),
        (ip_address("10.0.0.2"),),
    )
    assert [each.connection for each in inventory.routers] == [
        Connection("ssh", "root@10.0.0.1"),
        Connection("none"),
    ]
    assert [each.kind for each in inventory.routers] == ["linux", "openwrt"]
    assert inventory.reserved == (ip_network("10.90.255.0/24"), ip_network("10.90.254.1/32"))
    assert (web.restart, web.nic.name, web.nic.network) == (True, "eth0", "lxdbr0")
    assert web.nic.addresses == (ip_address("10.77.0.11"), ip_address("fd00:77::11"))
    assert (db.restart, db.nic.name, db.nic.bridge, db.nic.vlan) == (
        False,
        "eth1",
        "br0",
        "servers",
    )


def test_networks_are_understood() -> None:
    inventory = load(FULL)
    apps, none = network(inventory, "web", "apps"), network(inventory, "web", "no")
    data = network(inventory, "db", "data")

    assert (apps.subnets, apps.auto) == ((), {4: "containers", 6: "six"})
    assert (apps.ingress, apps.egress, apps.allow) == (Ingress.OPEN, Egress.ROUTED, ())
    assert (none.subnets, none.ingress) == ((ip_network("10.90.9.0/24"),), Ingress.NONE)
    assert (none.egress, none.options) == (
        Egress.MASQUERADE,
        {"com.docker.network.driver.mtu": "1400"},
    )
    assert (data.ingress, data.allow) == (
        Ingress.LIST,
        (
            Allow(
                (ip_network("10.77.0.0/24"),),
                (Port("tcp", 5432, 5432), Port("udp", 8000, 8010)),
                lan=True,
            ),
            Allow((ip_network("10.0.0.9/32"),)),
            Allow((ip_network("0.0.0.0/0"), ip_network("::/0")), (Port("tcp", 443, 443),)),
        ),
    )


def test_an_empty_ingress_list_lets_nobody_in() -> None:
    inventory = load(GUEST.replace("subnet: auto", "subnet: auto, ingress: []"))

    assert network(inventory, "web", "apps").ingress is Ingress.NONE


def test_everything_knows_where_it_stands() -> None:
    inventory = load(FULL)

    assert inventory.pools[1].where == Where("a.yaml", 4, 3)
    assert inventory.vlans[0].where == Where("a.yaml", 6, 3)
    assert inventory.hosts[0].where == Where("a.yaml", 8, 3)
    assert inventory.routers[1].where == Where("a.yaml", 11, 3)
    assert inventory.guests[0].where == Where("a.yaml", 14, 3)
    assert inventory.guests[0].nic.where == Where("a.yaml", 16, 5)
    assert network(inventory, "db", "data").where == Where("a.yaml", 24, 7)


HOST = "hosts: {nuc: {}}\n"
POOL = "pools: {lab: {subnet: 10.90.0.0/16}}\n"
GUEST = (
    HOST + POOL + "guests: {web: {nic: {address: 10.77.0.11}, networks: {apps: {subnet: auto}}}}\n"
)


def test_what_is_obvious_need_not_be_written() -> None:
    inventory = load(GUEST)

    assert inventory.hosts[0].connection == Connection("local")
    assert inventory.guests[0].host == "nuc"
    assert inventory.pools[0].each == 24
    assert network(inventory, "web", "apps").auto == {4: "lab"}


def test_several_files_make_one_inventory() -> None:
    inventory = load(
        HOST + "reserved: [10.1.0.0/16]\nversion: 1\nguests:",
        "guests: {web: {}}\nreserved: [10.2.0.0/16]\nversion: 1",
        "guests: {db: {}}\nhosts: ~\ndefaults: {guest: {restart: false}}",
    )

    assert [each.name for each in inventory.guests] == ["web", "db"]
    assert [each.restart for each in inventory.guests] == [False, False]
    assert [str(each) for each in inventory.reserved] == ["10.1.0.0/16", "10.2.0.0/16"]


def test_defaults_merge_from_several_files_key_by_key() -> None:
    assert problems(
        HOST + "defaults: {guest: {restart: false}, nic: {network: a}}",
        "defaults: {guest: {restart: true}, network: {egress: routed}}",
        "version: 2\nhosts: [a]",
    ) == [
        'b.yaml:1:20: "defaults.guest.restart" is declared twice; keep it here or at a.yaml:2:20, not both',
        'c.yaml:1:10: version: "2" is not a whole number from 1 to 1; write one, without zeros in front',
        'c.yaml:2:1: "hosts" is declared twice; keep it here or at a.yaml:1:1, not both',
    ]


def test_a_name_in_two_files_is_refused() -> None:
    assert problems(HOST + "guests: {web: {}}", "guests:\n  web: {}") == [
        'b.yaml:2:3: "guests.web" is declared twice; keep it here or at a.yaml:2:10, not both'
    ]


DEFAULTS = """\
hosts: {a: {}, b: {connection: none}}
pools: {lab: {subnet: 10.90.0.0/16}}
defaults:
  guest: {host: a}
  nic: {network: lxdbr0}
  network: {subnet: auto, egress: masquerade, options: {x: 1, y: 1}}
groups:
  one:
    guests: [web, db]
    guest: {host: b}
    network: {egress: routed}
  two: {guests: [db], nic: {bridge: br0}}
guests:
  web: {nic: {address: 10.77.0.11}, networks: {apps: , data: {subnet: ~, subnet6: fd00:1::/64, options: {y: 2}}}}
  db:
  nas: {host: a, nic: {bridge: br1, address: 10.77.0.13}, networks: {files: {}}}
"""


def test_a_guest_takes_from_defaults_and_groups_what_it_does_not_say() -> None:
    inventory = load(DEFAULTS.replace("address: 10.77.0.11", "addresses: [10.77.0.11, fd00:77::1]"))
    web, db, nas = inventory.guests
    apps, data, files = inventory.networks

    assert [each.host for each in (web, db, nas)] == ["b", "b", "a"]
    assert [each.nic.network for each in (web, db, nas)] == ["lxdbr0", None, None]
    assert [each.nic.bridge for each in (web, db, nas)] == [None, "br0", "br1"]
    assert [each.egress.value for each in inventory.networks] == ["routed", "routed", "masquerade"]
    assert [dict(each.auto) for each in inventory.networks] == [{4: "lab"}, {}, {4: "lab"}]
    assert (apps.options, data.options) == ({"x": "1", "y": "1"}, {"x": "1", "y": "2"})
    assert files.name == "files"


def test_what_is_wrong_in_defaults_is_said_once_and_there() -> None:
    assert problems(
        "hosts: {a: {}}\nguests: {web: {}, db: {networks: {x: {}, y: {}}}, bad: []}\n"
        "defaults: {network: {subnet: 10.9.0.0, ingres: open}, nic: {network: a/b}, guest: {hots: a}}\n"
        "groups: {g: {guests: wb}, h: []}\n"
    ) == [
        "a.yaml:2:56: guests.bad: a list stands here; a mapping (KEY: VALUE) is expected here",
        'a.yaml:3:30: defaults.network.subnet: "10.9.0.0" has no prefix length; write one such as 10.90.1.0/24',
        (
            'a.yaml:3:40: unknown key "ingres"; did you mean "ingress"? '
            "allowed: egress, ingress, managed, options, subnet, subnet6"
        ),
        (
            'a.yaml:3:70: defaults.nic.network: "a/b" is not an interface name; '
            "allowed: at most 15 characters, no space and no slash"
        ),
        'a.yaml:3:84: unknown key "hots"; did you mean "host"? allowed: host, restart',
        "a.yaml:4:22: groups.g.guests: a text stands here; a list is expected here, such as [A, B]",
        "a.yaml:4:30: groups.h: a list stands here; a mapping (KEY: VALUE) is expected here",
    ]


ERRORS = {
    "guests:\n  web:\n    ingres: open\n" + HOST: [
        'a.yaml:3:5: unknown key "ingres"; allowed: host, networks, nic, restart'
    ],
    "guest: {}": [
        (
            'a.yaml:1:1: unknown key "guest"; did you mean "guests"? '
            "allowed: defaults, expect, groups, guests, hosts, pools, reserved, routers, version, vlans"
        )
    ],
    HOST + "guests: {nic: {nic: {nik: 1}}}": [
        'a.yaml:2:22: unknown key "nik"; allowed: address, address6, addresses, bridge, card, mac, macvlan, name, network, spoof_check, tagged, vlan'
    ],
    GUEST.replace("subnet: auto", "subnet: auto, ingress: [{form: lan}, 5, {from: [lan, x]}]"): [
        'a.yaml:3:87: unknown key "form"; did you mean "from"? allowed: from, ports',
        (
            "a.yaml:3:99: guests.web.networks.apps.ingress.1: a text stands here; "
            "a mapping (KEY: VALUE) is expected here"
        ),
        (
            'a.yaml:3:115: guests.web.networks.apps.ingress.2.from.1: "x" is no source; '
            "write a subnet such as 10.0.0.0/24, an address, vlan:NAME, or lan"
        ),
    ],
    GUEST.replace("subnet: auto", "subnet: auto, ingress: opne"): [
        (
            'a.yaml:3:85: guests.web.networks.apps.ingress: unknown word "opne"; '
            'did you mean "open"? allowed: open, none'
        )
    ],
    GUEST.replace("subnet: auto", "subnet: auto, ingress: {from: lan}"): [
        (
            "a.yaml:3:85: guests.web.networks.apps.ingress: a mapping stands here; "
            "write a value such as open"
        )
    ],
    "pools: {a: {each: 24}}\nvlans: {b: {subnet: 10.0.0.0/24}}": [
        "a.yaml:1:9: pools.a: the key `subnet` is missing; write subnet: 10.90.0.0/16",
        "a.yaml:2:9: vlans.b: the key `id` is missing; write id: 20",
    ],
    "hosts: {-x: {}}\nvlans: []\nreserved: 10.0.0.0/8": [
        (
            'a.yaml:1:9: hosts: "-x" is not a name; '
            "allowed: letters, digits and dashes, no dash first, at most 63"
        ),
        "a.yaml:2:8: vlans: a list stands here; a mapping (KEY: VALUE) is expected here",
        "a.yaml:3:11: reserved: a text stands here; a list is expected here, such as [A, B]",
    ],
    "hosts: {nuc: {router: edgy, vlans: [a, srv]}}\nrouters: {edge: {}}\nvlans: {srv: {id: 5}}": [
        'a.yaml:1:23: unknown router "edgy"; did you mean "edge"? allowed: edge',
        'a.yaml:1:37: unknown vlan "a"; allowed: srv',
    ],
    HOST + "guests: {web: {host: nuk}}": [
        'a.yaml:2:22: unknown host "nuk"; did you mean "nuc"? allowed: nuc'
    ],
    "guests: {web: {}}": [
        (
            "a.yaml:1:10: guests.web: no host is declared for it to run on; "
            "write `hosts: {NAME: {connection: local}}`"
        )
    ],
    "hosts: {a: {}, b: {connection: none}}\nguests: {web: {}}": [
        "a.yaml:2:10: guests.web: on which host is it? write `host:` with one of: a, b"
    ],
    "hosts: {a: {}, b: {connection: local}}": [
        (
            "a.yaml:1:20: hosts.b.connection: host a is this machine (connection local) already; "
            "write ssh://USER@HOST"
        )
    ],
    "vlans: {a: {id: 5}, b: {id: 5, subnet: 10.1.0.0/24, subnet6: 10.2.0.0/24}}": [
        "a.yaml:1:25: vlans.b.id: 5 is the id of vlan a; give one of them another",
        (
            "a.yaml:1:53: vlans.b.subnet6: it has 10.1.0.0/24, 10.2.0.0/24; "
            "write one subnet of each family"
        ),
    ],
    "vlans: {a: {id: 0}, b: {id: 4095}, c: {id: 010}}": [
        f'a.yaml:1:{column}: vlans.{name}.id: "{number}" is not a whole number from 1 to 4094; '
        "write one, without zeros in front"
        for column, name, number in ((17, "a", "0"), (29, "b", "4095"), (44, "c", "010"))
    ],
    "pools: {a: {subnet: 10.0.0.0/16, each: 8}, b: {subnet: 10.1.0.0/16, each: 30}}": [
        "a.yaml:1:34: pools.a.each: no /8 fits into 10.0.0.0/16; write a length from 16 to 29",
        "a.yaml:1:69: pools.b.each: no /30 fits into 10.1.0.0/16; write a length from 16 to 29",
    ],
    HOST + "groups: {g: {guests: [wep]}}\nguests: {web: }": [
        'a.yaml:2:23: unknown guest "wep"; did you mean "web"? allowed: web'
    ],
    HOST + "guests: {web: {nic: {network: a, bridge: b}}, db: {nic: {vlan: v}}}": [
        (
            "a.yaml:2:34: guests.web.nic.bridge: a NIC is on a managed network or on a bridge; "
            "take one of them out"
        ),
        (
            "a.yaml:2:58: guests.db.nic.vlan: a VLAN needs a bridge of the host; "
            "write `bridge: br0` beside it"
        ),
        'a.yaml:2:64: unknown vlan "v"; allowed: none is declared',
    ],
    HOST + "vlans: {v: {id: 5, subnet: 10.1.0.0/24}}\n"
    "guests: {web: {nic: {bridge: b, vlan: v, address: 10.2.0.1, address6: fd00::1}}}": [
        (
            "a.yaml:3:16: guests.web.nic: 10.2.0.1 is not in 10.1.0.0/24, the subnet of vlan v; "
            "write one of it"
        ),
        "a.yaml:3:33: guests.web.nic.vlan: host nuc has no vlan v; add it to the host's `vlans`",
    ],
    HOST + "guests: {web: {networks: {a: {}, b: {subnet: auto, subnet6: auto}}}}": [
        (
            "a.yaml:2:10: guests.web: its networks need an IPv4 address of the guest as next hop; "
            "write `nic: {address: 10.77.0.11}`"
        ),
        (
            "a.yaml:2:10: guests.web: its networks need an IPv6 address of the guest as next hop; "
            "write `nic: {address6: fd00:77::11}`"
        ),
        (
            "a.yaml:2:27: guests.web.networks.a: it has no subnet; "
            "write `subnet: auto` or a subnet such as 10.90.1.0/24"
        ),
        (
            "a.yaml:2:38: guests.web.networks.b.subnet: auto needs a pool of IPv4; "
            "write `pools: {lab: {subnet: 10.90.0.0/16}}`"
        ),
        (
            "a.yaml:2:52: guests.web.networks.b.subnet6: auto needs a pool of IPv6; "
            "write `pools: {lab6: {subnet: fd00:90::/48}}`"
        ),
    ],
    GUEST.replace("subnet: auto", "subnet: {pool: lap}").replace(
        "nic: {", "nic: {address6: fd00::1, "
    )
    + "\n": ['a.yaml:3:96: unknown pool "lap"; did you mean "lab"? allowed: lab'],
    GUEST.replace("subnet: auto", "subnet6: {pool: lab}").replace(
        "nic: {", "nic: {address6: fd00::1, "
    ): [
        (
            "a.yaml:3:81: guests.web.networks.apps.subnet6: pool lab is not IPv6; "
            "allowed: none is declared"
        )
    ],
    GUEST.replace("{apps: {subnet: auto}}", "{a.b: {subnet: auto}, a-b: {subnet: auto}}"): [
        (
            "a.yaml:3:76: guests.web.networks.a-b: its bridge would have the name of a.b's; "
            "rename one of them"
        )
    ],
    HOST.replace("{}", "{address: 10.0.0.2}")
    + "guests: {a: {nic: {address: 10.0.0.2}}, b: {nic: {addresses: [10.0.0.3, 10.0.0.3]}}}": [
        "a.yaml:2:14: guests.a.nic: 10.0.0.2 is the address of host nuc; give one of them another"
    ],
    GUEST.replace("auto", "10.77.0.0/24") + "vlans:\n  v: {id: 5, subnet: 10.77.0.0/25}\n": [
        (
            "a.yaml:3:55: network web/apps 10.77.0.0/24 overlaps guest web 10.77.0.11 (a.yaml:3:16); "
            "change one of them"
        ),
        (
            "a.yaml:5:3: vlan v 10.77.0.0/25 overlaps network web/apps 10.77.0.0/24 (a.yaml:3:55); "
            "change one of them"
        ),
    ],
    GUEST.replace("{subnet: auto}", "{subnet: 10.9.0.0/24}, b: {subnet: 10.9.0.0/16}"): [
        (
            "a.yaml:3:84: network web/b 10.9.0.0/16 overlaps network web/apps 10.9.0.0/24 (a.yaml:3:55); "
            "change one of them"
        )
    ],
    "- a": [
        (
            "a.yaml:1:1: a file is a mapping of sections; "
            "write `hosts:` and `guests:`, as `homelab schema` describes them"
        )
    ],
    "": [
        (
            "inventory:1:1: nothing is declared here; "
            "write `hosts:` and `guests:`, as `homelab schema` describes them"
        )
    ],
}


@pytest.mark.parametrize("text", ERRORS)
def test_every_problem_is_said_with_position_and_way_out(text: str) -> None:
    said = problems(text)

    assert len(said) == len(ERRORS[text]), said
    for found, wanted in zip(said, ERRORS[text], strict=True):
        assert found.startswith(wanted)


def test_names_are_not_called_unknown_when_a_file_could_not_be_read() -> None:
    assert problems(
        "guests: {web: {host: x, networks: {a: {subnet: auto}}}, db: {}}", "hosts: {x: "
    ) == [
        (
            "a.yaml:1:10: guests.web: its networks need an IPv4 address of the guest as next hop; "
            "write `nic: {address: 10.77.0.11}`"
        ),
        (
            "b.yaml:2:1: not YAML: did not find expected node content; "
            "a value is missing, or a bracket is not closed"
        ),
    ]


def test_a_name_whose_entry_is_wrong_is_known_all_the_same() -> None:
    assert problems("hosts: {nuc: {conection: x}}\nguests: {web: {host: nuc}}") == [
        (
            'a.yaml:1:15: unknown key "conection"; did you mean "connection"? '
            "allowed: address, addresses, bridges, cards, connection, links, router, runtime, uplink, vlans"
        )
    ]


def test_problems_of_all_files_come_at_once_and_in_order() -> None:
    said = problems("hosts: {nuc: {a: 1}}", "guests: {web: {nic: {address: 1}}}", "x: 1")

    assert [each.partition(": ")[0] for each in said] == [
        "a.yaml:1:15",
        "b.yaml:1:31",
        "c.yaml:1:1",
    ]


def test_a_thousand_problems_are_enough() -> None:
    said = problems("guests: {" + ", ".join(f"g{n}: {{x: 1}}" for n in range(3000)) + "}")

    assert len(said) == 1001
    assert " more problems from here on" in said[-1]


def test_defaults_that_multiply_are_stopped() -> None:
    options = ", ".join(f"o{n}: 1" for n in range(3000))
    guests = ", ".join(f"g{n}: {{networks: {{x: {{}}}}}}" for n in range(300))

    said = problems(
        HOST + f"defaults: {{network: {{options: {{{options}}}}}}}\nguests: {{{guests}}}"
    )

    assert said[0].startswith(f"a.yaml:3:{said[0].split(':')[2]}: more than {VALUES} values with")


def test_a_folder_is_read_in_the_order_of_its_names(tmp_path: Path) -> None:
    (tmp_path / "b.yml").write_text("guests: {web: {}}")
    (tmp_path / "a.yaml").write_text(HOST)
    (tmp_path / ".hidden.yaml").write_text("[")
    (tmp_path / "notes.txt").write_text("[")
    (tmp_path / "c.yaml").mkdir()

    inventory = load_inventory(tmp_path)

    assert inventory.hosts[0].where == Where(str(tmp_path / "a.yaml"), 1, 9)
    assert inventory.guests[0].where.file == str(tmp_path / "b.yml")


def test_a_folder_that_cannot_be_listed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(_self: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)

    with pytest.raises(InventoryError, match="permission denied; name the inventory with -i PATH"):
        load_inventory(tmp_path)


def test_a_group_may_name_nothing_sensible() -> None:
    said = problems(HOST + "groups: {g: {guests: [{a: b}, [c]]}, h: {}}\nguests: {web: {}}")

    assert [each.partition(" ")[0] for each in said] == ["a.yaml:2:23:", "a.yaml:2:31:"]


@pytest.mark.parametrize("name", ["missing.yaml", "no\x00body"])
def test_a_path_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(InventoryError, match="name the inventory with -i PATH"):
        load_inventory(tmp_path / name)


def test_a_file_name_cannot_play_with_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "\x1b[2J.yaml").write_text("a: 1")

    with pytest.raises(InventoryError) as caught:
        load_inventory(tmp_path)

    assert "\\x1b[2J.yaml" in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_a_folder_without_inventory(tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match=r"no \*\.yaml and no \*\.yml in this folder"):
        load_inventory(tmp_path)


def test_the_example_inventory_is_valid() -> None:
    inventory = load_inventory(Path(__file__).parents[2] / "inventory")

    assert [each.full_name for each in inventory.networks] == ["web/apps", "db/data", "app/apps"]


WORDS = [
    "auto",
    "open",
    "lan",
    "10.90.1.0/24",
    "10.0.0.0/8",
    "fd00::/64",
    "10.0.0.1",
    "web",
    "nuc",
    "20",
]
KEYS = (
    *("pools", "vlans", "hosts", "routers", "guests", "defaults", "groups", "reserved", "version"),
    *("web", "nuc", "nic", "networks", "network", "subnet", "subnet6", "ingress", "egress", "from"),
    *("ports", "address", "addresses", "host", "id", "each", "guest", "pool", "options", "vlan"),
)
DATA = st.recursive(
    st.none() | st.sampled_from(WORDS) | st.text(max_size=5) | st.integers(-1, 4096),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=25,
)
SECTIONS = st.dictionaries(st.sampled_from(KEYS[:9]), DATA, max_size=9)


@settings(max_examples=300, deadline=None)
@given(st.lists(SECTIONS.map(yaml.safe_dump) | st.text(max_size=50), min_size=1, max_size=2))
def test_no_data_ends_in_anything_but_an_inventory_or_its_problems(texts: list[str]) -> None:
    with suppress(InventoryError):
        parse_inventory([("f", text.encode()) for text in texts], "i")


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_mutation_of_an_inventory_ends_otherwise(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from([FULL, DEFAULTS]))
    begin = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(begin, min(len(text), begin + 12)))
    new = data.draw(st.sampled_from([*WORDS, *KEYS, "\n", "  ", "[", "{", "&a ", "*a", ": ", ""]))

    with suppress(InventoryError):
        load(text[:begin] + new + text[end:])
