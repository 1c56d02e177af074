"""What is told about the data of a run before it trains, on this machine or submitted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from raytemplate.budget import Spent
from raytemplate.data.features.feature_statistics import FeatureStatistics
from raytemplate.data.profile.summary import window_profile
from raytemplate.data.profile.table import Asked, table_profile
from raytemplate.data.statistics import number_profile
from raytemplate.execution.journal import Journal
from raytemplate.execution.told_data import statistics_of, told_data
from raytemplate.execution.watch import Watch
from raytemplate.planning.inventory import Champion
from raytemplate.records.contracted import BrokenPromise, ContractFound
from raytemplate.records.profiled import DataProfile
from raytemplate.testing.fakes import Heard
from raytemplate.testing.sample_plans import sample_ingest_stage, sample_plan
from raytemplate.testing.samples import sample_snapshot

CHAMPION = Champion(
    version=3, digest="ab", term=3, columns=(), run_id="k7q2", seen_until=datetime(2013, 6, 1, tzinfo=UTC)
)
MILES = np.random.default_rng(1).gamma(4.0, 250.0, 5_000)
BROKEN = BrokenPromise(path="contract.rows", promise="wind <= 120", on_breach="warn", num_rows=2, examples=())


def statistics(values) -> FeatureStatistics:
    profile = number_profile(pa.chunked_array([values]), "number")
    return FeatureStatistics(num_rows=1, target_column="y", target=profile, columns={"numeric:distance": profile})


def told(runs, plan=None, snapshot=None) -> list[str]:
    now = {"train": statistics(MILES * 1.609344)}
    return list(told_data(plan or sample_plan(), snapshot or sample_snapshot(), now, None, CHAMPION, runs))


def test_broken_promises_changed_columns_and_units_are_told(tmp_path):
    (tmp_path / "k7q2").mkdir()
    Journal(tmp_path / "k7q2").write_statistics({"train": statistics(MILES)})
    snapshot = sample_snapshot(contract=ContractFound(broken=(BROKEN,)))
    broken, column, unit = told(tmp_path, replace(sample_plan(), changes=("gate is new",)), snapshot)
    assert (broken, column) == ('contract.rows: 2 rows break "wind <= 120", kept (warn)', "gate is new")
    assert unit.startswith("distance: values in the train window are about 1.61 times those that champion version 3")


def raw(values) -> DataProfile:
    made = table_profile(pa.table({"distance": values}), Asked(columns=("distance",)))
    return DataProfile(windows=(window_profile("train", made),))


def test_raw_columns_that_are_rescaled_are_told_though_no_row_is_the_same(tmp_path):
    (tmp_path / "k7q2").mkdir()
    Journal(tmp_path / "k7q2").write(raw(MILES))
    others = np.random.default_rng(2).gamma(4.0, 250.0, 5_000)
    plan = replace(sample_plan(), ingest=sample_ingest_stage(target="seats"))
    assert "distance" in plan.ingest.feature_columns

    def lines(profile) -> list[str]:
        return list(told_data(plan, sample_snapshot(), {}, profile, CHAMPION, tmp_path))

    (unit,) = lines(raw(1.609344 * others))
    assert unit.startswith("distance: values in the train window are about 1.6") and "as if miles had become km" in unit
    assert lines(raw(others)) == [] and lines(None) == []


def test_nothing_is_told_of_units_if_the_champions_statistics_are_gone_or_damaged(tmp_path):
    (tmp_path / "k7q2").mkdir()
    assert told(tmp_path) == [] and statistics_of(Journal(tmp_path / "k7q2")) == {}
    (tmp_path / "k7q2" / "profile.json").write_text("{")
    assert told(tmp_path) == []


def test_a_submitted_run_tells_them_once_before_its_ingest_has_ended(tmp_path):
    heard, journal = Heard(), Journal(tmp_path)
    watch = Watch(sample_plan(), heard, Spent, lambda snapshot, journal: ["gate is new"])
    journal.write(sample_snapshot())
    watch.tell(journal)
    watch.tell(journal)
    assert heard.said == ["ingest ..", "note: gate is new", "ingest", "fit .."]
