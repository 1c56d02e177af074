"""`init --template NAME`: what it writes passes check, can be planned on matching data, and its network runs."""

from __future__ import annotations

import importlib.util
import json
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import here

from raytemplate import api
from raytemplate.errors import UsageError
from raytemplate.models.context import Layout
from raytemplate.starting.starters import STARTERS, write_starter

SMOKE_LIMIT_S = 30
TARGETS = {
    "tabular-binary": ("churned", ["yes", "no"]),
    "tabular-multiclass": ("category", ["a", "b", "c"]),
}


def write_data(folder, starter, rows=4000):
    """Forty days of a table with the columns that the starters name."""
    column, values = TARGETS.get(starter, ("amount", [float(value) for value in range(40)]))
    start = datetime(2024, 1, 1)
    table = pa.table(
        {
            "event_time": pa.array([start + timedelta(minutes=15 * row) for row in range(rows)], pa.timestamp("us")),
            "id": list(range(rows)),
            "age": [20 + row % 40 for row in range(rows)],
            "distance": [float(row % 7) for row in range(rows)],
            "region": [("north", "south")[row % 2] for row in range(rows)],
            column: [values[row % len(values)] for row in range(rows)],
        }
    )
    (folder / "data").mkdir()
    pq.write_table(table, folder / "data" / "rows.parquet")


@pytest.mark.parametrize("starter", STARTERS)
def test_a_starter_passes_check_and_plans_on_data_that_fits(tmp_path, starter):
    made = write_starter(tmp_path / "new", starter)
    write_data(made.template.parent, starter)
    spec = api.load(made.template)
    plan = api.plan(spec, as_of="latest").plan
    assert plan.fit.family == (starter if starter in ("torch", "lightning") else "tabular-mlp")
    assert plan.ingest.window("train").num_rows > 1000
    assert not api.plan(api.load(made.template, variant="smoke"), as_of="latest").plan.govern.promotable


@pytest.mark.parametrize("starter", STARTERS)
def test_a_starter_says_what_to_fill_in(tmp_path, starter):
    made = write_starter(tmp_path, starter)
    lines = made.template.read_text().splitlines()
    assert [line for line, _, _ in made.to_fill_in] == [n for n, text in enumerate(lines, 1) if "# fill in" in text]
    fields = {field for _, field, _ in made.to_fill_in}
    assert {"name", "data.source", "data.target", "features.numeric", "governance.gates.metric-limit"} <= fields


@pytest.mark.parametrize(("starter", "name"), [("torch", "build"), ("lightning", "Net")])
def test_the_network_of_a_starter_predicts_a_number_a_row(tmp_path, starter, name):
    import torch

    made = write_starter(tmp_path, starter)
    found = importlib.util.spec_from_file_location(f"my_model_{starter}", made.template.with_name("my_model.py"))
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    layout = Layout(dense=("age", "distance"), codes=("region",), cardinalities=(4,), target_mean=0.0, target_std=1.0)
    network = getattr(module, name)(layout, hidden=8)
    assert network(torch.zeros(5, 2), torch.ones(5, 1, dtype=torch.int32)).shape == (5, 1)


EVERY_DAY = {"torch", "tabular-regression"}
EACH = [pytest.param(one, marks=() if one in EVERY_DAY else pytest.mark.slow) for one in STARTERS]


@pytest.mark.ray
@pytest.mark.parametrize("starter", EACH)
def test_the_smoke_of_a_starter_ends_soon_and_leaves_what_it_promises(one_ray, tmp_path, starter):
    made = write_starter(tmp_path, starter)
    write_data(tmp_path, starter)
    promise = ("--set", "contract.artifacts=[model, model-card]", "--json")
    done = here("run", "my-model.yaml", "--as-of", "latest", "--variant", "smoke", *promise, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["end"]["wall_clock_s"] < SMOKE_LIMIT_S
    (card,) = (tmp_path / ".raytemplate" / "runs").glob("*/model-card.md")
    assert "For show: variant smoke promotes nothing" in card.read_text()
    assert "| intended-use | say what it is for |" in card.read_text()
    assert made.template.read_text().count("fill in") > 5


def test_what_is_there_is_kept(tmp_path):
    write_starter(tmp_path, "torch")
    (tmp_path / "my_model.py").write_text("mine = True\n")
    write_starter(tmp_path, "torch")
    assert (tmp_path / "my_model.py").read_text() == "mine = True\n"
    with pytest.raises(UsageError, match="is a file, expected a folder"):
        write_starter(tmp_path / "my_model.py", "torch")


def test_init_prints_what_to_do_next(tmp_path):
    said = here("init", "new", "--template", "lightning", cwd=tmp_path)
    assert said.returncode == 0
    assert said.stdout.startswith("my-model.yaml and my_model.py are in new. To fill in:\n\n  my-model.yaml:4 ")
    assert said.stdout.endswith("  cd new\n  raytemplate check my-model.yaml\n")
    found = json.loads(here("init", "new", "--template", "lightning", "--json", cwd=tmp_path).stdout)
    assert found["kind"] == "Starter" and found["to_fill_in"][0]["field"] == "name"
    both = here("init", "new", "--template", "torch", "--example", "flights", cwd=tmp_path)
    assert both.returncode == 2 and "exclude each other" in both.stderr
