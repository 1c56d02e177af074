"""`data.rows`: about that many rows, in proportion to the windows, the same in both modes, and fewer are read."""

import pyarrow as pa
import pytest

from raytemplate.reports.explain import explain

pytestmark = pytest.mark.ray
FEW = {"data.rows": 2000}


def counts(found) -> dict[str, int]:
    return {w.name: w.num_rows + w.num_dropped for w in found.ingested.snapshot.windows}


def test_a_sample_is_spread_over_the_windows_and_the_same_in_both_modes(ingest, many_groups):
    whole = counts(ingest())
    memory, stream = (ingest({"data.ingest": mode, **FEW}) for mode in ("memory", "stream"))
    assert memory.ingested.snapshot.digest == stream.ingested.snapshot.digest
    assert memory.ingested.features == stream.ingested.features
    found, share = counts(memory), 2000 / sum(whole.values())
    assert sum(found.values()) == pytest.approx(2000, rel=0.15)
    for window, number in whole.items():
        assert found[window] == pytest.approx(number * share, rel=0.25), window
    streamed = pa.concat_tables(stream.test.iter_batches(batch_format="pyarrow", batch_size=None))
    assert streamed.to_pydict() == memory.test.select(streamed.column_names).to_pydict()


def test_a_small_sample_reads_some_row_groups_only_and_the_plan_says_so(plan, many_groups):
    whole, few = plan(), plan({"data.rows": 500, "data.windows.train": "all"})
    assert sum(f.bytes_to_read for f in few.ingest.files) < sum(
        f.bytes_to_read for f in plan({"data.windows.train": "all"}).ingest.files
    )
    assert sum(w.num_rows for w in few.ingest.windows) == pytest.approx(500, abs=2)
    assert "a sample of about 500 rows of " in explain(few, file="t.yaml")
    assert "a sample" not in explain(whole, file="t.yaml")


def test_more_rows_than_there_are_is_no_sample(plan, many_groups):
    assert plan({"data.rows": 10**9}).ingest == plan().ingest
