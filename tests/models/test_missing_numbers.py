"""A number whose absence is most informative, from rows to predictions, for every family and both ways of ingest."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from raytemplate import plugins
from raytemplate.data.features.encoding import FittedFeatures, encode, fit_features
from raytemplate.data.features.feature_statistics import feature_statistics
from raytemplate.engines.mlflow.flavor import PyFunc
from raytemplate.engines.ray.data.encoding import arrays_of
from raytemplate.engines.ray.data.feeds import MemoryFeed
from raytemplate.models.context import Split
from raytemplate.models.options import Family, TrainingSpec
from raytemplate.models.saved import About, SavedModel, layout_of, seen_by, write_model
from raytemplate.planning.stages import FeatureStep
from raytemplate.records.codec import Settings
from raytemplate.testing.loop_context import MemoryContext, Rows

FAMILIES: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "lightgbm": ({"num_trees": 80}, {"lr": 0.2}),
    "xgboost": ({"num_trees": 60}, {"lr": 0.3}),
    "linear": ({"l2": 0.01}, {}),
    "tabular-mlp": ({"hidden": 32}, {"epochs": 40, "lr": 2e-2, "batch_size": 128}),
}
OPTIONS = {"none": {}, "log": {"transform": "log"}, "unscaled": {"scale": "none"}, "quantile": {"kind": "quantile"}}
ABOUT = About(
    name="s",
    family="",
    target="y",
    columns=("k",),
    keys=(),
    epoch=1,
    plan_id="p",
    snapshot="s",
    seen_from=datetime(2024, 1, 1, tzinfo=UTC),
    seen_until=datetime(2024, 2, 1, tzinfo=UTC),
)


def table(num_rows: int, seed: int) -> pa.Table:
    """y is 10, 20, 30 for k 1, 2, 3 and 70 if k is missing; 2 is exactly the mean of the known ones."""
    which = np.arange(num_rows) % 4
    y = np.array([10.0, 20.0, 30.0, 70.0])[which] + np.random.default_rng(seed).normal(size=num_rows) * 0.1
    # Both spellings: files of pandas have NaN, those of others nulls.
    k = [[1.0, 2.0, 3.0, None if n % 8 < 4 else float("nan")][w] for n, w in enumerate(which)]
    return pa.table({"k": pa.array(k, pa.float64()), "y": y})


def fitted(rows: pa.Table, settings: Mapping[str, Any], *, gaps: bool = True) -> FittedFeatures:
    kind = str(settings.get("kind", "numeric"))
    settings = {name: value for name, value in settings.items() if name != "kind"}
    steps = (FeatureStep(kind=kind, column="k", settings=Settings(settings)),)
    return fit_features(feature_statistics(rows, steps, "y"), steps, gaps=gaps)


def trained(name: str, features: FittedFeatures, folder: Path) -> SavedModel:
    family: Family = plugins.load(plugins.FAMILIES, name)
    layout = seen_by(family, layout_of(features))
    windows: dict[Split, pa.Table] = {"train": table(2000, 1), "validation": table(400, 2)}
    arrays = {window: arrays_of(rows, features, window) for window, rows in windows.items()}
    assert all(np.isfinite(each["dense"]).all() for each in arrays.values())
    feed = MemoryFeed(arrays, rank=0, num_ranks=1, seed=0, layout=layout)
    rows: dict[Split, Rows] = {}
    for window in windows:
        whole = feed.arrays(window)
        assert whole.dense.shape[1] == len(layout.dense)
        rows[window] = Rows(dense=whole.dense, codes=whole.codes, target=whole.target)
    context = MemoryContext(rows, layout, folder / "checkpoints")
    settings, training = FAMILIES[name]
    plugins.resolve(family.loop)(context, family.options(**settings), TrainingSpec.model_validate(training))
    found = context.checkpoint()
    assert found is not None
    write_model(folder / "model", found[0], family, features, replace(ABOUT, family=name))
    return SavedModel.load(folder / "model")


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("settings", OPTIONS.values(), ids=OPTIONS)
def test_a_missing_number_is_told_from_the_mean(name: str, settings: Mapping[str, Any], tmp_path: Path) -> None:
    model = trained(name, fitted(table(2000, 1), settings), tmp_path)
    near = pytest.approx([10, 20, 30, 70, 70], abs=1.5)
    new = pa.table({"k": pa.array([1.0, 2.0, 3.0, None, float("nan")], pa.float64())})
    assert model.predict(new)[0].tolist() == near
    frame = pd.DataFrame({"k": [1, 2, 3, None, float("nan")]})
    assert PyFunc(model).predict(frame)["prediction"].tolist() == near
    alone = [model.predict(new.slice(row, 1))[0][0] for row in range(5)]
    assert alone == near  # an all-missing part of the rows to score has another type


@pytest.mark.parametrize("name", FAMILIES)
def test_who_asks_for_the_mean_gets_it_under_every_family(name: str, tmp_path: Path) -> None:
    model = trained(name, fitted(table(2000, 1), {"impute": "mean"}), tmp_path)
    two, missing = model.predict(pa.table({"k": [2.0, None]}))[0].tolist()
    assert two == pytest.approx(missing, abs=0.01) and 30 < two < 50


@pytest.mark.parametrize("name", ["lightgbm", "linear"])
def test_a_model_made_before_is_predicted_from_as_it_was(name: str, tmp_path: Path) -> None:
    features = replace(fitted(table(2000, 1), {}, gaps=False), blank_is_missing=False)
    model = trained(name, features, tmp_path)
    assert model.layout.dense == ("k",) and model.layout.gaps == ()
    two, missing = model.predict(pa.table({"k": [2.0, None]}))[0].tolist()
    assert two == pytest.approx(missing, abs=0.01) and 30 < two < 50


@pytest.mark.parametrize("settings", OPTIONS.values(), ids=OPTIONS)
def test_what_only_scoring_lacks_is_filled_as_before(settings: Mapping[str, Any]) -> None:
    there = table(2000, 1).filter(pa.compute.field("k") > 0)
    now, before = (fitted(there, settings, gaps=gaps) for gaps in (True, False))
    assert now == before
    found = encode(pa.table({"k": [2.0, None, float("nan")]}), now, with_target=False)
    assert found.dense[1:] == pytest.approx(np.repeat(found.dense[:1], 2, axis=0), abs=0.2)
