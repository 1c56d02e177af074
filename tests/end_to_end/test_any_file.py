"""Data that is not Parquet, through a whole run and predictions."""

import csv

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from command_line import here
from small_flights import AS_OF, MODEL, SHIPPED, as_sets

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("one_ray")]


@pytest.fixture
def as_csv(demo):
    """The flights of `demo` as CSV in folders origin=..., without Parquet."""
    for path in sorted((demo / "data" / "flights").glob("*.parquet")):
        table = pq.read_table(path)
        for origin in ("EWR", "JFK", "LGA"):
            folder = demo / "data" / "flights" / f"origin={origin}"
            folder.mkdir(exist_ok=True)
            part = table.filter(pa.compute.equal(table["origin"], origin)).drop_columns(["origin"])
            pa.csv.write_csv(part, folder / f"{path.stem}.csv")
        path.unlink()
    return demo


@pytest.mark.slow
def test_csv_in_partitions_runs_and_predicts(as_csv):
    sets = ("--as-of", AS_OF, *as_sets({"data.source": "data/flights"}))
    done = here("run", SHIPPED.name, *sets, cwd=as_csv)
    assert done.returncode == 0, done.stderr + done.stdout
    scored = here("predict", MODEL, "data/flights/origin=LGA/2013-02.csv", "out.csv", cwd=as_csv)
    assert scored.returncode == 0, scored.stderr
    with (as_csv / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 5000 and list(rows[0])[:4] == ["time_hour", "carrier", "flight", "origin"]
    assert {row["origin"] for row in rows} == {"LGA"}
    assert 30 < np.mean([float(row["prediction"]) for row in rows]) < 300


TABLE = """\
name: churn
extends: raytemplate:tabular-regression
data:
  source: churn.csv
  target: spent
  keys: [id]
  split: {validation: 15 %, test: 15 %}
  csv: {missing: ["", "?"]}
features: {numeric: [age, visits], categorical: [plan]}
model: {kind: lightgbm, num_trees: 30}
governance:
  promotion: automatic
  gates: {beats-baseline: {min_gain: 0}, beats-champion: {min_gain: -100}}
"""


@pytest.fixture
def churn(tmp_path):
    """A table without a time, with semicolons, and `?` for missing values."""
    rng = np.random.default_rng(0)
    lines = ["id;age;visits;plan;spent"]
    for number in range(4000):
        age, visits, plan = rng.integers(18, 90), rng.integers(0, 30), rng.choice(["NA", "basic", "größer"])
        lines.append(
            f"k{number};{age if number % 50 else '?'};{visits};{plan};{2 * visits + (plan == 'NA') * 9 + age / 9}"
        )
    (tmp_path / "churn.csv").write_text("\n".join(lines))
    (tmp_path / "churn.yaml").write_text(TABLE)
    return tmp_path


@pytest.mark.slow
def test_a_table_without_a_time_runs_and_its_champion_is_compared_only_on_the_same_split(churn):
    plan = here("plan", "churn.yaml", cwd=churn)
    assert "train        70 %   by a hash of id, seed 0" in plan.stdout, plan.stdout + plan.stderr
    first = here("run", "churn.yaml", cwd=churn)
    assert first.returncode == 0, first.stderr + first.stdout
    again = here("run", "churn.yaml", "--set", "model.num_trees=40", "--as-of", "2013-01-01", cwd=churn)
    assert again.returncode == 0 and "version 2 is the champion" in again.stdout, again.stderr + again.stdout
    moved = here("run", "churn.yaml", "--set", "data.split.seed=1", cwd=churn)
    assert moved.returncode == 5
    assert "version 2 has seen test rows: its" in " ".join(moved.stdout.split())


def test_rows_alike_but_for_their_answer_share_a_side_and_a_sound_model_beats_the_mean(tmp_path):
    rng = np.random.default_rng(3)
    age = rng.integers(18, 80, 2000)
    left = np.where(rng.random(2000) < age / 100, "yes", "no")
    pa.csv.write_csv(pa.table({"age": age, "plan": rng.choice(["a", "b"], 2000), "left": left}), tmp_path / "churn.csv")
    made = here("init", "mine", "--data", "churn.csv", "--target", "left", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    done = here("run", "churn.yaml", cwd=tmp_path / "mine")
    assert done.returncode == 0, done.stdout + done.stderr
