"""Rule sets as the firewalls of real machines install them, before the kernel.

``tests/kernel/firewalls``: of ufw, firewalld, Shorewall and netavark, what the tools of Debian 12 put into a
namespace; of OpenWrt, Proxmox, tailscale, libvirt, kube-proxy, fail2ban, crowdsec and wg-quick, tables of
their shape, written for these addresses.
"""

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest

from tests.kernel.fuzz_dice import Trial
from tests.kernel.fuzz_world import Court, Score, court

pytestmark = pytest.mark.kernel

FILES = sorted((Path(__file__).parent / "firewalls").iterdir())
NAMES = sorted({each.stem for each in FILES})
TOOLS = {".iptables": "iptables-nft", ".ip6tables": "ip6tables-nft", ".nft": "nft"}
OPEN = {
    "kube-proxy": {"whether -m statistic matches cannot be told"},
    "ufw": {"whether -m recent matches cannot be told"},
}
"""What a packet does not determine: which of two backends it gets, and how many came before it."""


@pytest.fixture(scope="module")
def judge() -> Iterator[Court]:
    with court() as opened:
        yield opened


def rules(name: str) -> tuple[tuple[str, str], ...]:
    return tuple((TOOLS[each.suffix], each.read_text()) for each in FILES if each.stem == name)


@pytest.mark.parametrize("name", NAMES)
def test_a_firewall_is_judged_as_the_kernel_judges_it(judge: Court, name: str) -> None:
    score = judge.hear(Trial(name, rules(name)))

    assert score.wrong == []
    assert score.pairs > 60
    assert set(score.unknown) == OPEN.get(name, set())


def test_two_firewalls_on_one_machine_are_judged_as_the_kernel_judges_them(judge: Court) -> None:
    total = Score()
    for one, other in combinations(NAMES, 2):
        total.add(judge.hear(Trial(f"{one} and {other}", rules(one) + rules(other))))

    assert total.wrong == []
    assert total.pairs > 3000
    assert set(total.unknown) <= set.union(*OPEN.values())
