"""A model is trained on files in a bucket and used on others there, with the same bytes as from a disk."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest
from bucket import bucket_store
from small_flights import AS_OF, MODEL

from raytemplate import api
from raytemplate.engines.ray.data.ingest import open_data
from raytemplate.errors import UsageError
from raytemplate.records.judged import Approved

pytestmark = [pytest.mark.ray]


@pytest.mark.slow
def test_a_model_is_made_and_used_from_a_bucket(one_ray, small, demo, tmp_path):
    with bucket_store() as store:
        folder = store.put_all(demo / "data" / "flights", "flights")
        there = {"data.source": f"{folder}/*.parquet", "data.storage.endpoint": store.endpoint}
        here, planned = api.plan(small(), AS_OF), api.plan(small(there), AS_OF)
        made = api.run(planned)
        assert isinstance(made.verdict, Approved)
        local = open_data(here.plan.ingest, None).ingested.snapshot
        assert [file.sha256 for file in made.snapshot.files] == [file.sha256 for file in local.files]
        assert [file.path for file in made.snapshot.files] == [f"{folder}/2013-0{month}.parquet" for month in (1, 2)]
        streamed = open_data(api.plan(small({**there, "data.ingest": "stream"}), AS_OF).plan.ingest, made.snapshot)
        assert streamed.ingested.snapshot.digest == made.snapshot.digest
        out = "s3://lake/scored/out.csv"
        scored = api.predict(MODEL, f"{folder}/2013-02.parquet", out, workspace=str(demo))
        again = tmp_path / "again.parquet"
        api.predict(MODEL, str(demo / "data" / "flights" / "2013-02.parquet"), again, workspace=str(demo))
        assert (
            scored.num_rows
            == len(store.get("scored/out.csv").splitlines()) - 1
            == pq.read_metadata(again).num_rows
            > 20_000
        )
        with pytest.raises(UsageError, match="it would be overwritten"):
            api.predict(MODEL, f"{folder}/*.parquet", f"{folder}/2013-02.parquet", workspace=str(demo))
        records = b"".join(path.read_bytes() for path in made.journal.folder.rglob("*.json"))
        assert b"of-tests" not in records and b"2013-02.parquet" in records
