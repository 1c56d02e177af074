"""What a cluster hands back is copied if it is what was asked for, and otherwise not at all."""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from fake_runs import FakeRun

from raytemplate import api
from raytemplate.budget import Meter
from raytemplate.conducting import submitted
from raytemplate.errors import IntegrityError
from raytemplate.execution.execute import Execution
from raytemplate.execution.handover import (
    Handover,
    bring_back,
    hand_out,
    shared_journal,
    shared_store,
    spent_on,
    spent_until_job,
)
from raytemplate.execution.journal import Journal
from raytemplate.planning.look import champion_of
from raytemplate.records import codec
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.fitted import FitResult
from raytemplate.records.ingested import Snapshot
from raytemplate.records.run import Attempt
from raytemplate.records.submitted import SubmittedJob
from raytemplate.store.content_store import ContentStore
from raytemplate.store.workspace import KEPT
from raytemplate.testing.fakes import FakeEngine
from raytemplate.testing.samples import sample_end, sample_start


@pytest.fixture
def run(tmp_path):
    """A run that was handed out and worked on, up to its evaluation."""
    made = FakeRun(tmp_path / "laptop")
    made.storage = tmp_path / "shared"
    made.journal.write(sample_start())
    champion = champion_of(made.plan.name, made.workspace)
    hand_out(made.storage, made.journal, made.store, Handover(champion=champion, spent_s=0.0))
    made.shared = shared_journal(made.storage, made.journal.run_id)
    Execution(
        plan=made.plan,
        journal=made.shared,
        engine=FakeEngine(),
        promoter=None,
        store=shared_store(made.storage),
        meter=Meter(limit_s=600.0, limit_usd=1.0, clock=made.clock, started=made.clock()),
        listener=made.heard,
        champion_now=lambda: champion,
        package=lambda folder: None,
    ).run_up_to_evaluation()
    return made


def test_records_and_bytes_come_home(run):
    assert bring_back(run.storage, run.journal, run.store)
    assert run.journal.read(Evaluation) == run.shared.read(Evaluation)
    assert run.store.open(run.journal.need(FitResult).candidate.digest).is_dir()
    assert bring_back(run.storage, run.journal, run.store)


@pytest.fixture
def kept(run, tmp_path):
    """The folder in shared storage of the copy of the rows that the run kept."""
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "rows-00000.parquet").write_text("rows")
    store = ContentStore(run.storage / KEPT)
    digest = store.put(tmp_path / "rows").digest
    run.shared.write(replace(run.shared.need(Snapshot), kept=digest))
    return store.path(digest)


def test_the_copy_of_the_rows_comes_home(run, kept):
    assert bring_back(run.storage, run.journal, run.store)
    assert ContentStore(run.workspace.kept).open(kept.name).is_dir()
    assert bring_back(run.storage, run.journal, run.store)


def test_a_copy_of_the_rows_that_was_changed_is_refused(run, kept):
    (kept / "rows-00000.parquet").chmod(0o644)
    (kept / "rows-00000.parquet").write_text("rowz")
    with pytest.raises(IntegrityError, match=r"rows-00000\.parquet"):
        bring_back(run.storage, run.journal, run.store)
    assert run.journal.read(Evaluation) is None and not run.workspace.kept.exists()


@pytest.mark.parametrize(("ago_s", "here_s", "waited_s"), [(30.0, 4.0, 26.0), (0.0, 4.0, 0.0), (-3600.0, 0.0, 0.0)])
def test_the_time_until_a_job_begins_is_charged_in_seconds_and_dollars(run, ago_s, here_s, waited_s):
    file = run.shared.folder / "handover.json"
    file.write_bytes(codec.dumps(Handover(champion=None, spent_s=5.0, spent_usd=0.5)))
    written = file.stat().st_mtime - ago_s
    os.utime(file, (written, written))
    spent = spent_until_job(run.shared, here_s, 0.01)
    assert (spent.seconds, spent.usd) == (
        pytest.approx(5.0 + waited_s, abs=0.5),
        pytest.approx(0.5 + 0.01 * waited_s, abs=0.005),
    )


CLUSTERS = {
    "went, and was waited for": ((118.0, 1.18), (58.0, 2.0), (118.0, 2.6)),
    "works on, and nobody waits": ((20.0, 0.2), (58.0, 2.0), (58.0, 2.0)),
    "never began": ((60.0, 0.6), None, (60.0, 0.6)),
    "is in what is known here": ((118.0, 3.0), (58.0, 2.0), (118.0, 3.0)),
}


