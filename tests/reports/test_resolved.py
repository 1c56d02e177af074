"""`check --resolved`: every value with its location and its reason."""

from __future__ import annotations

from pathlib import Path

from raytemplate.reports.resolved import resolved_text
from raytemplate.spec.load import load

BASE = """\
training:
  epochs: 9                  # enough for most
  batch_size: 64             # small data
data: {windows: {test: 7d}}
"""

CHILD = """\
name: air-time
extends: base.yaml
data:
  source: d/*.parquet        # landed nightly
  time: time_hour
  target: air_time
features: {numeric: [distance]}   # all that is known early
model: {kind: tabular-mlp}
training: {batch_size: 128}
variants:
  quick: {training.epochs: 1}     # does it run?
"""


def shown(folder: Path, **layers: object) -> dict[str, str]:
    """Dotted path -> the value with its location and comment."""
    (folder / "base.yaml").write_text(BASE)
    (folder / "t.yaml").write_text(CHILD)
    text = resolved_text(load(folder / "t.yaml", environ={}, **layers))  # type: ignore[arg-type]
    lines = [line.split(maxsplit=1) for line in text.replace(f"{folder}/", "").splitlines() if line.strip()]
    return {parts[0]: " ".join(parts[-1].split()) for parts in lines}


def test_each_value_has_its_layer_and_its_comment(tmp_path):
    found = shown(tmp_path)
    assert found["training.epochs"] == "9 base.yaml:2 # enough for most"
    assert found["data.source"] == "d/*.parquet t.yaml:4 # landed nightly"
    assert found["features.numeric"] == "[distance] t.yaml:7 # all that is known early"
    assert found["data.windows.test"] == "7d base.yaml:4"
    assert found["training.seed"] == "0 default"


def test_the_reason_of_a_value_goes_with_it(tmp_path):
    assert shown(tmp_path)["training.batch_size"] == "128 t.yaml:9"  # not the parent's reason for another value
    assert shown(tmp_path, sets=["training.epochs=3"])["training.epochs"] == "3 --set training.epochs=3"
    assert shown(tmp_path, variant="quick")["training.epochs"] == "1 t.yaml:11 # does it run?"


def test_a_truth_value_is_written_as_yaml_has_it(tmp_path: Path) -> None:
    assert shown(tmp_path)["data.csv.header"] == "true default"
