"""Whether a champion can be judged on today's rows."""

import pytest
from test_values_as_in_training import RULES, category, model

from raytemplate.engines.ray.scoring.score import reads_other
from raytemplate.testing.sample_plans import sample_ingest_stage

NOW = sample_ingest_stage(rules=RULES)
BLANK = "it knows blank text as a value of k, and that is read as missing now"
PADDED = 'it knows "red  " as a value of k, and blanks around text are left out now'


@pytest.mark.parametrize(
    ("values", "rules", "stage", "said"),
    [
        (("red", ""), None, NOW, BLANK),
        (("red", "\u00a0"), None, NOW, BLANK),
        (("blue", "red  "), None, NOW, PADDED),
        (("red", "a b"), None, NOW, ""),
        (("red  ", ""), RULES, NOW, ""),
        (("red  ", ""), None, sample_ingest_stage(rules=None), ""),
    ],
    ids=["blank", "another blank", "padded", "plain", "made now", "a plan made before"],
)
def test_a_model_made_before_is_not_judged_on_values_that_it_does_not_know(values, rules, stage, said):
    before = model(rules=rules, features=(category("k", "text", *values),))
    assert reads_other(before.about, before.features, stage) == said