@pytest.mark.parametrize(("here", "there", "spent"), CLUSTERS.values(), ids=CLUSTERS)
def test_what_a_cluster_held_is_charged_also_if_it_has_gone(tmp_path, here, there, spent):
    journal, shared = Journal(tmp_path / "k7q2"), shared_journal(tmp_path / "shared", "k7q2")
    for one, seen in ((journal, here), (shared, there)):
        one.folder.mkdir(parents=True)
        if seen is not None:
            attempt = Attempt(
                started=datetime.now(UTC), seen_s=seen[0], seen_usd=seen[1], usd_per_s=0.01, earlier_s=0.0
            )
            (one.folder / "attempt-1.json").write_text(json.dumps(codec.encode(attempt)))
    journal.write(
        SubmittedJob(
            submission_id="raytemplate-k7q2",
            address="http://head:8265",
            storage=str(tmp_path / "shared"),
            key="",
            attempt=1,
        )
    )
    found = spent_on(journal, 0.01)
    assert (found.seconds, found.usd) == (pytest.approx(spent[0]), pytest.approx(spent[1]))


def test_before_the_evaluation_only_what_is_known_comes(run):
    run.shared.supersede(Evaluation)
    assert not bring_back(run.storage, run.journal, run.store)
    assert run.journal.read(FitResult) is None
    assert run.journal.epochs() == run.shared.epochs()


@pytest.fixture
def submitted_run(run):
    """The same, and its job."""
    job = SubmittedJob(address="http://head:1", submission_id="s", storage=str(run.storage), key="", attempt=1)
    run.journal.write(job)
    return run


def files_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_look_shows_what_the_cluster_has_written_and_writes_nothing(submitted_run):
    run = submitted_run
    before = files_of(run.workspace.root)
    seen = api.find(run.journal.run_id, workspace=str(run.workspace.folder))
    assert (seen.evaluation, seen.journal.epochs()) == (run.shared.need(Evaluation), run.shared.epochs())
    assert str(seen) and files_of(run.workspace.root) == before


def test_how_a_job_ended_is_not_how_its_run_did(submitted_run):
    run = submitted_run
    run.shared.write(sample_end(state="failed", exit_code=4))
    seen = api.find(run.journal.run_id, workspace=str(run.workspace.folder))
    assert (seen.state, seen.end) == ("unfinished", None)


def test_a_job_that_is_stopped_leaves_what_it_knew_in_the_runs_own_folder(submitted_run, monkeypatch):
    run = submitted_run
    monkeypatch.setattr(submitted, "Jobs", lambda address: Stopped())
    api.stop(run.journal.run_id, workspace=str(run.workspace.folder))
    assert run.journal.need(Snapshot) == run.shared.need(Snapshot)


class Stopped:
    """The Jobs API of a cluster that ends a job at once."""

    def stop(self, submission_id):
        pass

    def state(self, submission_id):
        return None


def test_nothing_of_governance_is_in_shared_storage(run):
    names = {path.name for path in run.storage.rglob("*")}
    assert not {"governance.db", "mlflow.db", "verdict.json", "promotion.json"} & names


ALTERED = {
    "another candidate": (Evaluation, {"candidate_digest": "b" * 64}, "the candidate"),
    "another test": (Evaluation, {"test_snapshot": "c" * 64}, "the snapshot"),
    "another term": (Evaluation, {"term": 7}, "the term"),
}


@pytest.mark.parametrize(("kind", "change", "named"), ALTERED.values(), ids=ALTERED)
def test_an_altered_record_is_refused(run, kind, change, named):
    run.shared.write(replace(run.shared.need(kind), **change))
    with pytest.raises(IntegrityError, match=named) as refused:
        bring_back(run.storage, run.journal, run.store)
    assert refused.value.exit_code == 7
    assert run.journal.read(Evaluation) is None


def test_another_plans_candidate_is_refused(run):
    fit = run.shared.need(FitResult)
    run.shared.write(replace(fit, candidate=replace(fit.candidate, plan_id="ffffff")))
    with pytest.raises(IntegrityError, match="the plan"):
        bring_back(run.storage, run.journal, run.store)


def test_one_flipped_byte_of_the_model_is_refused(run):
    folder = shared_store(run.storage).path(run.shared.need(FitResult).candidate.digest)
    weights = max((p for p in folder.iterdir() if p.name != "manifest.json"), key=lambda p: p.stat().st_size)
    weights.chmod(0o644)
    weights.write_bytes(bytes([weights.read_bytes()[0] ^ 1]) + weights.read_bytes()[1:])
    with pytest.raises(IntegrityError, match=weights.name):
        bring_back(run.storage, run.journal, run.store)
    assert run.journal.read(Evaluation) is None
