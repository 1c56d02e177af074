"""A model of a CSV file scores the same rows as CSV, JSON Lines or Parquet, and as any library's data frame."""

import json
from datetime import date, timedelta

import numpy as np
import pandas
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from raytemplate import api
from raytemplate.engines.mlflow.flavor import _load_pyfunc  # pyright: ignore[reportPrivateUsage]
from raytemplate.errors import DataError

TEMPLATE = """
name: shops
version: 0.1.0
data:
  source: shops.csv
  csv: {dates: ["%Y%m%d"], missing: ["", n/a]}
  time: day
  target: y
  keys: [account]
  windows: {validation: 10d, test: 14d}
features: {numeric: [w], categorical: [kind, floor, open], datetime: {day: [weekday]}}
model: {kind: linear}
budget: {time: 5m}
evaluation: {metric: mae}
governance: {promotion: automatic, gates: {metric-limit: {mae: 100}}}
"""
COLUMNS = ("account", "day", "kind", "floor", "open", "w")


def rows_of_shops(num):
    rng = np.random.default_rng(0)
    for i in range(num):
        day = date(2024, 1, 1) + timedelta(i // 10)
        kind, floor, is_open = rng.choice(["red", "green", "n/a"]), rng.choice(["1", "2", ""]), rng.choice(["true", ""])
        y = {"red": 10, "green": 20, "n/a": 70}[kind] + len(floor) * 5 + len(is_open) + day.weekday()
        yield f"{i:08d}", f"{day:%Y%m%d}", str(kind), str(floor), str(is_open), f"{rng.normal():.3f}", str(y)


@pytest.fixture
def shops(tmp_path, monkeypatch):
    """A folder with a template and its file, and the rows of the file as text."""
    rows = list(rows_of_shops(1_000))
    (tmp_path / "shops.csv").write_text("\n".join(map(",".join, [(*COLUMNS, "y"), *rows])) + "\n")
    (tmp_path / "shops.yaml").write_text(TEMPLATE)
    monkeypatch.chdir(tmp_path)
    return [dict(zip(COLUMNS, row[:-1], strict=True)) for row in rows]


FRAMES = {
    "pandas": lambda: pandas.read_csv("shops.csv"),
    "pandas text": lambda: pandas.read_csv("shops.csv", dtype=str),
    "pandas text, '' kept": lambda: pandas.read_csv("shops.csv", dtype=str, keep_default_na=False),
    "pandas times": lambda: pandas.read_csv("shops.csv", parse_dates=["day"]),
    "pandas nullable": lambda: pandas.read_csv("shops.csv", dtype_backend="numpy_nullable"),
    "polars": lambda: polars.read_csv("shops.csv"),
    "polars text": lambda: polars.read_csv("shops.csv", infer_schema=False),
    "arrow": lambda: polars.read_csv("shops.csv").to_arrow(),
}


@pytest.mark.parametrize(("make", "as_text"), [(make, "text" in name) for name, make in FRAMES.items()], ids=FRAMES)
def test_the_frame_of_a_file_is_planned_as_the_file_is(shops, make, as_text):
    spec = api.load("shops.yaml")
    of_file, of_frame = api.plan(spec, "latest").plan, api.plan(spec, "latest", data=make()).plan
    frame_windows, file_windows = of_frame.ingest.windows, of_file.ingest.windows
    assert [(w.name, w.start, w.end) for w in frame_windows] == [(w.name, w.start, w.end) for w in file_windows]
    # Rows of a window are counted in text files, and estimated in Parquet, in which a frame is kept.
    assert sum(w.num_rows for w in frame_windows) == sum(w.num_rows for w in file_windows) == len(shops)
    written_otherwise = {"account": "", "w": "", "y": ""} | (dict.fromkeys(("floor", "open"), "") if as_text else {})
    assert dict(of_frame.ingest.types) | written_otherwise == dict(of_file.ingest.types) | written_otherwise


def test_a_value_of_a_frame_that_cannot_be_read_is_told(shops):
    frame = pandas.read_csv("shops.csv", dtype=str)
    frame.loc[7, "day"] = "20240231"
    with pytest.raises(DataError, match=r'^column day is "20240231" in row 8, expected ISO 8601'):
        api.plan(api.load("shops.yaml"), "latest", data=frame)


@pytest.mark.ray
def test_a_model_scores_its_file_in_every_form(shops, tmp_path):
    api.run(api.plan(api.load("shops.yaml"), "latest"), quiet=True)
    model = api.model("shops@champion")
    api.predict("shops", "shops.csv", "out.csv")
    of_file = pandas.read_csv("out.csv", dtype={"account": str})
    assert of_file["account"].tolist() == [row["account"] for row in shops]
    for name, make in FRAMES.items():
        frame = make()
        found = model.predict(frame)
        assert type(found) is type(frame), name
        assert np.array_equal(np.asarray(found["prediction"]), of_file["prediction"]), name
        assert np.asarray(found["account"]).tolist() == np.asarray(frame["account"]).tolist(), name
    packaged = _load_pyfunc(str(model.folder)).predict(pandas.read_csv("shops.csv"))
    assert np.array_equal(packaged["prediction"], of_file["prediction"])
    (tmp_path / "text.jsonl").write_text("".join(json.dumps(row) + "\n" for row in shops))
    table = pa.table({name: [row[name] + " " for row in shops] for name in COLUMNS})
    pq.write_table(table.set_column(0, "account", table.column("account").dictionary_encode()), tmp_path / "t.parquet")
    for name, blank in (("text.jsonl", ""), ("t.parquet", " ")):
        api.predict("shops", name, "other.parquet")
        other = pq.read_table("other.parquet")
        assert np.array_equal(other.column("prediction").to_numpy(), of_file["prediction"]), name
        assert other.column("account").to_pylist() == [row["account"] + blank for row in shops], name
