"""What nft prints of random rule sets, as text and as JSON: both say the same."""

import pytest

from tests.diagnosis.listing_law import of_json, of_text
from tests.kernel.fuzz_dice import trial
from tests.kernel.fuzz_world import court, load, refused

pytestmark = pytest.mark.kernel


def test_the_text_of_random_rule_sets_says_what_their_json_says() -> None:
    unfit, rules = refused(), 0
    with court() as judge:
        for seed in range(40):
            mine = [each for each in trial(seed, unfit).rules if each[0] == "nft"]
            judge.world.clear()
            for tool, text in mine:
                load(tool, text)
            texts = judge.world.texts(legacy=False) if mine else {}
            told = of_text(texts.get("nft", ""))
            rules += len(told)
            assert told == (of_json(texts["nft-json"]) if mine else {}), f"seed {seed}"

    assert rules > 200
