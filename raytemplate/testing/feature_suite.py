"""The contract of a kind of feature as tests; the author of a kind subclasses the suite.

class TestMine(FeatureSuite):
    kind = "mine"
    settings = {"period": 360}
    values = [0.0, 90.0, 180.0, None]
    unseen = [12.5, -1e9]
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pytest

from raytemplate.data.features.encoding import Encoded, FittedFeatures, encode, fit_features
from raytemplate.data.features.feature_statistics import FeatureStatistics, feature_statistics, merge
from raytemplate.data.features.kind import FeatureKind, load_kind
from raytemplate.data.features.options import FeatureOptions, options_of
from raytemplate.errors import DataError
from raytemplate.options import field_docs
from raytemplate.planning.stages import FeatureStep
from raytemplate.records import codec
from raytemplate.records.codec import Settings

_REPEATS = 20  # how often the values are repeated, so that there is something to fit


class FeatureSuite:
    """What every kind of feature must do."""

    kind: ClassVar[str]
    """Its name in `plugins.py` or among the entry points."""
    settings: ClassVar[Mapping[str, Any]] = {}
    """Its options."""
    values: ClassVar[Sequence[Any]]
    """Values of a column in training, including None for a missing one."""
    unseen: ClassVar[Sequence[Any]]
    """More values of the same type that training does not have."""
    arrow_type: ClassVar[Any] = None
    """The column's type, if it cannot be inferred from the values."""

    def test_its_settings_are_those_that_a_template_is_checked_by(self) -> None:
        options = options_of(self.kind)
        assert options.lists and set(options.lists) <= set(FeatureOptions.lists)
        assert [name for name, doc in field_docs(options).items() if not doc] == []

    def test_parts_of_the_data_are_fitted_as_the_whole_in_any_grouping(self) -> None:
        whole = self._training()
        a, b, c = (self._statistics(whole.slice(start, 7 if start < 14 else None)) for start in (0, 7, 14))
        fitted = self._fit(self._statistics(whole))
        for parts in (merge(merge(a, b), c), merge(a, merge(b, c)), merge(c, merge(b, a))):
            found = self._fit(parts)
            assert _layout(found) == _layout(fitted)
            _near(self._encode(whole, found), self._encode(whole, fitted))

    def test_missing_and_unseen_values_are_finite_numbers_and_codes_in_range(self) -> None:
        fitted = self._fit(self._statistics(self._training()))
        for values in (self.unseen, [None], [None, *self.unseen], list(self.values)):
            found = self._encode(self._table(values), fitted)
            assert np.isfinite(found.dense).all()
            assert (found.codes >= 0).all() and (found.codes < np.array(fitted.cardinalities, np.int32)).all()

    def test_the_arrays_are_those_that_its_outputs_name(self) -> None:
        fitted = self._fit(self._statistics(self._training()))
        (feature,) = fitted.features
        outputs = self._plugin().outputs(feature.column, feature.state)
        assert outputs.dense or outputs.codes, "a feature must become at least one column"
        for values in (self.values, self.unseen, []):
            column = self._table(values).column("x")
            found = self._plugin().encode(column, feature.state)
            assert (len(found.dense), len(found.codes)) == (len(outputs.dense), len(outputs.codes))
            assert all(array.shape == (len(column),) for array in (*found.dense, *found.codes))

    def test_a_row_gives_the_same_bytes_alone_as_among_others(self) -> None:
        fitted = self._fit(self._statistics(self._training()))
        table = self._table([*self.values, *self.unseen])
        whole = self._encode(table, fitted)
        for row in range(table.num_rows):
            alone = self._encode(table.slice(row, 1), fitted)
            assert alone.dense.tobytes() == whole.dense[row : row + 1].tobytes()
            assert alone.codes.tobytes() == whole.codes[row : row + 1].tobytes()

    def test_what_was_fitted_survives_json_to_the_bit(self) -> None:
        fitted = self._fit(self._statistics(self._training()))
        back = codec.loads(FittedFeatures, codec.dumps(fitted))
        assert back == fitted
        table = self._table([*self.values, *self.unseen])
        assert self._encode(table, back).dense.tobytes() == self._encode(table, fitted).dense.tobytes()
        assert self._encode(table, back).codes.tobytes() == self._encode(table, fitted).codes.tobytes()

    def test_a_column_without_any_value_is_fitted_and_encoded(self) -> None:
        nothing = self._table([None] * 9)
        fitted = self._fit(self._statistics(nothing))
        assert np.isfinite(self._encode(nothing, fitted).dense).all()

    def test_a_column_of_a_type_that_it_cannot_use_is_refused_by_name(self) -> None:
        with pytest.raises(DataError, match="column x"):
            self._plugin().accepts("x", pa.list_(pa.int64()))

    def _plugin(self) -> type[FeatureKind]:
        return load_kind(self.kind)

    def _table(self, values: Sequence[Any]) -> pa.Table:
        kind = self.arrow_type or pa.array([*self.values, *self.unseen]).type
        return pa.table({"x": pa.array(list(values), kind), "y": pa.array(np.arange(len(values), dtype=np.float64))})

    def _training(self) -> pa.Table:
        return self._table(list(self.values) * _REPEATS)

    def _steps(self) -> tuple[FeatureStep, ...]:
        return (FeatureStep(kind=self.kind, column="x", settings=Settings(self.settings)),)

    def _statistics(self, table: pa.Table) -> FeatureStatistics:
        return feature_statistics(table, self._steps(), "y")

    def _fit(self, found: FeatureStatistics) -> FittedFeatures:
        return fit_features(found, self._steps())

    def _encode(self, table: pa.Table, fitted: FittedFeatures) -> Encoded:
        return encode(table, fitted, with_target=False)


def _layout(fitted: FittedFeatures) -> tuple[Any, ...]:
    return fitted.dense, fitted.codes, fitted.cardinalities


def _near(found: Encoded, expected: Encoded) -> None:
    assert np.allclose(found.dense, expected.dense, rtol=1e-5, atol=1e-6)
    assert np.array_equal(found.codes, expected.codes)
