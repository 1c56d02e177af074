"""All features fitted from one window's statistics, and rows turned into arrays with them. No state is pickled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from raytemplate.data.features.feature_statistics import FeatureStatistics, step_key
from raytemplate.data.features.gaps import Gap
from raytemplate.data.features.inputs import Step, add_own, column_of, input_of, made_of, reads
from raytemplate.data.features.kind import EncodedColumn, OutOfFold, Outputs, load_kind
from raytemplate.data.features.numeric import Numeric
from raytemplate.data.features.options import options_of
from raytemplate.data.missing import is_missing, nulls_where_missing
from raytemplate.data.options import Task
from raytemplate.data.statistics import NumberProfile, to_floats
from raytemplate.data.target import class_index, classes_of
from raytemplate.errors import DataError
from raytemplate.records.codec import Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class FittedColumn:
    """One fitted feature. `type` is the family of the column's type in training; `state` is the kind's own.

    `inputs` are the columns it is made from, where that is not the one of its name; `build` is the person's own
    function that makes it from them.
    """

    kind: str
    column: str
    type: str
    state: Settings
    inputs: tuple[str, ...] = ()
    build: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class FittedFeatures:
    """Every fitted feature and the layout of what `encode` makes: D dense columns, C code columns.

    `target_mean` and `target_std` are training's, in the target's unit; a deviation of 0 is given as 1. For classes
    they are 0 and 1; `classes` stand in the order of their index, and `class_counts` are their rows in training.
    `gaps` are the features whose missing values are told apart from others; `blank_is_missing` is false for models
    made before blank text was a missing value: it may be one of their categories.
    """

    features: tuple[FittedColumn, ...]
    dense: tuple[str, ...]
    codes: tuple[str, ...]
    cardinalities: tuple[int, ...]
    target: str
    target_mean: float
    target_std: float
    num_rows: int
    task: Task = "regression"
    classes: tuple[str, ...] = ()
    class_counts: tuple[int, ...] = ()
    gaps: tuple[Gap, ...] = ()
    blank_is_missing: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The input columns, each once."""
        return tuple(dict.fromkeys(column for f in self.features for column in reads(f)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoded:
    """Rows as arrays. dense: float32 [rows, D]; codes: int32 [rows, C]; both C-contiguous. target: float32 [rows], raw,
    or the index of the row's class. missing: bool [rows, gaps], where a dense column was filled.

    `num_unknown` counts rows with a category that has no code of its own: never seen in training, or rare there.
    """

    dense: npt.NDArray[np.float32]
    codes: npt.NDArray[np.int32]
    missing: npt.NDArray[np.bool_]
    target: npt.NDArray[np.float32] | None
    num_unknown: int


def fit_features(
    statistics: FeatureStatistics,
    steps: Sequence[Step],
    task: Task = "regression",
    positive: str = "",
    *,
    gaps: bool = False,
) -> FittedFeatures:
    """All features and the target fitted from training's statistics, in the order of the steps.

    Args:
        positive: the value of a binary target that counts as yes; "" is true or 1.
        gaps: whether missing values are told apart from what they are filled with.

    Raises:
        DataError: the statistics were made without one of the features, or its target cannot be learnt.
    """
    if any(step_key(step) not in statistics.columns for step in steps):
        raise DataError("these statistics were made for other features; make them again")
    fitted = tuple(_fit(statistics, step) for step in steps)
    outputs = [_outputs(feature) for feature in fitted]
    codes = [code for output in outputs for code in output.codes]
    return FittedFeatures(
        features=fitted,
        dense=tuple(name for output in outputs for name in output.dense),
        codes=tuple(name for name, _ in codes),
        cardinalities=tuple(cardinality for _, cardinality in codes),
        target=statistics.target_column,
        num_rows=statistics.num_rows,
        gaps=_gaps(statistics, steps, outputs) if gaps else (),
        blank_is_missing=True,
        **_fit_target(statistics, task, positive),
    )


def _gaps(statistics: FeatureStatistics, steps: Sequence[Step], outputs: Sequence[Outputs]) -> tuple[Gap, ...]:
    """Of the features that fill, those with missing values in training, and others besides: else nothing is learnt."""
    found: list[Gap] = []
    first = 0
    for step, output in zip(steps, outputs, strict=True):
        columns = tuple(range(first, first + len(output.dense)))
        first += len(columns)
        options = options_of(step.kind).model_validate(dict(step.settings))
        column = statistics.columns[step_key(step)]
        tells = options.fills and getattr(options, "impute", "auto") == "auto"
        if tells and columns and 0 < column.num_null < column.num_rows:
            found.append(Gap(column=step.column, name=f"{step.column}=(missing)", places=columns))
    return tuple(found)


def _fit_target(statistics: FeatureStatistics, task: Task, positive: str) -> dict[str, Any]:
    found = statistics.target
    if isinstance(found, NumberProfile):
        return {"target_mean": found.mean, "target_std": found.deviation or 1.0}
    classes = classes_of(found, statistics.target_column, task, positive)
    counts = tuple(found.counts[name] for name in classes)
    return {"target_mean": 0.0, "target_std": 1.0, "task": task, "classes": classes, "class_counts": counts}


def encode(table: pa.Table, fitted: FittedFeatures, *, with_target: bool, training: bool = False) -> Encoded:
    """Rows as arrays. A row gives the same bytes whatever other rows are in the table.

    Args:
        training: they are the rows that the features were fitted on. Only means of the target differ: they are taken
            without the row's own fold.

    Raises:
        DataError: a column is missing, or its type is not what it was in training.
    """
    dense = np.empty((table.num_rows, len(fitted.dense)), np.float32)
    codes = np.empty((table.num_rows, len(fitted.codes)), np.int32)
    unknown = np.zeros(table.num_rows, np.bool_)
    missing = np.zeros((table.num_rows, len(fitted.gaps)), np.bool_)
    gaps = {gap.places[0]: number for number, gap in enumerate(fitted.gaps)}
    num_dense = num_codes = 0
    with_own = add_own(table, fitted.features)
    if fitted.blank_is_missing:
        with_own = nulls_where_missing(with_own, made_of(fitted.features))
    for feature in fitted.features:
        column = input_of(with_own, feature)
        part = _encode(with_own, column, feature, training)
        if (gap := gaps.get(num_dense)) is not None and part.dense:
            missing[:, gap] = is_missing(column).to_numpy()
        num_dense = _fill(dense, num_dense, part.dense)
        num_codes = _fill(codes, num_codes, part.codes)
        if part.unknown is not None:
            unknown |= part.unknown
    target = target_values(table, fitted).astype(np.float32) if with_target else None
    return Encoded(dense=dense, codes=codes, missing=missing, target=target, num_unknown=int(unknown.sum()))


def _fit(statistics: FeatureStatistics, step: Step) -> FittedColumn:
    kind = load_kind(step.kind)
    found = statistics.columns[step_key(step)]
    options = options_of(step.kind).model_validate(dict(step.settings))
    try:
        state: Mapping[str, Any] = kind.fit(found, options)
    except DataError as error:
        raise DataError(f"column {step.column}: {error.what}", next_step=error.next_step) from None
    return FittedColumn(
        kind=step.kind,
        column=step.column,
        type=found.type,
        state=Settings(state),
        inputs=step.inputs,
        build=step.build,
    )


def _outputs(feature: FittedColumn) -> Outputs:
    return load_kind(feature.kind).outputs(feature.column, feature.state)


def _encode(table: pa.Table, column: pa.ChunkedArray, feature: FittedColumn, training: bool) -> EncodedColumn:
    kind = load_kind(feature.kind)
    family = kind.accepts(feature.column, column.type)
    if family != feature.type and "null" not in (family, feature.type):
        raise DataError(f"column {feature.column} is {column.type}, but was {feature.type} in training")
    if training and isinstance(kind, OutOfFold):
        return kind.encode_training(column, table, feature.state)
    return kind.encode(column, feature.state)


def _fill(into: npt.NDArray[Any], first: int, arrays: tuple[npt.NDArray[Any], ...]) -> int:
    """Writes the arrays into the columns from `first` on; the column that comes next."""
    for column, array in enumerate(arrays, first):
        into[:, column] = array
    return first + len(arrays)


def target_values(table: pa.Table, fitted: FittedFeatures) -> npt.NDArray[np.float64]:
    """The target of each row, float64 [rows]: the number, or the index of the class; NaN where there is none."""
    column = column_of(table, fitted.target)
    if fitted.task == "regression":
        Numeric.accepts(fitted.target, column.type)
        return to_floats(column)
    return class_index(column, fitted.classes)
