"""Scores the rows of the test window with every model and the baseline."""

import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa

from raytemplate.data.features.encoding import FittedFeatures, target_values
from raytemplate.data.mask_options import HASH
from raytemplate.data.masking import Mask
from raytemplate.data.times import row_times
from raytemplate.engines.ray.data.ingest import OpenData
from raytemplate.engines.ray.scoring.sample import Sample
from raytemplate.errors import DataError, RaytemplateError
from raytemplate.evaluation.baselines import BaselineState
from raytemplate.evaluation.grouped import unit_values
from raytemplate.evaluation.slices import slice_values
from raytemplate.execution.ports import TestScores
from raytemplate.models.saved import About, SavedModel
from raytemplate.planning.stages import EvaluateStage, GroupedBy, IngestStage
from raytemplate.records.codec import Settings
from raytemplate.records.evaluated import Latency

_ROUNDS, _LEAST_TIMES, _MOST_TIMES = 3, 5, 40
_ROUND_S = {"candidate": 0.3, "champion": 0.1}
"""Seconds that a round takes. The champion's is shorter because nothing depends on its latency."""
_ENOUGH_S, _ENOUGH_TIMES = 1.0, 3
"""Seconds after which a round is the last, and predictions it has at least: slow models suffer little from short
disturbances."""


def score_test(
    evaluate: EvaluateStage, stage: IngestStage, data: OpenData, models: Mapping[str, Path], columns_s: float
) -> TestScores:
    """Predictions of each model folder and of the baseline for the rows of the test window.

    A champion that cannot be scored on today's data becomes an entry in `problems`; for the candidate it is an error.
    """
    loaded: dict[str, SavedModel] = {}
    problems: dict[str, str] = {}
    for name, folder in models.items():
        try:
            loaded[name] = SavedModel.load(folder)
            predicts = _predicts_other(loaded[name].features, data.ingested.features)
            masks = masks_other(loaded[name], stage, data.ingested.snapshot.mask_key)
            if other := predicts or masks or reads_other(loaded[name].about, loaded[name].features, stage):
                problems[name] = other
        except RaytemplateError as error:
            if name == "candidate":
                raise
            problems[name] = error.what
    baseline, features = data.ingested.baseline, data.ingested.features
    latency: dict[str, Latency] = {}
    sliced: dict[str, list[pa.ChunkedArray]] = {name: [] for name in evaluate.slices}
    units: list[pa.Array] = []
    parts: list[tuple[Any, Any, dict[str, Any], dict[str, int]]] = []
    sample = Sample(loaded["candidate"], evaluate, stage, data.ingested.snapshot.window("test").num_rows)
    scored_s = 0.0
    for table in _tables(data, stage):
        began = time.monotonic()
        parts.append(_score(table, stage, loaded, baseline, features, problems))
        scored_s += time.monotonic() - began
        for name, columns in sliced.items():
            columns.append(slice_values(table.column(name)))
        sample.add(table)
        if isinstance(evaluate.resample, GroupedBy):
            units.append(unit_values(table, evaluate.resample.column))
        if evaluate.latency_rows and not latency:
            latency = _latencies(loaded, problems, table, evaluate.latency_rows)
    names = [name for name in parts[0][2] if name not in problems]
    return TestScores(
        target=np.concatenate([p[0] for p in parts]),
        times=np.concatenate([p[1] for p in parts]),
        predictions={name: np.concatenate([p[2][name] for p in parts]) for name in names},
        problems=problems,
        num_unknown={name: sum(p[3].get(name, 0) for p in parts) for name in names},
        slices={name: pa.chunked_array([c for p in parts for c in p.chunks]) for name, parts in sliced.items()},
        units=pa.chunked_array(units) if units else None,
        latency=latency.get("candidate"),
        champion_latency=latency.get("champion"),
        columns=sample.evidence(scored_s, columns_s),
    )


def _latencies(
    models: Mapping[str, SavedModel], problems: Mapping[str, str], table: pa.Table, num_rows: int
) -> dict[str, Latency]:
    """The latency of each model that can be scored."""
    return {
        name: latency_of(model, table, num_rows, round_s=_ROUND_S[name])
        for name, model in models.items()
        if name not in problems
    }


