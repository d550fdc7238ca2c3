"""Each word of an inventory: what it means, and what is said when it means nothing."""

import re
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homelab.load import words
from homelab.load.words import Lan, Pick
from homelab.model.inventory import Connection, Port

GOOD: list[tuple[Callable[[object], object], object, object]] = [
    (words.instance_name, "web-1", "web-1"),
    (words.instance_name, "no", "no"),
    (words.instance_name, "101", "101"),
    (words.label, "10g", "10g"),
    (words.word, "my.pool", "my.pool"),
    (words.network_name, "apps_1.a", "apps_1.a"),
    (words.interface, "eth0.20", "eth0.20"),
    (words.option_name, "com.docker.network.driver.mtu", "com.docker.network.driver.mtu"),
    (words.option_value, "1400", "1400"),
    (words.boolean, "true", True),
    (words.boolean, "false", False),
    (words.address, "10.0.0.1", ip_address("10.0.0.1")),
    (words.address, "fd00::1", ip_address("fd00::1")),
    (words.subnet, "10.90.1.0/24", ip_network("10.90.1.0/24")),
    (words.subnet, "fd00:90::/64", ip_network("fd00:90::/64")),
    (words.source, "lan", Lan()),
    (words.source, "10.0.0.0/8", ip_network("10.0.0.0/8")),
    (words.source, "0.0.0.0/0", ip_network("0.0.0.0/0")),
    (words.source, "10.0.0.9", ip_network("10.0.0.9/32")),
    (words.port, "80/tcp", Port("tcp", 80, 80)),
    (words.port, "8000-8010/udp", Port("udp", 8000, 8010)),
    (words.connection, "local", Connection("local")),
    (words.connection, "none", Connection("none")),
    (words.connection, "netns://router", Connection("netns", "router")),
    (words.connection, "ssh://nuc", Connection("ssh", "nuc")),
    (words.connection, "ssh://root@10.0.0.1:2222", Connection("ssh", "root@10.0.0.1", 2222)),
    (words.connection, "ssh://a@[fd00::1]:22", Connection("ssh", "a@fd00::1", 22)),
    (lambda each: words.choose_subnet(each, 4), "auto", Pick()),
    (lambda each: words.choose_subnet(each, 6), {"pool": "p"}, Pick("p")),
    (lambda each: words.choose_subnet(each, 4), "10.9.0.0/24", ip_network("10.9.0.0/24")),
]


@pytest.mark.parametrize(("parse", "written", "meant"), GOOD)
def test_a_word_means(parse: Callable[[object], object], written: object, meant: object) -> None:
    assert parse(written) == meant


