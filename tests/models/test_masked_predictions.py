"""A model masks rows as its training did, from files and frames, and gives masked keys back masked."""

from __future__ import annotations

from dataclasses import replace

import pandas
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_values_as_in_training import FEATURES, RULES, TYPES, Shows, category, model, of_files, of_frame, write_csv

from raytemplate.data.masking import Mask, Masker
from raytemplate.engines.mlflow.flavor import PyFunc
from raytemplate.engines.ray.scoring.score import masks_other
from raytemplate.errors import DataError, IntegrityError, UsageError
from raytemplate.models.saved import read_mask
from raytemplate.records.codec import Settings
from raytemplate.testing.sample_plans import sample_ingest_stage

KEY = "a key of 16 or more characters"
MASK = Mask(rules=Settings({"k": {"truncate": 2}, "c": "hash", "key": "hash", "n": {"bucket": 10}}), key="secret:env:K")
MASKER = Masker(mask=MASK, key=KEY.encode())
VALUES = {"k": ["red", "green", None], "c": [1, 2, None], "key": ["007", "A1", None], "n": [17.5, -3.0, None]}
MASKED = MASKER.masked(pa.table(VALUES)).to_pydict()


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("K", KEY)


def masked_model(**types):
    features = (FEATURES[0], category("k", "text", "re", "gr"), category("c", "text", *MASKED["c"][:2]))
    found = model(features=features, types={"n": "number", "k": "text", "c": "integer", "key": "text", **types})
    return replace(found, mask=replace(MASK, key_id=MASKER.key_id))


def rows(**more):
    return [{name: VALUES[name][row] for name in VALUES} | more for row in range(3)]


EXPECTED = ([[10.0, 2.0, 2.0], [-10.0, 3.0, 3.0], [-1.0, 1.0, 1.0]], [MASKED["key"]])


def test_files_and_frames_are_masked_alike(tmp_path):
    found = masked_model()
    write_csv(tmp_path / "a.csv", rows())
    pq.write_table(pa.table(VALUES), tmp_path / "a.parquet")
    frame = pandas.DataFrame(VALUES)
    for name in ("a.csv", "a.parquet"):
        assert of_files(found, tmp_path, name) == EXPECTED, name
    for one in (frame, polars.from_pandas(frame), pa.table(VALUES)):
        assert of_frame(found, one) == EXPECTED, type(one)


def test_rows_of_a_run_are_masked_once():
    masked = masked_model().masked(pa.table(VALUES))
    assert masked.to_pydict() == MASKED
    assert masked_model().predict(masked, masked=True)[0].tolist() == EXPECTED[0]


def test_mlflow_gives_masked_keys_back_masked():
    found = PyFunc(replace(masked_model(), predictor=Second())).predict(pandas.DataFrame(VALUES, index=[5, 6, 7]))
    assert found["key"].tolist()[:2] == MASKED["key"][:2] and found["key"].isna().tolist() == [False, False, True]
    assert list(found.index) == [5, 6, 7]


class Second(Shows):
    def predict(self, dense, codes):
        return super().predict(dense, codes)[:, 1]


def test_without_the_key_or_with_another_nothing_is_predicted(monkeypatch):
    found = masked_model()
    monkeypatch.setenv("K", KEY + "!")
    with pytest.raises(IntegrityError, match="not the key that the model's training data was masked with"):
        found.predict(pa.table(VALUES))
    monkeypatch.delenv("K")
    with pytest.raises(UsageError, match=r"data\.mask_key: the environment variable K is not set"):
        found.predict(pa.table(VALUES))


def test_an_error_quotes_no_masked_value():
    wrong = {**VALUES, "c": ["1", "2", "SECRET"]}
    with pytest.raises(DataError) as refused:
        of_frame(masked_model(), pa.table(wrong))
    assert str(refused.value) == "column c has a value in row 3 that is not shown (data.mask), expected a whole number"


def test_numbers_for_text_that_is_hashed_are_refused():
    with pytest.raises(DataError, match="column key is int64, but was text in training, and is masked"):
        of_frame(masked_model(), pandas.DataFrame({**VALUES, "key": [7, 8, 9]}))


CHANGES = {
    "the same": (MASK, MASKER.key_id, ""),
    "no mask now": (None, "", "data.mask treats n in another way than when it was trained"),
    "another key": (MASK, "0123456789ab", "data.mask_key is another key than when it was trained; set that one again"),
}


@pytest.mark.parametrize(("mask", "key_id", "problem"), CHANGES.values(), ids=CHANGES)
def test_a_champion_is_not_judged_on_rows_that_are_masked_otherwise(mask, key_id, problem):
    stage = sample_ingest_stage(rules=RULES, mask=mask)
    assert masks_other(masked_model(), stage, key_id) == problem


def test_a_model_made_before_has_no_mask(tmp_path):
    assert read_mask(tmp_path) is None and model(types=TYPES).masked(pa.table({"key": [" 7"]})).to_pydict() == {
        "key": [" 7"]
    }
