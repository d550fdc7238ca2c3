"""nft's text as the second source of rules: it says what the JSON says, and a chain without a name besides."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homelab.diagnosis.netfilter import Firewall
from homelab.diagnosis.netfilter.nft_listing import objects
from homelab.diagnosis.netfilter.nft_words import UnreadableError
from homelab.diagnosis.netfilter.rules import Opaque
from homelab.model.kernel import Namespace, Ruleset
from homelab.model.place import guest
from tests import captured
from tests.diagnosis.listing_law import of_json, of_text

FOLDER = Path(__file__).parent / "listing"
STATEMENTS = (FOLDER / "statements.txt").read_text()
WEB = guest("web")


def firewall(here: Namespace, *without: str) -> Firewall:
    kept = tuple(each for each in here.rulesets if each.tool not in without)
    return Firewall.compile(replace(here, rulesets=kept), WEB)


def test_every_statement_says_the_same_in_both_forms() -> None:
    """As nft 1.0.6 printed them of one table: `nft -a list ruleset`, `nft -j list ruleset`."""
    assert of_text(STATEMENTS) == of_json((FOLDER / "statements.json").read_text())


def test_a_newer_nft_says_the_same_in_both_forms() -> None:
    """As nft 1.1.7 printed tables of the matrix: it spells masks and a check of the route in two ways."""
    text = (FOLDER / "nft-1.1.txt").read_text()
    listed, told = of_text(text), of_json((FOLDER / "nft-1.1.json").read_text())

    assert listed.keys() == told.keys()
    spelled = {(key[1], len(listed[key])) for key in listed if listed[key] != told[key]}
    assert spelled == {("own2", 2), ("own3", 3), ("masked", 2)}
    rules = firewall(Namespace(rulesets=(Ruleset("nft", text),))).ruleset.tables
    steps = (step for t in rules for c in t.chains.values() for r in c.rules for step in r.steps)
    assert [each for each in steps if isinstance(each, Opaque)] == []


def test_no_rule_of_the_text_is_lost() -> None:
    here = Namespace(rulesets=(Ruleset("nft", STATEMENTS),))
    (table,) = firewall(here).ruleset.tables

    rules = [rule for chain in table.chains.values() for rule in chain.rules]
    texts = [each.text for each in table.chains["f"].rules]
    others = ("table ", "\tcounter ", "\tlimit ", "\tset ", "\tmap ", "\tchain ")
    lines = [each for each in STATEMENTS.splitlines() if "# handle" in each]
    inside_the_nameless_chain = 2
    wanted = sum(not each.startswith(others) for each in lines) + inside_the_nameless_chain
    assert len(rules) == wanted
    assert texts[0] == "ct state established,related accept"
    opaque = {rule.text for rule in rules for step in rule.steps if isinstance(step, Opaque)}
    assert opaque == set()


@pytest.mark.parametrize(
    "folder",
    [each for each in captured.DOCKER if (each / "nft-ruleset.txt").exists()],
    ids=captured.name,
)
def test_a_captured_guest_has_the_same_rules_by_its_text_alone(folder: Path) -> None:
    here = captured.namespace(folder)

    both, text = firewall(here), firewall(here, "nft-json")

    assert not any(text.ruleset.unread.values())
    assert list(text.ruleset.problems()) == []
    assert [_names(each) for each in [text]] == [_names(each) for each in [both]]


def _names(found: Firewall) -> dict[tuple[str, ...], list[str]]:
    return {
        (table.family, table.name, chain.name): [each.text for each in chain.rules]
        for table in found.ruleset.tables
        for chain in table.chains.values()
    }


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("frobnicate 3 accept", "frobnicate"),
        ("ip saddr 1.2.3.4 # xt_owner", "xt_owner"),
        ("tcp dport { 22, 80 ( }", "missing"),
        ("ip daddr", "missing"),
    ],
)
def test_a_rule_that_cannot_be_read_is_confined_to_itself(line: str, said: str) -> None:
    text = (
        "table ip t {\n\tchain c {\n\t\ttype filter hook forward priority 0; policy accept;\n"
        f"\t\t{line}\n\t\taccept\n\t}}\n}}\n"
    )
    rules = [each for kind, each in objects(text) if kind == "rule"]

    assert said in str(rules[0]["expr"])
    assert len(rules) == 1 or rules[1]["expr"] == [{"accept": None}]


def test_priorities_have_names_and_devices_have_chains() -> None:
    text = """table bridge b {
\tchain c {
\t\ttype filter hook prerouting priority filter + 10; policy drop;
\t}
}
table netdev n {
\tchain i {
\t\ttype filter hook ingress device "eth0" priority -500; policy accept;
\t}
\tchain j {
\t\ttype filter hook ingress devices = { "a", "b" } priority filter; policy accept;
\t}
}
"""
    chains = [each for kind, each in objects(text) if kind == "chain"]

    assert [(each["prio"], each.get("dev")) for each in chains] == [
        (-190, None),
        (-500, ["eth0"]),
        (0, ["a", "b"]),
    ]


@given(st.text(alphabet='tablechiniprd {}",.:@#\n\t0123/-', max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        list(objects(f"table ip t {{\n\tchain c {{\n\t\t{text}"))
    except UnreadableError:
        return


@given(st.integers(0, len(STATEMENTS)))
def test_a_text_that_is_cut_anywhere_is_read_or_refused(end: int) -> None:
    try:
        found = list(objects(STATEMENTS[:end]))
    except UnreadableError:
        return
    assert json.dumps(found)
