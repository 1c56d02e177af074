"""The folder of a run: records are whole or absent, and time is charged however the process ends."""

import json
import re
import time
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from raytemplate.budget import Meter
from raytemplate.data.features.feature_statistics import feature_statistics
from raytemplate.errors import IntegrityError, Unavailable
from raytemplate.execution.journal import Journal
from raytemplate.execution.lock import read_lock, write_lock
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.fitted import FitResult, TrainingStart
from raytemplate.records.run import RunEnd, RunStart
from raytemplate.store.atomic import append_line
from raytemplate.testing.sample_plans import sample_plan
from raytemplate.testing.samples import (
    sample_end,
    sample_epochs,
    sample_evaluation,
    sample_fit,
    sample_start,
    sample_trials,
)


@pytest.fixture
def journal(tmp_path):
    folder = tmp_path / "k7q2xy"
    folder.mkdir()
    return Journal(folder)


def test_a_record_comes_back_as_it_was(journal):
    assert journal.read(FitResult) is None
    journal.write(sample_fit())
    assert journal.need(FitResult) == sample_fit()
    assert sorted(path.name for path in journal.folder.iterdir()) == ["fit.json", "passed.jsonl"]


def test_statistics_come_back_and_those_of_another_version_are_none(journal):
    assert journal.statistics() == {}
    found = feature_statistics(pa.table({"y": [1.0, 2.0]}), [], "y")
    journal.write_statistics({"train": found})
    assert journal.statistics() == {"train": found}
    (journal.folder / "profile.json").write_text('{"windows": {"train": {"kind": "Profile"}}}')
    assert journal.statistics() == {}


def test_a_record_that_is_missing_says_how_to_go_on(journal):
    with pytest.raises(IntegrityError, match=r"fit\.json: missing") as missing:
        journal.need(FitResult)
    assert missing.value.next_step == "raytemplate resume k7q2xy"


def test_a_torn_record_is_refused_by_name(journal):
    journal.write(sample_start())
    path = journal.folder / "run.json"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(IntegrityError, match=r"run\.json: not a record"):
        journal.read(RunStart)


def edit_a_metric(journal):
    path = journal.folder / "evaluation.json"
    path.write_text(path.read_text().replace('"value": 6.9', '"value": 1.9', 1))


def test_an_edited_record_is_refused_by_name(journal):
    journal.write(sample_evaluation())
    before = (journal.folder / "evaluation.json").read_bytes()
    edit_a_metric(journal)
    assert (journal.folder / "evaluation.json").read_bytes() != before
    with pytest.raises(IntegrityError, match=r"evaluation\.json: was changed after the run had written it") as edited:
        journal.read(Evaluation)
    assert edited.value.exit_code == 7


def test_a_record_of_before_digests_were_kept_is_read(journal):
    journal.write(sample_evaluation())
    (journal.folder / "passed.jsonl").unlink()
    assert journal.read(Evaluation) == sample_evaluation()


def test_a_process_killed_between_a_digest_and_its_record_leaves_the_record_of_before(journal):
    journal.write(sample_end())
    append_line(journal.folder / "passed.jsonl", b'{"file": "end.json", "sha256": "of one that was never written"}')
    assert journal.read(RunEnd) == sample_end()


def test_an_edited_plan_is_refused(journal):
    write_lock(journal, sample_plan(), None)
    path = journal.folder / "run.lock"
    path.write_text(path.read_text().replace('"automatic"', '"manual"'))
    with pytest.raises(IntegrityError, match=r"run\.lock: was changed"):
        read_lock(journal)


def test_a_superseded_record_opens_its_door_and_is_kept(journal):
    for message in ("first", "second"):
        journal.write(sample_end(message=message))
        journal.supersede(RunEnd)
    assert journal.read(RunEnd) is None
    kept = {p.name: json.loads(p.read_text())["message"] for p in journal.folder.glob("*.json")}
    assert kept == {"end.superseded-1.json": "first", "end.superseded-2.json": "second"}


def test_an_epoch_trained_again_counts_once(journal):
    first, second, third = sample_epochs(3)
    for record in (first, second, third, second):
        journal.add_epoch(record)
    assert journal.epochs() == (first, second, third)


def test_a_torn_last_epoch_is_left_out_and_the_next_one_is_whole(journal):
    first, second = sample_epochs(2)
    journal.add_epoch(first)
    with (journal.folder / "epochs.jsonl").open("ab") as file:
        file.write(b'{"kind": "EpochRec')
    assert journal.epochs() == (first,)
    journal.add_epoch(second)
    assert journal.epochs() == (first, second)


