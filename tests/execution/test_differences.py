"""What `diff` tells about two runs: only what differs, with both values."""

from dataclasses import replace

from fake_runs import FakeRun

from raytemplate.execution.journal import LOCK
from raytemplate.execution.lock import read_lock
from raytemplate.history.differences import differences
from raytemplate.history.runs import Run
from raytemplate.records import codec
from raytemplate.records.codec import Settings
from raytemplate.records.ingested import FileRead, Snapshot
from raytemplate.records.profiled import ColumnSummary, DataProfile, WindowProfile
from raytemplate.testing.fakes import FakeEngine


def a_run(folder, *, epochs, where, error, torch="2.13.0", files=()):
    run = FakeRun(folder)
    run.execute(FakeEngine(candidate_error=error, weights=str(error)))
    resolved = Settings({"name": "x", "training": {"epochs": epochs, "lr": 0.1}, "features": {"numeric": ["a", "b"]}})
    origins = {"training.epochs": where, "training.lr": "t.yaml:8"}
    changes = {"resolved": resolved, "origins": origins, "environment": {"python": "3.11", "torch": torch}}
    run.journal.keep(LOCK, codec.dumps(replace(read_lock(run.journal), **changes)))
    read = tuple(
        FileRead(path=name, size_bytes=9, row_groups=(0,), bytes_read=5000, sha256=digest * 64)
        for name, digest in files
    )
    run.journal.write(replace(run.journal.need(Snapshot), files=read))
    return Run(run.journal)


def test_only_what_differs_is_shown_with_both_values(tmp_path):
    first = a_run(tmp_path, epochs=6, where="t.yaml:7", error=1.0, files=[("1.parquet", "a"), ("2.parquet", "b")])
    second = a_run(
        tmp_path,
        epochs=9,
        where="--set training.epochs=9",
        error=2.0,
        torch="2.14.0",
        files=[("1.parquet", "a"), ("2.parquet", "c"), ("3.parquet", "d")],
    )
    found = differences(first, second)
    changed = {s.title: [(c.what, c.first, c.second) for c in s.changed] for s in found.sections}
    assert changed == {
        "template": [("training.epochs", "6 (t.yaml:7)", "9 (--set training.epochs=9)")],
        "plan": [],
        "data": [
            ("2.parquet", "bbbbbbbbbbbb, 5.0 kB read", "cccccccccccc, 5.0 kB read"),
            ("3.parquet", "not read", "dddddddddddd, 5.0 kB read"),
        ],
        "code": [],
        "environment": [("torch", "2.13.0", "2.14.0")],
        "metrics": [
            ("mae", "1.00", "2.00"),
            ("rmse", "1.00", "2.00"),
            ("r2", "0.969", "0.877"),
            ("state", "approved", "rejected"),
        ],
    }
    text = str(found)
    assert "The same: the plan; the code." in text and "training.lr" not in text and "1.parquet" not in text
    assert first.id in found._repr_html_() and "2.parquet" in found._repr_html_()


def test_another_key_of_a_mask_is_a_difference_of_data(tmp_path):
    runs = [a_run(tmp_path, epochs=6, where="t.yaml:7", error=1.0, files=[("1.parquet", "a")]) for _ in "ab"]
    for run, key in zip(runs, ("3f", "81"), strict=True):
        snapshot = run.journal.need(Snapshot)
        run.journal.write(replace(snapshot, files=tuple(replace(file, mask_key=key) for file in snapshot.files)))
    data = next(section for section in differences(*runs).sections if section.title == "data")
    assert [(c.what, c.first, c.second) for c in data.changed] == [("key of data.mask", "id 3f", "id 81")]


def test_a_run_does_not_differ_from_itself(tmp_path):
    run = a_run(tmp_path, epochs=6, where="t.yaml:7", error=1.0)
    found = differences(run, run)
    assert [section.changed for section in found.sections] == [()] * 6
    assert "The same: the template; the plan; the bytes that were read; the code; the environment" in str(found)


def test_a_value_whose_line_has_moved_is_the_same(tmp_path):
    first = a_run(tmp_path, epochs=6, where="t.yaml:7", error=1.0)
    second = a_run(tmp_path, epochs=6, where="t.yaml:9", error=1.0)
    template = differences(first, second).sections[0]
    assert (template.title, template.changed) == ("template", ())


def with_profile(run, mean):
    column = ColumnSummary(
        type="number", num_rows=9, num_null=0, num_distinct=9, is_counted=True, mean=mean, deviation=2.0
    )
    train = WindowProfile(
        name="train", start=None, end=None, num_rows=9, num_dropped=0, columns={"distance": column}, periods={}
    )
    run.journal.write(DataProfile(windows=(train,)))
    return run


def test_raw_profiles_are_side_by_side_if_both_runs_kept_them(tmp_path):
    first, second, earlier = (a_run(tmp_path, epochs=6, where="t.yaml:7", error=1.0) for _ in "abc")
    found = differences(with_profile(first, 700.0), with_profile(second, 1050.0))
    told = {s.title: [(c.what, c.first, c.second) for c in s.changed] for s in found.sections}
    assert told["raw profile of the train window"] == [("distance: mean", "700", "1050")]
    assert found.note == "" and "the raw profile of the train window" in str(differences(first, first))
    found = differences(earlier, second)
    assert found.note == f"Raw columns are not compared: no profile kept of run {earlier.id}."
    assert found.note in str(found) and len(found.sections) == 6
