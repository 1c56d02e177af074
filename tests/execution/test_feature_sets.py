"""From a registered model to a model of another template that has taken its features."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest
from fake_runs import FakeRun

from raytemplate.data.features.encoding import FittedFeatures
from raytemplate.data.features.fitted import set_digest
from raytemplate.errors import FieldError, IntegrityError
from raytemplate.execution.taken import refuse_other_key
from raytemplate.history.feature_sets import feature_set
from raytemplate.history.lineage import lineage_of
from raytemplate.models.saved import read_about
from raytemplate.planning.feature_sets import feature_set_of
from raytemplate.planning.stages import FeatureStep
from raytemplate.records.codec import Settings
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.ingested import Snapshot
from raytemplate.testing.fakes import FakeEngine
from raytemplate.testing.sample_plans import day, sample_ingest_stage
from raytemplate.testing.samples import sample_start

NAME = "features/flights-air-time/1"


def step(kind, column, **settings):
    return FeatureStep(kind=kind, column=column, settings=Settings(settings))


@pytest.fixture
def first(tmp_path):
    """The run of a registered model, whose features are a set."""
    made = FakeRun(tmp_path)
    made.execute(FakeEngine())
    return made


def taking(first, **changes):
    taken = replace(feature_set_of(NAME, first.workspace), **changes)
    ingest = sample_ingest_stage(taken=taken, features=(step("categorical", "origin"),))
    return FakeRun(first.folder, changes={"name": "flights-late", "ingest": ingest})


def test_a_set_is_what_the_model_was_fitted_with_and_latest_is_the_champions(first):
    found, fitted = feature_set_of(NAME, first.workspace), first.journal.need(FittedFeatures)
    assert (found.features, found.gaps, found.seen_until) == (fitted.features, fitted.gaps, day(5, 18))
    assert found.digest == set_digest(fitted.features, fitted.gaps)
    assert found == feature_set_of("features/flights-air-time/latest", first.workspace)
    assert found.model_digest == first.ledger.head("flights-air-time").digest
    assert feature_set_of("", first.workspace) is None


UNKNOWN = {
    "features/flights-air-tim/1": "there is no model flights-air-tim; did you mean features/flights-air-time/latest?",
    "features/flights-air-time/7": f"flights-air-time has no version 7; there is {NAME}",
}


@pytest.mark.parametrize(("asked", "told"), UNKNOWN.items(), ids=UNKNOWN)
def test_a_set_that_never_was_is_a_wrong_field_that_names_those_that_are(first, asked, told):
    with pytest.raises(FieldError) as caught:
        feature_set_of(asked, first.workspace)
    assert (caught.value.exit_code, caught.value.field) == (2, "features.from")
    assert caught.value.message == f"no feature set {asked}: {told}"


def test_a_set_whose_files_are_gone_names_those_that_are_there(first):
    second = FakeRun(first.folder)
    second.execute(FakeEngine(candidate_error=-1.0, weights="other"))
    folder = first.store.path(feature_set_of(NAME, first.workspace).model_digest)
    shutil.rmtree(folder)
    with pytest.raises(IntegrityError) as caught:
        feature_set_of(NAME, first.workspace)
    assert caught.value.exit_code == 7
    assert caught.value.what == f"{NAME} is gone: {folder}: not in the store; there is features/flights-air-time/2"
    assert caught.value.next_step == "set features.from: features/flights-air-time/2"


def test_means_of_the_target_are_not_taken(tmp_path):
    means = step("target-mean", "carrier", fold_by=["time_hour"])
    run = FakeRun(tmp_path, changes={"ingest": sample_ingest_stage(features=(means, step("numeric", "distance")))})
    run.execute(FakeEngine())
    with pytest.raises(
        FieldError, match=r"holds means of the target, air_time: carrier \(target-mean\); they are only"
    ):
        feature_set_of(NAME, run.workspace)


def test_a_run_takes_the_features_unchanged_and_both_sides_name_the_other(first):
    run = taking(first)
    for one in (first, run):
        one.journal.write(sample_start(run_id=one.journal.run_id, name=one.plan.name))
    run.execute(FakeEngine())
    taken, fitted = run.plan.ingest.taken, run.journal.need(FittedFeatures)
    assert set_digest(fitted.features[:3], fitted.gaps) == taken.digest
    assert [one.column for one in fitted.features] == ["distance", "carrier", "time_hour", "origin"]
    told = {one.what: one for one in lineage_of("flights-late/1", run.workspace).materials}
    assert told["features taken"].digest == taken.digest and told["features taken"].name.startswith(f"{NAME}, 3 ")
    assert lineage_of(NAME.removeprefix("features/"), run.workspace).features_taken_by == (run.journal.run_id,)
    shown = feature_set(NAME, run.workspace)
    assert [(use.name, use.version, use.run_id) for use in shown.uses] == [("flights-late", 1, run.journal.run_id)]
    assert "flights-late/1" in str(shown) and taken.digest[:12] in str(shown)


def test_the_candidate_has_seen_what_the_set_has_seen(first):
    run = taking(first, seen_until=day(5, 20))
    run.execute(FakeEngine())
    assert run.journal.need(Evaluation).candidate_seen_until == day(5, 20)
    assert read_about(run.journal.model).seen_until == day(5, 20)


def test_fitted_features_that_are_not_those_of_the_digest_end_the_run_before_it_reads(first):
    taken = feature_set_of(NAME, first.workspace)
    other = replace(taken.features[0], state=Settings({**taken.features[0].state, "fill": 1.0}))
    run, engine = taking(first, features=(other, *taken.features[1:])), FakeEngine()
    with pytest.raises(IntegrityError, match=f"{NAME}: not the fitted features that were planned"):
        run.execute(engine)
    assert "ingest" not in engine.calls


def test_rows_hashed_with_another_key_are_refused(first):
    taken = replace(
        feature_set_of(NAME, first.workspace), masked=Settings({"carrier": "hash"}), mask_key="3f9c2a41b07d"
    )
    snapshot = first.journal.need(Snapshot)
    keyed = replace(snapshot, files=tuple(replace(file, mask_key="81be07d00000") for file in snapshot.files))
    with pytest.raises(IntegrityError, match=f"another key than the one with which {NAME} knows carrier"):
        refuse_other_key(taken, keyed)