def latency_of(model: SavedModel, table: pa.Table, num_rows: int, *, round_s: float = _ROUND_S["candidate"]) -> Latency:
    """The time the model takes for `num_rows` rows at once in this process, including encoding; rows may repeat.

    The quietest of three rounds counts, to lessen the effect of other work on this machine. A slow model, whose budget
    may be spent by now, gets one round.
    """
    rows = table.take(pa.array(np.arange(num_rows) % len(table)))
    model.predict(rows, masked=True)  # the first time also loads libraries
    rounds = [_one_round(model, rows, round_s)]
    while len(rounds) < _ROUNDS and sum(rounds[-1]) < _ENOUGH_S:
        rounds.append(_one_round(model, rows, round_s))
    best = min(rounds, key=lambda took_s: float(np.quantile(took_s, 0.95)))
    return Latency(p95_s=float(np.quantile(best, 0.95)), num_rows=num_rows, num_times=len(best))


def _one_round(model: SavedModel, rows: pa.Table, round_s: float) -> list[float]:
    """Seconds of each prediction in a round of about `round_s` seconds."""
    took_s: list[float] = []
    while (
        len(took_s) < _ENOUGH_TIMES
        or (len(took_s) < _LEAST_TIMES and sum(took_s) < _ENOUGH_S)
        or (len(took_s) < _MOST_TIMES and sum(took_s) < round_s)
    ):
        before = time.perf_counter()
        model.predict(rows, masked=True)
        took_s.append(time.perf_counter() - before)
    return took_s


def _predicts_other(model: FittedFeatures, now: FittedFeatures) -> str:
    """Why a model predicts something other than what is predicted now; "" if it predicts the same."""
    if (model.target, model.task) != (now.target, now.task):
        return f"it predicts {model.target} ({model.task}), not {now.target} ({now.task})"
    if model.classes != now.classes:
        return f"it knows {len(model.classes):,} classes of {model.target}, now there are {len(now.classes):,} others"
    return ""


def masks_other(model: SavedModel, stage: IngestStage, mask_key: str) -> str:
    """Why a model was trained on values masked in another way than the rows of this run; "" if it was not.

    Args:
        mask_key: id of this run's key.
    """
    nothing = Mask(rules=Settings())
    now, before = stage.mask or nothing, model.mask or nothing
    for name in model.features.columns:
        rule = now.rules.get(name)
        if rule != before.rules.get(name):
            return f"data.mask treats {name} in another way than when it was trained"
        if rule == HASH and before.key_id != mask_key:
            return "data.mask_key is another key than when it was trained; set that one again"
    return ""


def reads_other(about: About, model: FittedFeatures, stage: IngestStage) -> str:
    """Why rows as they are read now would give a model other values than it was trained on; "" if they would not.

    Older models read text with surrounding blanks, and blank text as a value: they would be judged on values that
    differ from those they predict from.
    """
    if about.rules is not None or stage.rules is None:
        return ""
    for feature in model.features:
        for value in feature.state.get("values", ()):
            if isinstance(value, str) and not value.strip():
                return f"it knows blank text as a value of {feature.column}, and that is read as missing now"
            if isinstance(value, str) and value != value.strip():
                return f'it knows "{value}" as a value of {feature.column}, and blanks around text are left out now'
    return ""


def _tables(data: OpenData, stage: IngestStage) -> Iterator[pa.Table]:
    if isinstance(data.test, pa.Table):
        yield data.test
        return
    batches = cast("Iterable[pa.Table]", data.test.iter_batches(batch_format="pyarrow", batch_size=65_536))
    yield from (batch for batch in batches if batch.num_rows)


def _score(
    table: pa.Table,
    stage: IngestStage,
    models: Mapping[str, SavedModel],
    baseline: BaselineState,
    features: FittedFeatures,
    problems: dict[str, str],
) -> tuple[Any, Any, dict[str, Any], dict[str, int]]:
    predictions: dict[str, Any] = {}
    unknown: dict[str, int] = {}
    for name, model in models.items():
        if name in problems:
            continue
        try:
            predictions[name], unknown[name] = model.predict(table, masked=True)
        except DataError as error:
            if name == "candidate":
                raise
            problems[name] = error.what
    predictions["baseline"] = baseline.predict(table, features.classes)
    target = target_values(table, features)
    return target, row_times(table, stage.time), predictions, unknown
