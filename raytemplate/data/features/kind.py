"""A kind of feature: options, the profile it is fitted from, and pure functions of a column and a state."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from raytemplate.data.quantiles import QuantileProfile
from raytemplate.data.statistics import CategoryProfile, NumberProfile, PresenceProfile, TimeProfile
from raytemplate.data.target_means import TargetMeanProfile
from raytemplate.errors import DataError
from raytemplate.options import Options
from raytemplate.plugins import FEATURES, named_by

Profiled = Literal["number", "quantiles", "category", "terms", "time", "presence", "target"]
ColumnStatistics = NumberProfile | QuantileProfile | CategoryProfile | TimeProfile | PresenceProfile | TargetMeanProfile

_PARTS = ("profiled", "accepts", "prepare", "fit", "outputs", "encode")


@dataclass(frozen=True, kw_only=True, slots=True)
class Outputs:
    """The encoded columns of one feature."""

    dense: tuple[str, ...] = ()
    """Names of the dense columns."""

    codes: tuple[tuple[str, int], ...] = ()
    """(name, cardinality) of each code column."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EncodedColumn:
    """The arrays of one feature, in the order of its `Outputs`."""

    dense: tuple[npt.NDArray[np.generic], ...] = ()
    """A float array [rows] for each dense column."""

    codes: tuple[npt.NDArray[np.generic], ...] = ()
    """An int array [rows] for each code column, 0 <= code < cardinality."""

    unknown: npt.NDArray[np.bool_] | None = None
    """bool [rows]: true for a value that has no code of its own; None if that is impossible for this kind."""


class FeatureKind(Protocol):
    """A kind of feature, as named by the options of a plug-in of the group `raytemplate.features`.

    All functions are pure and static. Columns come without dictionary encoding. `encode` must give a row the same
    numbers whatever the other rows.
    """

    profiled: Profiled
    """The profile that `fit` needs."""

    @staticmethod
    def accepts(column: str, kind: Any) -> str:
        """One word for the family of an Arrow type, such as "number"; raises DataError if the type cannot be used."""
        ...

    @staticmethod
    def prepare(column: pa.ChunkedArray, options: Any) -> pa.ChunkedArray:
        """The column in the form in which it is profiled and fitted, such as its logarithm."""
        ...

    @staticmethod
    def fit(profile: Any, options: Any) -> Mapping[str, Any]:
        """The fitted state, as plain JSON values."""
        ...

    @staticmethod
    def outputs(column: str, state: Mapping[str, Any]) -> Outputs:
        """The encoded columns under this state."""
        ...

    @staticmethod
    def encode(column: pa.ChunkedArray, state: Mapping[str, Any]) -> EncodedColumn:
        """The column [rows] as arrays [rows]."""
        ...


def load_kind(name: str) -> type[FeatureKind]:
    """The kind of feature of that name. Imports its module.

    Raises:
        PluginError: see `plugins.load`.
    """
    return named_by(FEATURES, name, "kind", _PARTS)


@runtime_checkable
class OutOfFold(Protocol):
    """The extra part of a kind that encodes rows of the train window differently from other rows.

    Such a kind is profiled as "target", and its options have `folds` and `fold_by`.
    """

    @staticmethod
    def encode_training(column: pa.ChunkedArray, table: pa.Table, state: Mapping[str, Any]) -> EncodedColumn:
        """The column [rows] as arrays [rows]; `table` [rows, columns] has all columns of these train-window rows."""
        ...


def as_it_is(column: pa.ChunkedArray, options: Options) -> pa.ChunkedArray:
    """`prepare` for a kind that is fitted on the column itself."""
    del options
    return column


def one_dense(column: str, state: Mapping[str, Any]) -> Outputs:
    """`outputs` for a kind that makes one dense column of the same name."""
    del state
    return Outputs(dense=(column,))


def family_of(column: str, kind: Any, wanted: Mapping[str, Any], hint: str) -> str:
    """The first family in `wanted` (word -> test of a type) that an Arrow type belongs to; "null" if all is null.

    Raises:
        DataError: it belongs to none; the message ends with `hint`.
    """
    if pa.types.is_null(kind):
        return "null"
    for word, test in wanted.items():
        if test(kind):
            return word
    raise DataError(f"column {column} is {kind}, {hint}")


def is_whole(kind: Any) -> bool:
    """Whether an Arrow type holds whole numbers only, such as integers and decimals without a fraction."""
    return bool(pa.types.is_integer(kind) or (pa.types.is_decimal(kind) and kind.scale == 0))


def is_text(kind: Any) -> bool:
    """Whether an Arrow type is text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))
