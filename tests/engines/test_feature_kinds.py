"""Every kind of feature through ingest, training and prediction: the same in both modes, and later."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from raytemplate.data.features.encoding import encode

pytestmark = pytest.mark.ray

KINDS = {
    "features.numeric": ["distance", "seats", "temp", "precip", "row_id"],
    "features.categorical": ["carrier", "dest", "origin"],
    "features.datetime.time_hour": ["weekday", "hour-cycle"],
    "features.text": ["note"],
    "features.crosses": {"route": ["origin", "dest"], "desk": ["origin", "carrier"]},
    "features.columns": {
        "distance": {"kind": "buckets", "buckets": 12, "encoding": "one-hot"},
        "seats": {"kind": "quantile"},
        "temp": {"kind": "power"},
        "dest": {"kind": "target-mean"},
        "carrier": {"kind": "hashing", "buckets": 8},
        "origin": {"kind": "ordinal", "order": ["LGA", "JFK", "EWR"]},
        "route": {"kind": "target-mean", "smoothing": 30},
        "note": {"width": 8},
    },
}


@pytest.fixture
def noted(many_groups):
    """The files with a column of text."""
    for path in many_groups.iterdir():
        table = pq.read_table(path)
        texts = [
            f"{origin} to {dest}"
            for origin, dest in zip(*(table[c].to_pylist() for c in ("origin", "dest")), strict=True)
        ]
        pq.write_table(
            table.append_column("note", pa.array(texts)), path, row_group_size=2000, write_page_checksum=True
        )
    return many_groups


def test_both_modes_fit_and_encode_every_kind_alike(ingest, noted):
    import ray

    memory, stream = (ingest({"data.ingest": mode, **KINDS}) for mode in ("memory", "stream"))
    assert memory.ingested.features == stream.ingested.features
    for window in ("train", "validation"):
        held = ray.get(memory.refs[window])
        batches = list(stream.streams[window].iter_batches(batch_format="numpy", batch_size=None))
        for name in ("dense", "codes", "target"):
            assert np.array_equal(held[name], np.concatenate([b[name] for b in batches])), (window, name)
        assert np.isfinite(held["dense"]).all()


def test_what_is_trained_on_is_what_is_predicted_from_but_for_means_of_the_target(ingest, noted):
    import ray

    data = ingest(KINDS)
    features, trained = data.ingested.features, ray.get(data.refs["train"])
    rows = pa.concat_tables(pq.read_table(path) for path in sorted(noted.iterdir())).to_pylist()
    place = features.dense.index("dest.target-mean"), features.dense.index("route.target-mean")
    numbers = features.dense.index("row_id")
    state = next(f.state for f in features.features if f.column == "row_id")
    found = np.rint(trained["dense"][:, numbers].astype(float) * state["divisor"] + state["mean"]).astype(int)
    chosen = [n for n in range(0, len(found), 97) if abs(rows[found[n]]["air_time"] - trained["target"][n]) < 1e-6]
    served = encode(pa.Table.from_pylist([rows[found[n]] for n in chosen]), features, with_target=False)
    assert len(chosen) > 100
    others = [n for n in range(len(features.dense)) if n not in (*place, numbers)]
    assert np.array_equal(served.dense[:, others], trained["dense"][chosen][:, others])
    assert np.array_equal(served.codes, trained["codes"][chosen])
    for n in place:  # out of fold in training: close, but not equal
        assert np.abs(served.dense[:, n] - trained["dense"][chosen][:, n]).max() > 0
        assert np.corrcoef(served.dense[:, n], trained["dense"][chosen][:, n])[0, 1] > 0.98


@pytest.mark.parametrize("family", ["tabular-mlp", "lightgbm"])
def test_a_family_trains_on_every_kind(train, plan, noted, family):
    more = {"model.kind": family, "model.num_trees": 5} if family == "lightgbm" else {}
    _, journal = train(plan({**KINDS, **more}))
    epochs = journal.epochs()
    assert len(epochs) > 1 and epochs[-1].validation < epochs[0].validation
