"""Every match and target of iptables as its tool writes it: read, and meaning what the case tells."""

import pytest

from tests.diagnosis.netfilter_lab import firewall
from tests.diagnosis.syntax_cases import SETS, Case, cases, judge


@pytest.mark.parametrize("case", cases("iptables"), ids=lambda case: case.rule)
def test_a_rule_of_iptables(case: Case) -> None:
    judge(firewall(iptables_nft=case.saved, ipset=SETS), case, 4)
    judge(firewall(iptables_legacy=case.saved, ipset=SETS), case, 4)


@pytest.mark.parametrize("case", cases("ip6tables"), ids=lambda case: case.rule)
def test_a_rule_of_ip6tables(case: Case) -> None:
    judge(firewall(ip6tables_nft=case.saved), case, 6)
