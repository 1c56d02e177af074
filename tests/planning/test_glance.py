# ruff: noqa: E501
"""`check` looks at the columns of the data: its problems, its warnings, and when it reports that it did not look."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import here

from raytemplate import api
from raytemplate.errors import SpecError
from raytemplate.planning import glance as glances
from raytemplate.planning.glance import glance
from raytemplate.spec.load import load
from raytemplate.starting.starters import write_starter

TEMPLATE = """\
name: small
data:
  source: "rows.csv"
  time: t
  target: y
  keys: [id]
  drop: "x = '7'"
features: {numeric: [x], categorical: [c]}
model: {kind: linear}
evaluation: {slices: [c], baseline: {mean_by: [c]}}
contract:
  columns:
    x: {type: integer}
"""
ROWS = [(f"2024-01-{1 + i % 28:02d}", i % 7, "pq"[i % 2], i, i * 0.5) for i in range(300)]
CSV = "t,x,c,id,y\n" + "".join(",".join(map(str, row)) + "\n" for row in ROWS)
DROP = "t.yaml:7  data.drop: \"x\" is a number and '7' a text; write 7"


def template(folder: Path, *changes: tuple[str, str], rows: str | None = CSV) -> Path:
    if rows is not None:
        (folder / "rows.csv").write_text(rows)
    text = TEMPLATE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "t.yaml").write_text(text)
    return folder / "t.yaml"


def checked(folder: Path, *arguments: str) -> tuple[int, list[str]]:
    ended = here("check", "t.yaml", *arguments, cwd=folder)
    return ended.returncode, (ended.stdout or ended.stderr).replace(f"{folder}/", "").splitlines()


NO_DROP = ("  drop: \"x = '7'\"\n", "")
WRONG = {
    "a condition of another kind": ([], [DROP]),
    "a column that is not there, twice": (
        [NO_DROP, ("[c]", "[k]"), ("numeric: [x]", "numeric: [x, id, z]")],
        [
            't.yaml:7  features.numeric: no column "z" in the data; there is t, x, c, id, y',
            't.yaml:7  features.categorical: no column "k" in the data; there is t, x, c, id, y',
            't.yaml:9  evaluation.baseline.mean_by: no column "k" in the data; there is t, x, c, id, y',
            't.yaml:9  evaluation.slices: no column "k" in the data; there is t, x, c, id, y',
        ],
    ),
    "a day that no calendar has": (
        [("\"x = '7'\"", "\"t >= '2024-02-30'\"")],
        [
            "t.yaml:7  data.drop: \"t\" is a time and '2024-02-30' is not a date; write it as '2024-01-31' or '2024-01-31T06:00'"
        ],
    ),
    "a time compared with a number, beside a test that can be asked": (
        [("\"x = '7'\"", "\"t >= '2100-01-01' or t > 20240101\"")],
        ["t.yaml:7  data.drop: \"t\" is a time and 20240101 a number; write '2024-01-01'"],
    ),
    "a time that stands alone": (
        [("\"x = '7'\"", '"t"')],
        ['t.yaml:7  data.drop: "t" is a time, expected something that is true or false'],
    ),
    "a time that is none, beside others": (
        [("time: t", "time: c")],
        [
            't.yaml:4  data.time: rows.csv:2: column c is "p", expected ISO 8601, to the microsecond, such as 2013-01-31T06:00',
            DROP,
        ],
    ),
}


@pytest.mark.parametrize(("changes", "lines"), WRONG.values(), ids=WRONG)
def test_every_problem_is_named_at_its_line(tmp_path, changes, lines):
    template(tmp_path, *changes)
    code, said = checked(tmp_path)
    assert code == 2
    assert sorted(said[:-1]) == sorted(lines)
    planned = here("plan", "t.yaml", "--as-of", "latest", cwd=tmp_path)
    told = planned.stderr.replace(f"{tmp_path}/", "").splitlines()
    assert (planned.returncode, sorted(told)) == (2, sorted(said))


def test_files_that_are_not_there_are_a_problem_of_the_source(tmp_path):
    template(tmp_path, NO_DROP, rows=None)
    code, said = checked(tmp_path)
    assert code == 2
    assert said[0].startswith("t.yaml:3  data.source: rows.csv: no file matches; looked for ")
    assert checked(tmp_path, "--no-data") == (0, ["small 0: no problems.", "  raytemplate plan t.yaml --as-of latest"])


def test_a_type_that_only_the_beginning_shows_is_a_warning(tmp_path, monkeypatch):
    monkeypatch.setattr(glances, "_MOST_BYTES", 1_000)
    monkeypatch.setattr(glances, "_LEAST_BYTES", 1_000)
    template(
        tmp_path,
        ("type: integer", "type: text"),
        ("    x:", "    c:"),
        ("\"x = '7'\"", "\"x = '7' or c = 7\""),
        rows=CSV + "2024-01-01,seven,p,9,1\n",
    )
    code, said = checked(tmp_path)
    assert (code, said[0]) == (2, "t.yaml:7  data.drop: \"c\" is a text and 7 a number; write '7'")
    template(tmp_path, ("    x:", "    id:"), rows=None)
    code, said = checked(tmp_path)
    assert (code, said[0]) == (0, "small 0: no problems.")
    assert said[1].startswith(DROP.replace("drop: ", "drop: warning: ") + " (by the beginning of rows.csv)")
    assert said[2].startswith('t.yaml:8  features.numeric: warning: column "x"') or len(said) == 3


def test_a_column_that_is_empty_at_first_may_be_anything(tmp_path, monkeypatch):
    monkeypatch.setattr(glances, "_MOST_BYTES", 200)
    monkeypatch.setattr(glances, "_LEAST_BYTES", 200)
    (tmp_path / "rows.csv").write_text("x,y\n" + ",1\n" * 200 + "5,1\n")
    spec = load(template(tmp_path, rows=None), environ={})
    assert glance(spec).sure == {"x": "int64", "y": ""}  # the contract promises x


def test_of_many_files_the_first_is_looked_at(tmp_path):
    for number in range(40):
        pq.write_table(pa.table({"x": [1], "y": [2.0]}), tmp_path / f"{number:02d}.parquet")
    spec = load(template(tmp_path, ('"rows.csv"', '"*.parquet"'), rows=None), environ={})
    assert glance(spec).sure == {"x": "int64", "y": "double"}


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz"])
def test_other_text_files_are_looked_at_too(tmp_path, ending):
    import gzip

    text = "".join(json.dumps(dict(zip("txciy", row, strict=True))) + "\n" for row in ROWS)
    (tmp_path / f"rows.{ending}").write_bytes(gzip.compress(text.encode()) if "gz" in ending else text.encode())
    template(tmp_path, ("rows.csv", f"rows.{ending}"), ("keys: [id]", "keys: [i]"), rows=None)
    assert checked(tmp_path)[1][0] == DROP


def test_a_store_that_cannot_be_reached_is_said_and_no_problem(tmp_path, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    storage = "  storage: {endpoint: http://127.0.0.1:9}\n"
    template(tmp_path, ("rows.csv", "s3://lake/*.parquet"), ("  time: t\n", f"{storage}  time: t\n"), rows=None)
    code, said = checked(tmp_path)
    assert (code, said[0]) == (0, "small 0: no problems.")
    assert said[1].startswith("t.yaml:3  data.source: warning: the data was not looked at: s3://lake")


def test_a_place_that_is_to_be_filled_in_is_not_looked_for(tmp_path):
    made = write_starter(tmp_path / "new", "tabular-regression")
    assert api.check(load(made.template, environ={})) == (
        f"{made.template}:10  data.source: warning: the data was not looked at: its path is still to be filled in",
    )


def test_a_large_file_is_glanced_at_within_a_second(tmp_path):
    with (tmp_path / "rows.csv").open("w") as file:
        file.write(CSV)
        for _ in range(400):
            file.write(CSV.partition("\n")[2] * 20)
    assert (tmp_path / "rows.csv").stat().st_size > 40_000_000
    spec = load(template(tmp_path, NO_DROP, rows=None), environ={})
    began = time.process_time()
    assert api.check(spec) == ()
    assert time.process_time() - began < 2


def test_python_is_told_the_same(tmp_path):
    with pytest.raises(SpecError, match=r"t\.yaml:7  data\.drop: \"x\" is a number"):
        api.check(load(template(tmp_path), environ={}))
