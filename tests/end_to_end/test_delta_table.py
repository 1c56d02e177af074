"""A model that is made from a Delta table, in two months, and used on it."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from command_line import raytemplate
from deltalake import write_deltalake
from small_flights import AS_OF, MODEL

from raytemplate import api
from raytemplate.errors import SpecError

THERE = {"data.source": "delta:tables/flights"}


@pytest.fixture
def table(demo) -> Path:
    """A table of two versions: version 0 has January's flights, version 1 February's too."""
    for path in sorted((demo / "data" / "flights").iterdir()):
        write_deltalake(demo / "tables" / "flights", pq.read_table(path), mode="append")
    return demo / "tables" / "flights"


@pytest.mark.slow
@pytest.mark.ray
def test_two_months_of_a_table(one_ray, small, demo, table, tmp_path):
    january = small({**THERE, "data.version": "0", "data.windows.train": "10d"})
    first, second = (api.run(api.plan(spec, day)) for spec, day in ((january, "2013-02-01"), (small(THERE), AS_OF)))
    assert [run.snapshot.short_name for run in (first, second)] == ["flights@v0", "flights@v1"]
    assert [len(run.snapshot.files) for run in (first, second)] == [1, 2]
    assert "flights@v1, " in str(api.show("last", workspace=str(demo)))
    assert "flights@v1, " in api.report("last", workspace=str(demo))
    assert api.reproduce(second, workspace=str(demo), quiet=True).record.same_weights
    seen = [api.lineage(ref, workspace=str(demo)).seen for ref in (f"delta:{table}", str(table))]
    assert [[one.run_id for one in each] for each in seen] == 2 * [[second.id, first.id]]
    scored = api.predict(MODEL, f"delta:{table}", tmp_path / "out.parquet", workspace=str(demo))
    assert (scored.version, scored.num_rows) == (2, 51_955)


def test_the_plan_names_the_version_and_check_finds_wrong_ones(small, table, demo):
    said = str(api.plan(small(THERE), AS_OF))
    assert "1 ingest     flights version 1, 2 of 2 files, " in said
    assert not [line for line in api.check(small(THERE)) if "data." in line]
    for call in (api.check, lambda spec: api.plan(spec, AS_OF)):
        with pytest.raises(SpecError, match=r"data\.version: tables/flights has no version 7; the newest is 1"):
            call(small({**THERE, "data.version": "7"}))
    with pytest.raises(SpecError, match=r"data\.version: files have no versions; expected with a table"):
        small({"data.version": "7"})
    with pytest.raises(SpecError, match=r"did you mean delta:tables/flights\?"):
        small({"data.source": "delat:tables/flights"})
    with pytest.raises(SpecError, match=r'data\.version: got "seven", expected a version such as 12'):
        small({**THERE, "data.version": "seven"})


@pytest.mark.slow
def test_a_draft_is_made_from_a_table(table, demo):
    made = raytemplate(
        "init", "own", "--data", "delta:tables/flights", "--target", "air_time", "--time", "time_hour", cwd=demo
    )
    assert made.returncode == 0, made.stderr
    assert 'source: "delta:../tables/flights"' in (demo / "own" / "flights.yaml").read_text()
    assert raytemplate("check", "own/flights.yaml", cwd=demo).returncode == 0
    assert raytemplate("init", "no", "--data", "delta:data", "--target", "air_time", cwd=demo).stderr.startswith(
        "data: not a Delta table"
    )
