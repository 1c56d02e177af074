"""Fits all features from one window's statistics and encodes rows as arrays with them. No state is pickled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from raytemplate.data.features.feature_statistics import FeatureStatistics, step_key
from raytemplate.data.features.fitted import FeatureSet, FittedColumn
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
class FittedFeatures:
    """Every fitted feature and the layout of what `encode` makes: D dense columns, C code columns."""

    features: tuple[FittedColumn, ...]
    """The features, in the order of their encoded columns."""

    dense: tuple[str, ...]
    """Names of the D dense columns."""

    codes: tuple[str, ...]
    """Names of the C code columns."""

    cardinalities: tuple[int, ...]
    """Number of codes of each code column."""

    target: str
    """Column of the target."""

    target_mean: float
    """Mean of the target in training, in its own unit; 0 for classes."""

    target_std: float
    """Standard deviation of the target in training, in its own unit; 1 instead of 0, and for classes."""

    num_rows: int
    """Rows of the train window."""

    task: Task = "regression"
    """What is predicted."""

    classes: tuple[str, ...] = ()
    """The classes in the order of their index; empty for regression."""

    class_counts: tuple[int, ...] = ()
    """Training rows of each class."""

    gaps: tuple[Gap, ...] = ()
    """The features whose missing values are kept apart from the value that fills them."""

    blank_is_missing: bool = False
    """Whether blank text is missing. False for models of versions in which it was a value: it may be a category."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The distinct input columns."""
        return tuple(dict.fromkeys(column for f in self.features for column in reads(f)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoded:
    """Rows as arrays."""

    dense: npt.NDArray[np.float32]
    """float32 [rows, D], C-contiguous."""

    codes: npt.NDArray[np.int32]
    """int32 [rows, C], C-contiguous."""

    missing: npt.NDArray[np.bool_]
    """bool [rows, gaps]: true where a dense column was filled."""

    target: npt.NDArray[np.float32] | None
    """float32 [rows]: the unscaled number, or the index of the row's class; None if it was not asked for."""

    num_unknown: int
    """Rows with a category that has no code of its own: not seen in training, or rare there."""


def fit_features(
    statistics: FeatureStatistics,
    steps: Sequence[Step],
    task: Task = "regression",
    positive: str = "",
    *,
    gaps: bool = False,
    taken: FeatureSet | None = None,
) -> FittedFeatures:
    """All features, in the order of the steps, and the target, fitted from the statistics of the train window.

    Args:
        positive: the value of a binary target that counts as yes; "" means true or 1.
        gaps: whether missing values are kept apart from the value that fills them.
        taken: features that come before those of the steps, as they were fitted.

    Raises:
        DataError: the statistics lack one of the features, or the target cannot be learnt.
    """
    if any(step_key(step) not in statistics.columns for step in steps):
        raise DataError("these statistics were made for other features; make them again")
    before = taken.features if taken else ()
    fitted = (*before, *(_fit(statistics, step) for step in steps))
    outputs = [_outputs(feature) for feature in fitted]
    first = sum(len(output.dense) for output in outputs[: len(before)])
    own_gaps = _gaps(statistics, steps, outputs[len(before) :], first) if gaps else ()
    codes = [code for output in outputs for code in output.codes]
    return FittedFeatures(
        features=fitted,
        dense=tuple(name for output in outputs for name in output.dense),
        codes=tuple(name for name, _ in codes),
        cardinalities=tuple(cardinality for _, cardinality in codes),
        target=statistics.target_column,
        num_rows=statistics.num_rows,
        gaps=(*(taken.gaps if taken else ()), *own_gaps),
        blank_is_missing=True,
        **_fit_target(statistics, task, positive),
    )


def _gaps(
    statistics: FeatureStatistics, steps: Sequence[Step], outputs: Sequence[Outputs], first: int
) -> tuple[Gap, ...]:
    """The features that fill missing values and have both missing and other values in training; only then is there
    something to learn from the difference.

    Args:
        first: index of the first dense column of these steps.
    """
    found: list[Gap] = []
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
        training: whether these are the rows that the features were fitted on. It matters only to means of the target,
            which then exclude the row's own fold.

    Raises:
        DataError: a column is missing, or its type differs from that in training.
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
    """Writes the arrays into the columns from `first` on and returns the index of the next column."""
    for column, array in enumerate(arrays, first):
        into[:, column] = array
    return first + len(arrays)


def target_values(table: pa.Table, fitted: FittedFeatures) -> npt.NDArray[np.float64]:
    """The target of each row, float64 [rows]: the number, or the index of the class; NaN if it is missing."""
    column = column_of(table, fitted.target)
    if fitted.task == "regression":
        Numeric.accepts(fitted.target, column.type)
        return to_floats(column)
    return class_index(column, fitted.classes)
