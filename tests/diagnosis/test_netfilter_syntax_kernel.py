"""What the real tools print of every rule of ``tests/diagnosis/syntax`` is read, and means the same."""

import os
import shlex
import subprocess
from collections.abc import Iterator, Mapping

import pytest

from homelab.diagnosis.netfilter import Firewall
from tests.diagnosis.netfilter_lab import ROUTER
from tests.diagnosis.netfilter_lab import namespace as router
from tests.diagnosis.syntax_cases import SETS, Case, cases, judge

pytestmark = pytest.mark.kernel

NAME = f"syntax{os.getpid()}"
# What nft, iptables-nft and iptables-legacy say of ENOENT and EOPNOTSUPP.
_NO_MODULE = ("No such file or directory", "not supported", "No chain/target/match by that name")
_TABLE = """
table inet t {
    set addresses { type ipv4_addr; flags interval; elements = { 10.99.2.0/24, 10.99.7.1 comment "x" }; }
    set services { typeof ip daddr . tcp dport; flags interval; elements = { 10.99.2.0/24 . 80 }; }
    set changing { type ipv4_addr; flags dynamic, timeout; size 100; timeout 1h; }
    map verdicts { type inet_service : verdict; elements = { 80 : drop, 443 : accept }; }
    counter seen { }
    quota some { over 10 mbytes }
    limit slow { rate 10/second }
    chain other { meta l4proto tcp drop; }
    chain adding { add @changing { ip saddr }; }
    chain f { type filter hook forward priority filter; policy accept; %s
    }
}
"""


def inside(*command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    enter = ("ip", "netns", "exec", NAME)
    return subprocess.run(
        (*enter, *command), input=stdin, capture_output=True, text=True, check=False, timeout=30
    )


@pytest.fixture(scope="module", autouse=True)
def namespace() -> Iterator[None]:
    subprocess.run(("ip", "netns", "add", NAME), check=True, timeout=30)
    inside("ipset", "restore", stdin=SETS)
    try:
        yield
    finally:
        subprocess.run(("ip", "netns", "delete", NAME), check=True, timeout=30)


def taken(done: subprocess.CompletedProcess[str], rule: str) -> None:
    """A rule that this kernel has no module for cannot be shown here; any other is a mistake in its case."""
    if done.returncode and any(each in done.stderr for each in _NO_MODULE):
        pytest.skip(f"this kernel lacks what it needs: {rule}: {done.stderr.strip()[-200:]}")
    assert done.returncode == 0, done.stderr


def understood(texts: Mapping[str, str]) -> Firewall:
    return Firewall.compile(router(texts), ROUTER)


def printed(tool: str, case: Case) -> str:
    try:
        add = inside(tool, "-t", case.table, "-A", case.chain, *shlex.split(case.rule))
        taken(add, case.rule)
        return inside(f"{tool}-save", "-c", "-t", case.table).stdout
    finally:
        inside(tool, "-t", case.table, "-F")


@pytest.mark.parametrize("tool", ["iptables-nft", "iptables-legacy"])
@pytest.mark.parametrize("case", cases("iptables"), ids=lambda case: case.rule)
def test_iptables_prints_what_is_understood(tool: str, case: Case) -> None:
    text = printed(tool, case)

    assert " -A " in text
    judge(understood({tool: text, "ipset": inside("ipset", "save").stdout}), case, 4)


@pytest.mark.parametrize("tool", ["ip6tables-nft", "ip6tables-legacy"])
@pytest.mark.parametrize("case", cases("ip6tables"), ids=lambda case: case.rule)
def test_ip6tables_prints_what_is_understood(tool: str, case: Case) -> None:
    text = printed(tool, case)

    assert " -A " in text
    judge(understood({tool: text}), case, 6)


@pytest.mark.parametrize("case", cases("nft"), ids=lambda case: case.rule)
def test_nft_prints_what_is_understood(case: Case) -> None:
    inside("nft", "flush", "ruleset")
    taken(inside("nft", "-f", "-", stdin=_TABLE % case.rule), case.rule)
    shown = inside("nft", "-j", "list", "ruleset").stdout
    listed = inside("nft", "-a", "list", "ruleset").stdout

    judge(understood({"nft-json": shown, "nft": listed}), case, 4)
    judge(understood({"nft": listed}), case, 4)