SSH = "allowed: local, none, netns://NAME, ssh://[USER@]HOST[:PORT]"
PRIVATE = "use private addresses, such as 10.0.0.0/8"
BAD: list[tuple[Callable[[object], object], object, str]] = [
    (words.instance_name, "-a", '"-a" is not a guest name; allowed: letters, digits and . _ - behind a letter or digit, at most 63'),
    (words.instance_name, "a" * 64, f'"{"a" * 59}…" is not a guest name; allowed: letters, digits and . _ - behind a letter or digit, at most 63'),
    (words.instance_name, "a\x1b[2J", "'a\\x1b[2J' is not a guest name; "),
    (words.instance_name, ["a"], "a list stands here; write a value such as web"),
    (words.label, "-a", '"-a" is not a name; allowed: letters, digits and dashes, no dash first, at most 63'),
    (words.network_name, "bridge", '"bridge" is a name of Docker\'s own; choose another one'),
    (words.network_name, "../x", '"../x" is not a network name; allowed: letters, digits and . _ - behind a letter or digit, at most 48'),
    (words.interface, "a b", '"a b" is not an interface name'),
    (words.interface, "0123456789abcdef", "at most 15 characters, no space and no slash"),
    (words.option_name, "com.docker.network.bridge.name", "com.docker.network.bridge.name is set by homelab, which names the bridge; take it out"),
    (words.option_value, "a\nb", "is no option's value; write one line of plain text"),
    (words.option_value, None, "nothing stands here; write a value such as 1500"),
    (words.boolean, "yes", '"yes" is neither true nor false; write one of them'),
    (words.address, "10.0.0", '"10.0.0" is not an IP address; write one such as 10.77.0.11'),
    (words.address, "10.0.0.1/24", '"10.0.0.1/24" is not an IP address; leave the prefix length out'),
    (words.address, "fe80::1%eth0", '"fe80::1%eth0" is not an IP address; write one such as 10.77.0.11'),
    (words.address, "127.0.0.1", f"127.0.0.1 is loopback (127.0.0.0/8); {PRIVATE}"),
    (words.address, {}, "a mapping stands here; write a value such as 10.77.0.11"),
    (lambda each: words.address(each, 4), "fd00::1", "fd00::1 is IPv6; write it as `address6`"),
    (lambda each: words.address(each, 6), "10.0.0.1", "10.0.0.1 is IPv4; write it as `address`"),
    (words.subnet, "10.90.1.5/24", "10.90.1.5/24 has host bits set; write 10.90.1.0/24"),
    (words.subnet, "10.90.1.0", '"10.90.1.0" has no prefix length; write one such as 10.90.1.0/24'),
    (words.subnet, "10.90.1.0/255.255.255.0", '"10.90.1.0/255.255.255.0" is not a subnet; write one such as 10.90.1.0/24'),
    (words.subnet, "10.90.1.0/33", '"10.90.1.0/33" is not a subnet; write one such as 10.90.1.0/24'),
    (words.subnet, "10.90.1.0/31", "10.90.1.0/31 is /31; a subnet of IPv4 is from /8 to /29"),
    (words.subnet, "0.0.0.0/0", "0.0.0.0/0 is /0; a subnet of IPv4 is from /8 to /29"),
    (words.subnet, "fd00::/126", "fd00::/126 is /126; a subnet of IPv6 is from /16 to /125"),
    (words.subnet, "224.0.1.0/24", f"224.0.1.0/24 is multicast (224.0.0.0/4); {PRIVATE}"),
    (words.subnet, "169.254.0.0/16", f"169.254.0.0/16 is link-local (169.254.0.0/16); {PRIVATE}"),
    (words.subnet, "fe80::/64", "fe80::/64 is link-local (fe80::/10); use private addresses, such as fd00::/8"),
    (lambda each: words.choose_subnet(each, 4), "fd00::/64", "fd00::/64 is IPv6; write it as `subnet6`"),
    (lambda each: words.choose_subnet(each, 6), "10.0.0.0/24", "10.0.0.0/24 is IPv4; write it as `subnet`"),
    (lambda each: words.choose_subnet(each, 4), {"pol": "x"}, "a mapping stands here; write {pool: NAME}, auto or a subnet"),
    (words.source, "everybody", '"everybody" is no source; write a subnet such as 10.0.0.0/24, an address, vlan:NAME, or lan'),
    (words.port, "80", '"80" is not a port; write 5432/tcp, 53/udp or 8000-8010/tcp'),
    (words.port, "80-70/tcp", '"80-70/tcp" is no range of ports; they go from 1 to 65535, low to high'),
    (words.port, "icmp", "icmp has no ports; to allow ping, allow the source without `ports`"),
    (words.connection, "ssh://-oProxyCommand=x", f'"ssh://-oProxyCommand=x" is not a connection; {SSH}'),
    (words.connection, "ssh://[::x]", f'"ssh://[::x]" is not a connection; {SSH}'),
    (words.connection, "ssh://[abc]", f'"ssh://[abc]" is not a connection; {SSH}'),
    (words.connection, "ssh://a:99999", '"99999" is not a whole number from 1 to 65535; write one, without zeros in front'),
    (words.connection, "netns://../x", f'"netns://../x" is not a connection; {SSH}'),
    (words.connection, "telnet://a", f'"telnet://a" is not a connection; {SSH}'),
    (lambda each: words.number(each, 1, 4094), "010", '"010" is not a whole number from 1 to 4094; write one, without zeros in front'),
    (lambda each: words.number(each, 1, 4094), "4095", '"4095" is not a whole number from 1 to 4094; write one, without zeros in front'),
    (lambda each: words.choice(each, ("open", "none")), "opne", 'unknown word "opne"; did you mean "open"? allowed: open, none'),
]  # fmt: skip


@pytest.mark.parametrize(("parse", "written", "said"), BAD)
def test_a_word_that_means_nothing(
    parse: Callable[[object], object], written: object, said: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        parse(written)


PARSERS = [parse for parse, _, _ in (*GOOD, *BAD)]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(PARSERS), st.text(max_size=30) | st.none() | st.lists(st.text(max_size=3)))
def test_a_parser_raises_nothing_but_value_error(
    parse: Callable[[object], object], written: object
) -> None:
    with suppress(ValueError):
        parse(written)
