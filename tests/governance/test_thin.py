from dataclasses import replace

import pytest
from sample_evidence import scored

from raytemplate.governance.champion import judge_champion
from raytemplate.governance.gates.beats_baseline import BeatsBaseline
from raytemplate.governance.gates.beats_champion import BeatsChampion
from raytemplate.governance.gates.gate import checked

GAIN = (1.60, 0.83, 2.61)
LONGER = "fewer than 10: a longer data.windows.test"
UNITS = [
    ("day", 7, "7 days", f"{LONGER}, or evaluation.resample: hour if hours are independent"),
    ("week", 2, "2 weeks", f"{LONGER}, or evaluation.resample: day if days are independent"),
    ("hour", 9, "9 hours", f"{LONGER}, or evaluation.resample: row if rows are independent"),
    ("customer group", 3, "3 customer groups", LONGER),
    ("row", 9, "9 rows", LONGER),
]


@pytest.mark.parametrize(
    ("unit", "number", "units", "hint"), [pytest.param(*each, id=f"{each[1]} {each[0]}") for each in UNITS]
)
@pytest.mark.parametrize("gate", [BeatsBaseline(), BeatsChampion(min_gain=0)], ids=["baseline", "champion"])
def test_a_pass_on_few_units_is_a_hold(evidence, gate, unit, number, units, hint):
    seen = evidence(
        resample=unit, num_groups=number, baseline=scored("baseline", 9, GAIN), champion=scored("champion", 9, GAIN)
    )
    found = gate.check(seen)
    assert (found.outcome, found.found) == ("hold", f"better by 0.83 to 2.61, on {units} only")
    assert (found.required, found.hint) == ("at least 0", hint)


def test_ten_units_are_enough(evidence):
    assert BeatsChampion().check(evidence(num_groups=10)).outcome == "pass"
    assert BeatsChampion().check(evidence(num_groups=9)).outcome == "hold"


def test_rows_split_by_hash_are_told_which_field_gives_more(evidence):
    found = BeatsBaseline().check(evidence(resample="row", num_groups=9, split="a1b2"))
    assert found.hint == "fewer than 10: a longer data.split.test"


@pytest.mark.parametrize("gain", [(-1.0, -1.5, -0.5), (0.01, 0.005, 0.02)], ids=["worse", "a trifle"])
def test_a_block_on_few_units_stays_a_block(evidence, gain):
    assert BeatsChampion().check(evidence(num_groups=3, champion=scored("champion", 8.54, gain))).outcome == "block"


def test_a_gate_that_only_warns_warns_of_few_units(evidence):
    assert checked("beats-baseline", BeatsBaseline(severity="warn"), evidence(num_groups=3)).outcome == "warn"


def test_few_units_say_nothing_against_a_champion(evidence):
    seen = evidence(num_groups=3)
    champion = scored("champion", 8.54, GAIN)
    seen = replace(
        seen, evaluation=replace(seen.evaluation, champion=replace(champion, against_baseline=champion.difference))
    )
    assert [one.outcome for one in judge_champion({"beats-baseline": BeatsBaseline()}, seen)] == ["pass"]
