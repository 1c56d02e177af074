"""`snapshot freeze | revoke | list`: what they say, what is no longer promoted, and what is no longer freed."""

from dataclasses import replace

import pytest
from command_line import here
from fake_runs import FakeRun

from raytemplate import api
from raytemplate.errors import Refused, UsageError
from raytemplate.execution.decide import decide
from raytemplate.execution.frozen import told_frozen, told_source
from raytemplate.ledger.bodies import Grounds
from raytemplate.records.fitted import WarmStart
from raytemplate.records.ingested import Snapshot
from raytemplate.records.judged import Actor, Rejected, VerdictRecord
from raytemplate.store.content_store import ContentStore
from raytemplate.testing.fakes import FakeEngine
from raytemplate.testing.samples import sample_snapshot, sample_start

MODEL = "flights-air-time"
ADA = Actor(name="ada", reason="so")


def judged(folder, promotion="automatic", **engine):
    run = FakeRun(folder, promotion=promotion)
    run.journal.write(sample_start(run_id=run.journal.run_id, name=MODEL))
    run.execute(FakeEngine(**engine))
    return run


def said(folder, *words):
    found = here(*words, cwd=folder)
    return found.returncode, " ".join((found.stdout or found.stderr).split())


def test_a_revoked_snapshot_names_who_used_it_and_blocks_what_waits(tmp_path):
    held = judged(tmp_path, promotion="manual")
    run, name = held.journal.run_id, held.journal.need(Snapshot).short_name
    code, text = said(tmp_path, "snapshot", "revoke", name, "--reason", "wrong labels")
    assert code == 0 and f"It was seen by {MODEL}/1 (challenger), and read by run {run}." in text
    code, text = said(tmp_path, "promote", run, "--reason", "anyway")
    assert (code, held.ledger.head(MODEL)) == (5, None) and "snapshot block" in text
    for command in (("show", run), ("show", f"{MODEL}/1"), ("lineage", run), ("snapshot", "list"), ("ledger", "show")):
        assert "wrong labels" in said(tmp_path, *command)[1], command
    with pytest.raises(Refused, match="is never promoted"):
        api.waive(run, "snapshot", reason="so", until="7d", workspace=str(tmp_path))
    again, events = said(tmp_path, "snapshot", "revoke", run, "--reason", "once more"), held.ledger.events()
    assert again[0] == 0 and "wrong labels" in again[1] and len(events) == len(held.ledger.events())


def test_a_champion_that_saw_it_is_named_with_the_way_back(tmp_path):
    first = judged(tmp_path)
    code, text = said(tmp_path, "snapshot", "revoke", first.journal.run_id, "--reason", "wrong labels")
    assert code == 0 and text.endswith(f"raytemplate show {MODEL} # no earlier champion: retrain it on other rows")
    for command, following in ((("models",), f"show {MODEL}"), (("show", MODEL), "snapshot list")):
        shown = said(tmp_path, *command)[1]
        assert "Version 1 has seen" in shown and shown.endswith(f"raytemplate {following}")


def test_what_was_trained_from_a_model_that_saw_it_is_blocked(tmp_path):
    parent = judged(tmp_path)
    child = judged(tmp_path, promotion="manual", weights="other", candidate_error=0.5)
    own = child.journal.need(Snapshot)
    seen = Grounds(plan="p", snapshot="c0ffee" * 10, evaluation_sha256="e")
    digest = "d1" * 32
    parent.ledger.wait(MODEL, digest, "gone", own.windows[0].end, ADA, seen)
    child.journal.write(WarmStart(version=2, digest=digest))
    decide(child.journal, child.plan, child.ledger, child.store, actor=Actor(name="ada", automatic=True))
    api.revoke_snapshot("c0ffee", reason="wrong labels", workspace=str(tmp_path))
    decide(child.journal, child.plan, child.ledger, child.store, actor=ADA)
    verdict = child.journal.need(VerdictRecord).verdict
    assert isinstance(verdict, Rejected) and "snapshot blocked" in verdict.reason


def test_one_that_is_revoked_while_the_candidate_is_judged_is_judged_again(tmp_path, monkeypatch):
    held = judged(tmp_path, promotion="manual")
    promote, digest = type(held.ledger).promote, held.journal.need(Snapshot).digest

    def late(ledger, *arguments, **named):
        api.revoke_snapshot(digest, reason="wrong labels", workspace=str(tmp_path))
        return promote(ledger, *arguments, **named)

    monkeypatch.setattr(type(held.ledger), "promote", late)
    assert decide(held.journal, held.plan, held.ledger, held.store, actor=ADA) is None
    assert isinstance(held.journal.need(VerdictRecord).verdict, Rejected) and held.ledger.head(MODEL) is None


def test_the_copy_of_a_frozen_one_is_never_freed(tmp_path):
    run = judged(tmp_path)
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "a.parquet").write_text("rows")
    kept = ContentStore(run.workspace.kept).put(tmp_path / "rows").digest
    run.journal.write(replace(run.journal.need(Snapshot), kept=kept))
    code, text = said(tmp_path, "snapshot", "freeze", run.journal.run_id, "--reason", "audit")
    assert code == 0 and "Its rows are kept, and `clean` never frees them." in text
    (run.journal.folder / "snapshot.json").unlink()
    for kinds in (["all"], ["needed", "kept"]):
        api.clean(kinds, workspace=str(tmp_path))
    assert ContentStore(run.workspace.kept).path(kept).is_dir()
    assert "frozen: " in said(tmp_path, "clean")[1]
    with pytest.raises(UsageError, match="are never freed"):
        api.clean("frozen", workspace=str(tmp_path))


def test_rows_that_are_not_kept_are_said_to_be_lost_once_they_change(tmp_path):
    judged(tmp_path)
    code, text = said(tmp_path, "snapshot", "freeze", "last", "--reason", "audit")
    assert code == 0 and "Its rows are not kept (data.keep: reference)" in text


def test_a_run_is_told_that_files_of_a_frozen_one_have_other_rows_now(tmp_path):
    run = judged(tmp_path)
    before, runs = replace(run.journal.need(Snapshot), files=sample_snapshot().files), run.workspace.runs
    run.journal.write(before)
    api.freeze_snapshot("last", reason="audit", workspace=str(tmp_path))
    first, *others = before.files
    now = replace(before, digest="0" * 64, files=(replace(first, sha256="0" * 64), *others))
    (line,) = told_frozen(run.plan, now, runs)
    assert "frozen by" in line and line.endswith(f"was read from {first.path}, whose rows have changed since")
    (line,) = told_source(run.plan, before, runs)
    assert "its source has changed since: " in line and line.endswith("no copy of its rows was kept")
    assert list(told_frozen(run.plan, before, runs)) == []
    api.revoke_snapshot("last", reason="wrong labels", workspace=str(tmp_path))
    (line,) = told_frozen(run.plan, before, runs)
    assert line.endswith("wrong labels; nothing made from it is promoted")


@pytest.mark.parametrize(
    ("ref", "reason", "what"),
    [
        ("last", " ", "to revoke a snapshot needs a reason"),
        ("flights@000000", "so", 'no snapshot "flights@000000"; '),
        ("nosuchrun", "so", 'no run "nosuchrun"'),
    ],
)
def test_what_is_named_badly_is_refused_and_makes_no_key(tmp_path, ref, reason, what):
    run = judged(tmp_path, promotion="manual")
    before = len(run.ledger.events())
    with pytest.raises(UsageError, match=what):
        api.revoke_snapshot(ref, reason=reason, workspace=str(tmp_path))
    assert len(run.ledger.events()) == before
