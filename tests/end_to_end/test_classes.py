"""Classification through a whole run and predictions: two classes on real flights, and several in both modes."""

import csv
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from command_line import here
from small_flights import SHIPPED

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("one_ray")]

SMALL = (
    "--as-of", "2013-02-15", "--set", "data.windows.train=20d", "--set", "data.windows.validation=3d",
    "--set", "governance.gates.data-rows.train=1000", "--set", "governance.gates.metric-limit.auc=0.5",
    "--set", "governance.gates.beats-baseline.min_gain=-9",
)  # fmt: skip


@pytest.mark.parametrize(
    "family",
    [
        pytest.param(("model.num_trees=30",), id="lightgbm"),
        pytest.param(
            ("model={kind: tabular-mlp, hidden: 32}", "training={epochs: 2, lr: 0.001}"),
            id="tabular-mlp",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_flights_late_runs_and_predicts_probabilities(demo, family):
    shutil.copyfile(SHIPPED.parent / "flights-late.yaml", demo / "flights-late.yaml")
    sets = [part for change in family for part in ("--set", change)]
    done = here("run", "flights-late.yaml", *SMALL, *sets, cwd=demo)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "mean by carrier, origin" in done.stdout and "log-loss" in done.stdout
    scored = here("predict", "flights-late", "data/flights/2013-02.parquet", "out.parquet", cwd=demo)
    assert scored.returncode == 0, scored.stderr
    predicted = pq.read_table(demo / "out.parquet")["prediction"].to_numpy()
    assert ((predicted > 0) & (predicted < 1)).all() and 0.1 < predicted.mean() < 0.4


SPECIES = """\
name: species
extends: raytemplate:tabular-multiclass
data:
  source: plants.csv
  target: species
  split: {validation: 15 %, test: 15 %}
features: {numeric: [length, width], categorical: [soil]}
model: {kind: lightgbm, num_trees: 30}
training: {lr: 0.1}
evaluation: {baseline: {mean_by: [soil]}}
governance: {promotion: automatic}
"""


@pytest.fixture
def plants(tmp_path):
    """Three species, named in two scripts; length tells them apart."""
    rng = np.random.default_rng(0)
    lines = ["length,width,soil,species"]
    for _ in range(3000):
        length, soil = rng.normal(), rng.choice(["clay", "sand"])
        name = ["oak", "ясень", "elm"][int(np.searchsorted((-0.5, 0.6), length + rng.normal(0, 0.3)))]
        lines.append(f"{length:.4f},{rng.normal():.4f},{soil},{name}")
    (tmp_path / "plants.csv").write_text("\n".join(lines))
    (tmp_path / "species.yaml").write_text(SPECIES)
    return tmp_path


@pytest.mark.parametrize("mode", ["stream", pytest.param("memory", marks=pytest.mark.slow)])
def test_several_classes_run_and_predict_the_likeliest(plants, mode):
    done = here("run", "species.yaml", "--set", f"data.ingest={mode}", cwd=plants)
    assert done.returncode == 0, done.stderr + done.stdout
    shown = here("show", "last", cwd=plants).stdout
    assert "actual ↓ predicted →   elm   oak   ясень" in shown and "leans on: length" in shown
    scored = here("predict", "species", "plants.csv", "out.csv", cwd=plants)
    assert scored.returncode == 0, scored.stderr
    with (plants / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    with (plants / "plants.csv").open() as file:
        truth = [row["species"] for row in csv.DictReader(file)]
    right = np.mean([row["prediction"] == name for row, name in zip(rows, truth, strict=True)])
    assert right > 0.75
    total = [sum(float(row[f"probability_{name}"]) for name in ("elm", "oak", "ясень")) for row in rows]
    assert total == pytest.approx(np.ones(len(rows)))
