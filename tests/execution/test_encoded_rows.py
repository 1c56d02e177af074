"""What ingest gives, written and read back: not a bit is lost, whatever the features and the task."""

from dataclasses import fields

import numpy as np
import pyarrow as pa
import pytest

from raytemplate.data.features.encoding import fit_features
from raytemplate.data.features.feature_statistics import feature_statistics
from raytemplate.data.labels import labels_of, to_bytes
from raytemplate.data.target import baseline_target
from raytemplate.engines.ray.data.encoding import arrays_of
from raytemplate.evaluation.baselines import fit_baseline
from raytemplate.execution.encoded_rows import EncodedRows, StoredRows, files_of
from raytemplate.execution.ports import Ingested
from raytemplate.planning.stages import FeatureStep
from raytemplate.records.codec import Settings
from raytemplate.store.encoded_store import HashedFile
from raytemplate.testing.samples import sample_profile, sample_snapshot

KINDS = {
    "numeric": {}, "buckets": {"buckets": 4, "encoding": "one-hot"}, "quantile": {}, "power": {},
    "categorical": {}, "ordinal": {"order": ["a", "b", "ç"]}, "hashing": {"buckets": 4},
    "target-mean": {"fold_by": ["number"]}, "text": {"width": 4}, "datetime": {"parts": ["weekday", "hour-cycle"]},
}  # fmt: skip
COLUMNS = {
    **dict.fromkeys(("numeric", "buckets", "quantile", "power"), "number"),
    **dict.fromkeys(("categorical", "ordinal", "hashing", "target-mean", "text"), "text"),
    "datetime": "time",
}


def rows_of(task):
    numbers = np.random.default_rng(1).normal(size=200)
    numbers[::17] = np.nan
    target = numbers * 2 + 1 if task == "regression" else None
    return pa.table(
        {
            "number": pa.array(numbers, from_pandas=True),
            "text": pa.array(["a", "b", "ç", None] * 50),
            "time": pa.array(range(200), pa.timestamp("us", "UTC")),
            "y": np.nan_to_num(target, nan=0.5) if target is not None else pa.array(["no", "yes"] * 100),
        }
    )


@pytest.mark.parametrize("task", ["regression", "binary"])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_lost(tmp_path, kind, task):
    table, positive = rows_of(task), "" if task == "regression" else "yes"
    steps = (FeatureStep(kind=kind, column=COLUMNS[kind], settings=Settings(KINDS[kind])),)
    found = feature_statistics(table, steps, "y", task, positive)
    features = fit_features(found, steps, task, positive, gaps=True)
    baseline = fit_baseline(baseline_target(table, "y", task, positive), {"mean_by": ["text"]}, "y", task)
    labels = labels_of(table, ("time",), "y", task)
    ingested = Ingested(
        snapshot=sample_snapshot(), statistics={"train": found}, features=features, baseline=baseline,
        profile=sample_profile(), labels=labels, encoding_s=0.25,
    )  # fmt: skip
    arrays = {name: arrays_of(table, features, name) for name in ("train", "validation")}
    given = EncodedRows(ingested=ingested, arrays=arrays, test=table.slice(3), rows={"train": table})
    back = written_and_read(given, tmp_path)
    again = back.ingested()
    assert (again.snapshot, again.features, again.statistics) == (ingested.snapshot, features, ingested.statistics)
    assert to_bytes(again.labels) == to_bytes(labels)
    assert (again.profile, again.encoding_s) == (ingested.profile, 0.25)
    assert again.baseline.cells.equals(baseline.cells) and again.baseline.to_json() == baseline.to_json()
    for window, expected in arrays.items():
        for name, array in back.arrays(window).items():
            assert array.dtype == expected[name].dtype and array.shape == expected[name].shape
            assert array.tobytes() == expected[name].tobytes()
    assert back.test().equals(table.slice(3), check_metadata=True) and back.rows()["train"].equals(table)
    assert back.quarantine() is None


def written_and_read(given, folder):
    for name, write in files_of(given, folder / "quarantine.parquet").items():
        file = HashedFile(folder / name)
        write(file)
        file.end(name)
    return StoredRows(lambda name: (folder / name).read_bytes(), tuple(path.name for path in folder.iterdir()))


def test_quarantined_rows_come_along(tmp_path):
    (tmp_path / "quarantine.parquet").write_bytes(b"rows")
    table, there = pa.table({"a": [1]}), tmp_path / "there"
    there.mkdir()
    steps = (FeatureStep(kind="numeric", column="number", settings=Settings()),)
    found = feature_statistics(rows_of("regression"), steps, "y")
    baseline = fit_baseline(rows_of("regression"), {"mean_by": []}, "y")
    ingested = Ingested(
        snapshot=sample_snapshot(), statistics={}, features=fit_features(found, steps), baseline=baseline
    )
    given = EncodedRows(ingested=ingested, arrays={}, test=table)
    for name, write in files_of(given, tmp_path / "quarantine.parquet").items():
        file = HashedFile(there / name)
        write(file)
        file.end(name)
    held = StoredRows(lambda name: (there / name).read_bytes(), tuple(path.name for path in there.iterdir()))
    assert held.quarantine() == b"rows" and held.rows() == {} and held.windows() == ()


def test_no_field_of_what_ingest_gives_is_forgotten():
    """A field that is added must be written, or decided to be left out: reused rows would silently lack it."""
    kept = {"snapshot", "statistics", "features", "baseline", "profile", "labels", "encoding_s"}
    assert {field.name for field in fields(Ingested)} == kept | {"notes"}
