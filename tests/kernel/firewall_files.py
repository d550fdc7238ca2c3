"""The rule sets of ``tests/kernel/firewalls`` and ``tests/kernel/tables``, and what they leave open.

``firewalls``: of ufw, firewalld, Shorewall and netavark, what the tools of Debian 12 put into a namespace;
of OpenWrt, Proxmox, tailscale, libvirt, kube-proxy, fail2ban, crowdsec and wg-quick, tables of their shape,
written for the addresses of the tests. ``tables``: nftables' statements and families, one of each.
"""

from pathlib import Path

from tests.kernel.fuzz_dice import Trial

_HERE = Path(__file__).parent
_TOOLS = {".iptables": "iptables-nft", ".ip6tables": "ip6tables-nft", ".nft": "nft"}
_FILES = sorted([*(_HERE / "firewalls").iterdir(), *(_HERE / "tables").iterdir()])
NAMES = sorted({each.stem for each in _FILES})
FIREWALLS = sorted({each.stem for each in (_HERE / "firewalls").iterdir()})
FLOWTABLES = {each.stem for each in _FILES if "flowtable" in each.read_text()}
"""They need ``CONFIG_NF_FLOW_TABLE``, which Debian's kernel has."""

_MATCH = "whether {} matches cannot be told"
_STATEMENT = "statement {} is not modelled"
OPEN = {
    "dnat-port-map": {_STATEMENT.format("dnat")},
    "fwd": {_STATEMENT.format("fwd")},
    "kube-proxy": {_MATCH.format("-m statistic")},
    "tproxy": {_STATEMENT.format("tproxy")},
    "ufw": {_MATCH.format("-m recent")},
}
"""What a packet does not determine, or the model does not know, by file."""


def firewall(*names: str) -> Trial:
    files = [(name, each) for name in names for each in _FILES if each.stem == name]
    rules = tuple((_TOOLS[each.suffix], each.read_text()) for _, each in files)
    return Trial(" and ".join(names), rules)
