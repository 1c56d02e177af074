"""Which slices the gate `slice-gap` considers if some are small."""

import numpy as np
import pyarrow as pa
from fairlearn import metrics as reference

from raytemplate.evaluation.slices import score_slices, slice_values
from raytemplate.governance.gates.slice_gap import SliceGap

RATES = ("selection-rate", "true-positive-rate", "false-positive-rate")


def people(seed, favour):
    """Whether each is of the class, its probability, and the group it is of; groups are favoured in turn."""
    rng = np.random.default_rng(seed)
    group = rng.choice(["north", "south", "east"], 1200, p=[0.6, 0.3, 0.1])
    target = (rng.random(1200) < 0.4).astype(np.float64)
    probability = 0.35 * target + 0.65 * rng.random(1200)
    return target, np.clip(probability + favour * (group == "north") - favour * (group == "east"), 0, 1), group


def judged(evidence, target, probability, group, min_rows=1, **limits):
    slices = score_slices(
        target=target,
        groups=np.arange(len(target)),
        predictions={"candidate": probability},
        columns={"region": slice_values(pa.chunked_array([pa.array(group)]))},
        metrics=RATES,
        num_resamples=50,
    )
    gate = SliceGap.model_validate({"by": "region", "min_rows": min_rows, **limits})
    return gate.check(evidence(slices=slices))


def test_slices_of_few_rows_are_passed_over_as_by_hand(evidence):
    target, probability, group = people(1, 0.3)
    large = group != "east"
    assert (group == "east").sum() < 200
    gap = reference.demographic_parity_difference(
        target[large], probability[large] >= 0.5, sensitive_features=group[large]
    )
    limits = {"selection-rate": gap + 1e-9}
    assert judged(evidence, target, probability, group, min_rows=200, **limits).outcome == "pass"
    assert judged(evidence, target, probability, group, min_rows=1, **limits).outcome == "block"


def test_a_slice_where_a_rate_has_no_value_is_never_within(evidence):
    target, probability, group = people(1, 0.0)
    target[group == "east"] = 0.0
    finding = judged(evidence, target, probability, group, **{"true-positive-rate": 0.99})
    assert finding.outcome == "block" and "region east" in finding.found