LINE_FILES = {
    "passed.jsonl": (lambda journal: journal.need(RunEnd),),
    "epochs.jsonl": (Journal.told_epochs, Journal.epochs),
    "starts.jsonl": (Journal.starts, Journal.restarts, Journal.epochs),
    "trials.jsonl": (Journal.trials, Journal.begun),
}
NO_RECORDS = {
    "empty": b"",
    "torn": b'{"kind": "Ep',
    "no text": b"\xff\xfe\x00",
    "nested for ever": b"[" * 200_000,
    "a number": b"3",
    "nothing": b"null",
    "a list": b"[]",
    "no fields": b"{}",
    "another record": b'{"kind": "RunStart", "file": 3}',
}


def written(journal):
    """Every file that holds one record a line, with at least two lines."""
    journal.write(sample_end())
    journal.write(sample_end())
    for epoch in sample_epochs(2):
        journal.add_epoch(epoch)
        journal.add_start(TrainingStart(at=datetime.now(UTC), from_epoch=0, num_workers=1, num_told=0))
    for trial in sample_trials()[:2]:
        journal.add_trial(trial)


@pytest.mark.parametrize("name", LINE_FILES)
@pytest.mark.parametrize("line", NO_RECORDS.values(), ids=NO_RECORDS)
def test_a_line_that_is_no_record_is_refused_by_file_and_number(journal, name, line):
    written(journal)
    path = journal.folder / name
    first, *others = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + line + b"\n" + b"".join(others))
    for read in LINE_FILES[name]:
        with pytest.raises(IntegrityError, match=rf"{re.escape(str(path))}:2: not a ") as refused:
            read(journal)
        assert refused.value.exit_code == 7


@pytest.mark.parametrize("name", LINE_FILES)
def test_a_torn_last_line_is_left_out_of_every_file(journal, name):
    written(journal)
    before = [read(journal) for read in LINE_FILES[name]]
    with (journal.folder / name).open("ab") as file:
        file.write(b'{"kind": \xff')
    assert [read(journal) for read in LINE_FILES[name]] == before


def test_every_file_of_lines_is_in_the_table_above(journal):
    written(journal)
    assert {path.name for path in journal.folder.glob("*.jsonl")} == set(LINE_FILES)


def meter(seconds=0.0, **changes):
    """The attempt of a process that began the given number of seconds ago."""
    return Meter(limit_s=60.0, limit_usd=1.0, started=time.monotonic() - seconds, **changes)


def test_attempts_add_up_whatever_became_of_them(journal):
    with journal.attempt(meter(5, usd_per_s=0.1)):
        pass
    with pytest.raises(RuntimeError), journal.attempt(meter(7)):
        raise RuntimeError
    assert journal.spent().seconds == pytest.approx(12, abs=0.5)
    assert journal.spent().usd == pytest.approx(0.5, abs=0.05)
    assert len(list(journal.folder.glob("attempt-*.json"))) == 2


def test_an_attempt_is_charged_while_it_runs(journal):
    with journal.attempt(meter()):
        before = journal.spent().seconds
        time.sleep(0.8)
        assert journal.spent().seconds > before


def test_the_lock_keeps_the_plan_and_what_it_ran_on(journal):
    write_lock(journal, sample_plan(), None)
    locked = read_lock(journal)
    assert locked.plan == sample_plan()
    assert len(locked.code_sha256) == 64
    assert {"python", "ray", "torch", "pyarrow"} <= set(locked.environment)


def test_a_run_without_its_lock_cannot_be_gone_on_with(journal):
    with pytest.raises(IntegrityError, match=r"run\.lock: missing"):
        read_lock(journal)


def test_a_full_disk_leaves_the_run_its_own_error_and_the_last_beat(tmp_path):
    journal = Journal(tmp_path)
    with pytest.raises(Unavailable, match="disk full"), journal.attempt(meter()):  # noqa: PT012
        (tmp_path / "attempt-1.tmp").mkdir()  # nothing can be written there any more
        raise Unavailable("disk full")
    assert 0 <= journal.spent().seconds < 5


def test_a_note_in_the_log_is_redacted_and_one_that_cannot_be_written_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-of-many-letters")
    journal = Journal(tmp_path)
    journal.note("refused: a-secret-of-many-letters")
    assert journal.log.read_text() == "refused: ***\n"
    Journal(tmp_path / "gone").note("nothing happens")
