"""Keys with the name of a column that `predict` writes."""

from __future__ import annotations

import pytest
from template_text import WHOLE, write

from raytemplate.data.reserved import PREDICTION, VERSION, is_written
from raytemplate.engines.ray.scoring.predict import VERSION as WRITTEN
from raytemplate.errors import SpecError
from raytemplate.spec.load import load

REMEDY = "rename it in the data, or name other keys"


@pytest.mark.parametrize("key", ["prediction", "model_version", "probability_late"])
def test_a_key_that_predict_writes_itself_is_refused_at_its_line(tmp_path, key):
    path = write(tmp_path, WHOLE.replace("  target: air_time\n", f"  target: air_time\n  keys: [flight, {key}]\n"))
    text = path.read_text()
    if key.startswith("probability"):
        text = text.replace("  target: air_time\n", "  target: air_time\n  task: multiclass\n")
        text = text.replace("loss: mae", "loss: log-loss").replace("also: [rmse]", "metric: log-loss")
        text = text.replace("median_by", "mean_by").replace("    metric-limit: {mae: 12}\n", "")
        path.write_text(text)
    with pytest.raises(SpecError) as refused:
        load(path, environ={})
    line = text.splitlines().index(f"  keys: [flight, {key}]") + 1
    assert [str(problem).replace(f"{tmp_path}/", "") for problem in refused.value.problems] == [
        f't.yaml:{line}  data.keys: "{key}" is a column that predict writes itself; {REMEDY}'
    ]


def test_probabilities_are_written_of_more_than_two_classes_only():
    assert is_written("probability_a", "multiclass") and not is_written("probability_a", "binary")
    assert is_written(PREDICTION, "regression") and is_written(VERSION, "binary")
    assert VERSION == WRITTEN
