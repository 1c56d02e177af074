"""What a kind of feature is: options, the profile it is fitted from, and pure functions of a column and a state."""

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
    """What one feature becomes: names of dense columns, and names of code columns with their cardinality."""

    dense: tuple[str, ...] = ()
    codes: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class EncodedColumn:
    """The arrays of one feature, in the order of its `Outputs`.

    dense: float [rows]; codes: int [rows], 0 <= code < cardinality; unknown: bool [rows], or None where nothing can be.
    """

    dense: tuple[npt.NDArray[np.generic], ...] = ()
    codes: tuple[npt.NDArray[np.generic], ...] = ()
    unknown: npt.NDArray[np.bool_] | None = None


class FeatureKind(Protocol):
    """What the options of a plug-in of the group `raytemplate.features` name. All functions are pure and static.

    Columns come without dictionary encoding. `encode` must give a row the same numbers whatever rows come with it.
    """

    profiled: Profiled

    @staticmethod
    def accepts(column: str, kind: Any) -> str:
        """One word for the family of an Arrow type, such as "number"; a DataError where it cannot be used."""
        ...

    @staticmethod
    def prepare(column: pa.ChunkedArray, options: Any) -> pa.ChunkedArray:
        """The column as it is profiled and fitted, such as its logarithm."""
        ...

    @staticmethod
    def fit(profile: Any, options: Any) -> Mapping[str, Any]:
        """The fitted state, as plain JSON values."""
        ...

    @staticmethod
    def outputs(column: str, state: Mapping[str, Any]) -> Outputs:
        """What the column becomes under this state."""
        ...

    @staticmethod
    def encode(column: pa.ChunkedArray, state: Mapping[str, Any]) -> EncodedColumn:
        """The column [rows] as arrays [rows]."""
        ...


def load_kind(name: str) -> type[FeatureKind]:
    """The kind of feature of that name; its module is imported now.

    Raises:
        PluginError: see `plugins.load`.
    """
    return named_by(FEATURES, name, "kind", _PARTS)


@runtime_checkable
class OutOfFold(Protocol):
    """What a kind offers besides, if rows of the train window must not be encoded as others are.

    It is profiled as "target", and its options have `folds` and `fold_by`.
    """

    @staticmethod
    def encode_training(column: pa.ChunkedArray, table: pa.Table, state: Mapping[str, Any]) -> EncodedColumn:
        """The column [rows] of a table [rows, columns] of the train window as arrays [rows]."""
        ...


def as_it_is(column: pa.ChunkedArray, options: Options) -> pa.ChunkedArray:
    """`prepare` of a kind that is fitted on the column itself."""
    del options
    return column


def one_dense(column: str, state: Mapping[str, Any]) -> Outputs:
    """`outputs` of a kind that makes one dense column of the same name."""
    del state
    return Outputs(dense=(column,))


def family_of(column: str, kind: Any, wanted: Mapping[str, Any], hint: str) -> str:
    """The first family in `wanted` (word -> test of a type) that an Arrow type belongs to; "null" if all is null.

    Raises:
        DataError: none; `hint` says what to do.
    """
    if pa.types.is_null(kind):
        return "null"
    for word, test in wanted.items():
        if test(kind):
            return word
    raise DataError(f"column {column} is {kind}, {hint}")


def is_whole(kind: Any) -> bool:
    """Whether an Arrow type holds whole numbers only: one of decimals without a fraction does, too."""
    return bool(pa.types.is_integer(kind) or (pa.types.is_decimal(kind) and kind.scale == 0))


def is_text(kind: Any) -> bool:
    """Whether an Arrow type is text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))
