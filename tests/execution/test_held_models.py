"""Which stored models `clean` may free, and what it never frees."""

import json

import pytest
from command_line import here
from fake_runs import ADA, GROUNDS, FakeRun

from raytemplate import api
from raytemplate.errors import IntegrityError, UsageError
from raytemplate.history.held_models import Retention, free_models, reasons, stored_models
from raytemplate.history.holdings import free
from raytemplate.ledger import keys
from raytemplate.ledger.bodies import SnapshotFrozen, content_of
from raytemplate.ledger.decisions import Decision, new_nonce, said
from raytemplate.ledger.head import Ledger, utc_now
from raytemplate.records.fitted import FitResult
from raytemplate.records.judged import Actor
from raytemplate.store.content_store import ContentStore
from raytemplate.store.locks import FileLock
from raytemplate.store.workspace import Workspace, create
from raytemplate.testing.fakes import FakeEngine
from raytemplate.testing.samples import sample_start
from raytemplate.units import Span

MODEL, NONE_KEPT = "flights", Retention(span=Span(0, "minute"))
"""As if everything had been made long ago."""


@pytest.fixture
def digests(tmp_path):
    """Seven champions, the last of which is today's, and a candidate that waits."""
    workspace = Workspace(tmp_path)
    create(workspace)
    store, ledger = ContentStore(workspace.models), Ledger(workspace.governance_db)
    found = []
    for number in range(8):
        (tmp_path / f"m{number}").mkdir()
        (tmp_path / f"m{number}" / "weights").write_text(f"w{number}")
        found.append(store.put(tmp_path / f"m{number}").digest)
        if number < 7:
            ledger.promote(MODEL, found[-1], "gone", utc_now(), number, ADA, GROUNDS)
    ledger.wait(MODEL, found[-1], "gone", utc_now(), ADA, GROUNDS)
    return found


@pytest.fixture
def workspace(tmp_path, digests):
    return Workspace(tmp_path)


def ended(folder, **engine):
    """A run of another model."""
    run = FakeRun(folder)
    run.journal.write(sample_start(run_id=run.journal.run_id, name=run.plan.name))
    run.execute(FakeEngine(**engine))
    return run


def test_champions_and_what_waits_are_kept_whatever_their_age(workspace, digests):
    kept = reasons(workspace, NONE_KEPT)
    assert [kept.get(digest, "") for digest in digests] == [
        "", "", *["former champion"] * 4, "champion", "waiting candidate"
    ]  # fmt: skip
    free_models(workspace, NONE_KEPT)
    assert {path.name for path in stored_models(workspace)} == {*digests[2:]}
    assert api.rollback(f"{MODEL}/3", workspace=str(workspace.folder))[0].head.version == 3
    with pytest.raises(IntegrityError, match="not in the store"):
        api.rollback(f"{MODEL}/1", workspace=str(workspace.folder))


def test_nothing_young_and_without_a_retention_nothing_at_all_is_freed(workspace):
    for retention in (Retention(), Retention(span=Span(90, "day"))):
        free_models(workspace, retention)
        assert len(list(stored_models(workspace))) == 8


def test_candidates_of_runs_that_have_not_ended_are_kept(tmp_path):
    run = FakeRun(tmp_path)
    with pytest.raises(RuntimeError):
        run.execute(FakeEngine(crash={"score": RuntimeError()}))
    (run.journal.folder / "end.json").unlink(missing_ok=True)
    digest = run.journal.need(FitResult).candidate.digest
    assert reasons(run.workspace, NONE_KEPT)[digest] == "of a run that has not ended"
    run.execute(FakeEngine())
    assert reasons(run.workspace, NONE_KEPT)[digest] == "champion"


def test_nothing_is_freed_while_a_run_is_worked_on_or_the_ledger_is_lost(workspace):
    run = ended(workspace.folder)
    with FileLock(run.journal.active, 0.0), pytest.raises(IntegrityError, match="is being worked on"):
        free_models(workspace, NONE_KEPT)
    workspace.governance_db.unlink()
    with pytest.raises(IntegrityError, match="missing"):
        free_models(workspace, NONE_KEPT)
    assert len(list(stored_models(workspace))) == 9


def test_the_files_of_a_champion_cannot_go_at_the_moment_of_the_move(workspace, digests):
    ledger, store = Ledger(workspace.governance_db), ContentStore(workspace.models)
    store.remove(store.path(digests[0]))
    with pytest.raises(IntegrityError, match="not in the store"):
        ledger.rollback(MODEL, ADA, to_version=1, check=store.need)
    with pytest.raises(IntegrityError, match="not in the store"):
        ledger.promote(MODEL, digests[0], "gone", utc_now(), 7, ADA, GROUNDS, check=store.need)
    assert ledger.history(MODEL).term == 7


def test_the_command_says_why_models_are_held_and_frees_only_what_is_named(workspace):
    folder = workspace.folder
    text = here("clean", "--free", "models", "--retention", "90d", cwd=folder).stdout
    told = " ".join(text.split())
    for why in ("held", "8 models", "1 champion", "4 former champion", "1 waiting candidate", "2 younger than the"):
        assert why in told, told
    asked = here("clean", "--free", "models", cwd=folder).stdout
    assert "kept for ever: no --retention was given" in " ".join(asked.split())
    listed = json.loads(here("clean", "--retention", "0d", "--json", cwd=folder).stdout)["holdings"]
    assert {one["kind"]: one["num"] for one in listed} == {"models": 2, "held": 6}
    assert here("clean", "--free", "all", "--retention", "0d", cwd=folder).returncode == 0
    assert len(list(stored_models(workspace))) == 8
    assert "Freed" in here("clean", "--free", "models", "--retention", "0d", cwd=folder).stdout
    assert len(list(stored_models(workspace))) == 6
    for wrong in ("held", "frozen"):
        with pytest.raises(UsageError, match="never freed"):
            api.clean(wrong, workspace=str(folder))
    assert here("clean", "--retention", "long", cwd=folder).returncode == 2


def test_rows_of_a_frozen_snapshot_are_not_freed_even_if_they_are_named(tmp_path, workspace):
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "rows.parquet").write_text("rows")
    kept = ContentStore(workspace.kept).put(tmp_path / "rows").digest
    (workspace.runs / "k7q2ab").mkdir()
    (workspace.runs / "k7q2ab" / "run.json").write_text("{}")
    (workspace.runs / "k7q2ab" / "snapshot.json").write_text(json.dumps({"kept": kept, "digest": "3f7f16"}))
    freeze(Ledger(workspace.governance_db), "3f7f16")
    (frozen,) = [one for one in free(workspace, ("kept", "needed")) if one.kind == "frozen"]
    assert (frozen.num, frozen.freed, frozen.needed_by) == (1, False, ("flights@3f7f16",))
    assert ContentStore(workspace.kept).path(kept).is_dir()


def freeze(ledger: Ledger, snapshot: str) -> None:
    body = SnapshotFrozen(snapshot=snapshot, name=f"flights@{snapshot}", actor=Actor(name="ada", reason="audit"))
    decision = Decision(
        action=body.type, ledger="", model="", run_id="", version=0, digest="", term=0, name="ada", reason="audit",
        at=utc_now(), nonce=new_nonce(), content=content_of(body),
    )  # fmt: skip
    actor = Actor(name="ada", reason="audit", said=said(decision, keys.signer("identity")))
    ledger.record(SnapshotFrozen(snapshot=snapshot, name=f"flights@{snapshot}", actor=actor))
