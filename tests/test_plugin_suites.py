"""Every shipped source, kind of feature, metric and gate passes the contract suites that plug-in authors get."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import delta_tables
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from raytemplate import plugins
from raytemplate.data.features.kind import EncodedColumn
from raytemplate.data.features.numeric import Numeric
from raytemplate.data.features.options import NumericOptions
from raytemplate.data.sources.parquet import ParquetSource
from raytemplate.data.statistics import to_floats
from raytemplate.evaluation.metrics.regression import MAE as ABSOLUTE
from raytemplate.evaluation.metrics.shipped import MAE
from raytemplate.governance.gates.data_rows import DataRows
from raytemplate.records.judged import Finding
from raytemplate.testing.feature_suite import FeatureSuite
from raytemplate.testing.gate_suite import GateSuite
from raytemplate.testing.metric_suite import MetricSuite
from raytemplate.testing.search_suite import SearchSuite
from raytemplate.testing.source_suite import SourceSuite, rows_of_days

_NUMBERS = {"values": [3.0, -1.5, None, 1e6, 0.0, 7.25, 7.25], "unseen": [-1e300, 4.0, 1e300]}
_WORDS = {"values": ["b", "a", None, "a", "ä", "a,b"], "unseen": ["zzz", ""]}
FEATURES = {
    "numeric": {"settings": {"transform": "log"}, **_NUMBERS},
    "buckets": {"settings": {"buckets": 3}, **_NUMBERS},
    "quantile": _NUMBERS,
    "power": _NUMBERS,
    "categorical": {"settings": {"encoding": "one-hot"}, **_WORDS},
    "ordinal": {"settings": {"order": ["b", "a", "ä", "a,b"]}, **_WORDS},
    "hashing": {"settings": {"buckets": 5}, **_WORDS},
    "target-mean": {"settings": {"fold_by": ["x"]}, **_WORDS},
    "text": {"settings": {"width": 4}, "values": ["red car", "car", None, "blue", "Red"], "unseen": ["a green boat"]},
    "datetime": {
        "settings": {"parts": ["weekday", "hour-cycle"]}, "arrow_type": pa.timestamp("us"),
        "values": [datetime(2013, 1, day, day, tzinfo=UTC) for day in range(1, 8)] + [None],
        "unseen": [datetime(1969, 7, 20, tzinfo=UTC), datetime(2100, 2, 28, tzinfo=UTC)],
    },
}  # fmt: skip
GATES = {
    "metric-limit": {"passes": {"mae": 12, "r2": 0.9}, "blocks": {"mae": 5}},
    "slice-limit": {"passes": {"by": "carrier", "mae": 12}, "blocks": {"by": "carrier", "mae": 8}},
    "slice-gap": {"passes": {"by": "carrier", "mae": 5}, "blocks": {"by": "carrier", "mae": 1}},
    "calibration": {"passes": {"max_error": 0.05}, "blocks": {"max_error": 0.01}},
    "latency": {"passes": {"p95": "50 ms", "rows": 1000}, "blocks": {"p95": "1 ms", "rows": 1000}},
    "model-size": {"passes": {"at_most": "10 MB"}, "blocks": {"at_most": "10 KB"}},
    "beats-baseline": {"passes": {"min_gain": 0}, "blocks": {"min_gain": 3}},
    "beats-champion": {"passes": {"min_gain": 0}, "blocks": {"min_gain": 3}},
    "data-rows": {"passes": {"train": 50_000}, "blocks": {"train": 50_000, "test": 20_000}},
    "too-good": {"passes": {}, "blocks": {"explained": 0.5}},
}


def of_all(suite, field, settings):
    """A class of tests for each plug-in."""
    return {
        f"Test{suite.__name__}_{name}": type(f"Test{suite.__name__}_{name}", (suite,), {field: name, **more})
        for name, more in settings.items()
    }


globals().update(of_all(FeatureSuite, "kind", FEATURES))
globals().update(of_all(GateSuite, "gate", GATES))
METRICS = {
    name: {"quantile": 0.9} if name in ("pinball", "coverage") else {} for name in plugins._SHIPPED[plugins.METRICS]
}
globals().update(of_all(MetricSuite, "metric", METRICS))
globals().update(of_all(SearchSuite, "search", {name: {} for name in plugins._SHIPPED[plugins.SEARCHES]}))


class TestParquet(SourceSuite):
    source, ending = "parquet", ".parquet"

    def write(self, path, table):
        pq.write_table(table, path, row_group_size=4)


class TestCsv(SourceSuite):
    source, ending = "csv", ".csv"

    def write(self, path, table):
        pyarrow.csv.write_csv(table, path)


class TestJsonLines(SourceSuite):
    source, ending = "jsonl", ".jsonl"

    def write(self, path, table):
        path.write_text("".join(json.dumps(row, default=str) + "\n" for row in table.to_pylist()))


class TestDelta(SourceSuite):
    source, ending = "delta", ".parquet"

    def write(self, path, table):
        delta_tables.write(path, table)

    def test_a_file_that_lacks_a_column_is_a_data_error_that_names_both(self, folder):
        """Not here: it was written before the table got the column, which is null in its rows."""
        self.write(folder / "c.parquet", rows_of_days(20, 5).drop_columns(["number"]))
        listed = self._list(folder)
        rows = self._read(listed, listed.files[2], ("count", "number")).table
        assert rows.to_pydict() == {"count": [20, 21, 22, 23, 24], "number": [None] * 5}


@pytest.mark.parametrize(("group", "tried"), [(plugins.FEATURES, FEATURES), (plugins.GATES, GATES)])
def test_no_shipped_plug_in_is_left_out(group, tried):
    assert set(tried) == set(plugins._SHIPPED[group])


class Nothing(DataRows):
    """A gate that ignores its evidence."""

    def check(self, evidence):
        return Finding(gate="data-rows", outcome="pass", found="all is well")


class Centred(Numeric):
    """A number minus the mean of the rows in the same call, which it must not depend on."""

    @staticmethod
    def encode(column, state):
        values = to_floats(column)
        return EncodedColumn(dense=(np.clip(np.nan_to_num(values - np.nanmean(values)), -9, 9),))


class CentredOptions(NumericOptions):
    kind = f"{__name__}:Centred"


class Careless(ParquetSource):
    """A source that reads whatever the file contains now, without checking that it has not changed."""

    @staticmethod
    def read_slice(order):
        return ParquetSource.read_slice(replace(order, sha256=None))


class Forgetful(ParquetSource):
    """A source that ignores the window of time, and returns all rows."""

    @staticmethod
    def read_slice(order):
        return ParquetSource.read_slice(replace(order, time=""))


BACKWARDS = replace(MAE, higher_is_better=True)
LARGEST = replace(MAE, formula=f"{__name__}:LARGEST_ERROR")
LARGEST_ERROR = replace(
    ABSOLUTE, statistics=lambda t, p: np.column_stack([np.ones_like(t), np.full_like(t, np.abs(t - p).max())])
)
CAUGHT = [
    (MetricSuite, "mae", "BACKWARDS", "test_the_perfect_prediction_is_no_worse_than_one_of_other_rows"),
    (MetricSuite, "mae", "LARGEST", "test_a_draw_is_the_metric_of_the_rows_it_holds"),
    (GateSuite, "data-rows", "Nothing", "test_without_evidence_nothing_passes_and_nothing_crashes"),
    (GateSuite, "data-rows", "Nothing", "test_good_evidence_passes_and_bad_is_blocked_in_words"),
    (FeatureSuite, "numeric", "CentredOptions", "test_a_row_gives_the_same_bytes_alone_as_among_others"),
    (SourceSuite, "parquet", "Careless", "test_a_file_changed_since_it_was_listed_is_not_read"),
    (SourceSuite, "parquet", "Forgetful", "test_a_window_is_half_open_and_rows_without_a_time_are_in_none"),
]


@pytest.mark.parametrize(("suite", "name", "faulty", "caught_by"), CAUGHT, ids=[f"{c[2]} {c[3]}" for c in CAUGHT])
def test_a_faulty_plug_in_is_caught(suite, name, faulty, caught_by, monkeypatch, tmp_path):
    group = {MetricSuite: "metrics", GateSuite: "gates", FeatureSuite: "features", SourceSuite: "sources"}[suite]
    monkeypatch.setitem(plugins._SHIPPED[f"raytemplate.{group}"], name, f"{__name__}:{faulty}")
    if suite is SourceSuite:
        made = TestParquet()
        for file, table in (("a.parquet", rows_of_days(0, 10)), ("b.parquet", rows_of_days(10, 5))):
            made.write(tmp_path / file, table)
        arguments = (tmp_path,)
    else:
        settings = {"gates": GATES, "features": FEATURES}.get(group, {}).get(name, {})
        made, arguments = type("Suite", (suite,), {suite_field(suite): name, **settings, "settings": {}})(), ()
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        getattr(made, caught_by)(*arguments)


def suite_field(suite):
    return {MetricSuite: "metric", GateSuite: "gate", FeatureSuite: "kind"}[suite]
