"""The promoter as a command sees it: the only process that judges and moves heads, for every caller."""

import os
import re
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import here, raytemplate
from fake_runs import FakeRun

import raytemplate as package
from raytemplate import api
from raytemplate.conducting.promoter import PromoterProcess
from raytemplate.errors import Bug, ChampionMoved, EngineError, IntegrityError, UsageError
from raytemplate.execution.decide import promote as judged_here
from raytemplate.execution.decide import roll_back as rolled_back_here
from raytemplate.execution.journal import Journal
from raytemplate.ledger import keys
from raytemplate.ledger.head import Ledger
from raytemplate.ledger.opening import open_ledger
from raytemplate.records.fitted import FitResult
from raytemplate.records.judged import Actor
from raytemplate.records.promoted import PromotionRecord
from raytemplate.records.run import RunEnd
from raytemplate.store.workspace import Workspace, create
from raytemplate.testing.fakes import FakeEngine
from raytemplate.testing.samples import sample_start

MODEL = "flights-air-time"


def test_one_that_died_early_is_said_so_and_left_quietly(tmp_path):
    workspace = Workspace(tmp_path)
    create(workspace)
    promoter = PromoterProcess(workspace, "", tmp_path / "log", "ada")
    os.kill(promoter._process.pid, signal.SIGKILL)
    promoter._process.wait()
    with pytest.raises(EngineError, match=f"ended before it answered; see log in {tmp_path}"):
        promoter.decide(Journal(tmp_path / "k7q2"))
    promoter.leave()
    promoter.close()


@pytest.fixture
def held(tmp_path):
    """A candidate that waits for a person."""
    return made(tmp_path, promotion="manual")


def made(folder, promotion="automatic", **engine):
    run = FakeRun(folder, promotion=promotion)
    run.journal.write(sample_start(run_id=run.journal.run_id, name=MODEL))
    run.execute(FakeEngine(**engine))
    return run


@pytest.fixture
def heads_stay_here(monkeypatch):
    """Makes any judging or moving of a head in this process fail."""

    def refuse(*arguments, **named):
        raise AssertionError("in the caller's process")

    for name in ("promote", "rollback", "wait"):
        monkeypatch.setattr(Ledger, name, refuse)
    monkeypatch.setattr("raytemplate.execution.decide.judge", refuse)


def test_a_person_promotes_through_the_promoter_alone(held, tmp_path, heads_stay_here):
    assert api.promote(held.journal.run_id, reason="looks right", workspace=str(tmp_path)).exit_code == 0
    assert held.journal.need(PromotionRecord).projected and held.journal.need(RunEnd).state == "approved"
    event = held.ledger.events(MODEL)[-1]
    assert (event.type, "looks right" in event.body) == ("promoted", True)


def test_a_person_rolls_back_through_the_promoter_alone(held, tmp_path, request):
    api.promote(held.journal.run_id, workspace=str(tmp_path))
    made(tmp_path, weights="other", candidate_error=0.5)
    request.getfixturevalue("heads_stay_here")
    move, warning = api.rollback(MODEL, reason="it drifts", workspace=str(tmp_path))
    assert (move.head.version, move.previous.version, move.outcome, warning) == (1, 2, "promoted", "")
    assert (move.head, "it drifts" in held.ledger.events(MODEL)[-1].body) == (held.ledger.head(MODEL), True)


def test_the_command_says_what_the_promoter_did(held, tmp_path, heads_stay_here):
    said = here("promote", held.journal.run_id, "--reason", "looks right", cwd=tmp_path)
    assert (said.returncode, held.ledger.head(MODEL).version) == (0, 1), said.stderr
    again = here("promote", held.journal.run_id, cwd=tmp_path)
    assert again.stdout.startswith(f"Version 1 is the champion of {MODEL} already; nothing was promoted.")


def test_the_promoter_loads_no_module_of_the_folder_it_is_called_from(held, tmp_path):
    """A project may have its own `json.py`; the process that moves heads does not import it."""
    for name in ("json", "sqlite3", "mlflow"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('user code in the promoter')")
    said = raytemplate("promote", held.journal.run_id, cwd=tmp_path)
    assert (said.returncode, held.ledger.head(MODEL).version) == (0, 1), said.stderr


def test_the_promoter_refuses_what_a_person_has_not_signed(held, tmp_path):
    with PromoterProcess(held.workspace, None, tmp_path / "log", "ada") as promoter:
        digest = held.journal.need(FitResult).candidate.digest
        signed = {"run_id": held.journal.run_id, "version": 0, "digest": digest}
        actor = promoter._signed("promote", MODEL, "looks right", **signed)
        for changes, what in (
            ({"said": None}, "a decision by ada is not signed"),
            ({"name": "bob"}, "the signed decision of bob has name 'ada', expected 'bob'"),
            ({"reason": "no"}, "the signed decision of ada has reason 'looks right', expected 'no'"),
        ):
            with pytest.raises(IntegrityError, match=what):
                promoter._ask("promote", "", run=held.journal.run_id, actor=replace(actor, **changes))
        assert held.ledger.head(MODEL) is None
        promoter._ask("promote", "", run=held.journal.run_id, actor=actor)
        with pytest.raises(ChampionMoved, match="has moved since this was asked for"):
            promoter._ask("promote", "", run=held.journal.run_id, actor=actor)  # the same decision, once more
    event = held.ledger.events(MODEL)[-1]
    assert (event.type, held.ledger.faults()) == ("promoted", ())
    assert keys.signer("identity").key.id in event.body


def champion_of_another(run):
    FakeRun(run.folder).execute(FakeEngine(weights="other", candidate_error=0.5))


def never_evaluated(run):
    for name in ("evaluation.json", "verdict.json", "promotion.json", "end.json"):
        (run.journal.folder / name).unlink()


def other_bytes(run):
    folder = next(run.workspace.models.glob("*/*"))
    (folder / "weights.safetensors").chmod(0o644)
    (folder / "weights.safetensors").write_text("changed")


def lost_ledger(run):
    run.workspace.governance_db.unlink()


REFUSED = [
    (champion_of_another, ChampionMoved),
    (never_evaluated, UsageError),
    (other_bytes, IntegrityError),
    (lost_ledger, IntegrityError),
]


@pytest.mark.parametrize(("fault", "kind"), REFUSED, ids=[fault.__name__ for fault, _ in REFUSED])
def test_what_the_promoter_refuses_comes_back_as_it_was_raised(held, tmp_path, fault, kind):
    fault(held)
    with pytest.raises(kind) as here_:
        judged_here(held.journal, held.plan, open_ledger(held.workspace), held.store, actor=Actor(name="ada"))
    with pytest.raises(kind) as there:
        api.promote(held.journal.run_id, workspace=str(tmp_path))
    assert type(there.value) is kind
    assert (there.value.what, there.value.next_step) == (here_.value.what, here_.value.next_step)


def test_what_is_refused_of_a_rollback_comes_back_as_it_was_raised(tmp_path):
    run = made(tmp_path)
    with PromoterProcess(run.workspace, None, tmp_path / "log", "ada") as promoter:
        for version, said in ((None, "version 1 is the only champion"), (7, "never champion"), (1, "champion of")):
            with pytest.raises(UsageError, match=said) as here_:
                rolled_back_here(run.ledger, run.store, MODEL, version, actor=Actor(name="ada"))
            with pytest.raises(UsageError) as there:
                promoter.roll_back(MODEL, version, "")
            assert there.value.what == here_.value.what


def test_a_bug_in_the_promoter_is_a_bug_with_its_trace(held, tmp_path):
    with PromoterProcess(held.workspace, None, tmp_path / "log", "ada") as promoter, pytest.raises(Bug) as bug:
        promoter._ask("roll_back", "", model=3, version="x", actor={"name": "ada"})
    assert (bug.value.exit_code, "Traceback" in bug.value.what) == (1, True)
    assert bug.value.next_step.startswith("This is a bug in raytemplate")


def test_nobody_but_the_promoter_judges_or_moves_a_head():
    """docs/decisions/0002. `answering` is a team's promoter; `requests` foresees its verdict and moves nothing.
    `testing` holds the fakes of plug-in authors."""
    root = Path(package.__file__).parent
    moving = re.compile(r"\bledger\.(promote|rollback|wait)\(|\bjudge\(|\bdecid(e|ing)\.(decide|promote|roll_back)\(")
    named = {str(path.relative_to(root)) for path in root.rglob("*.py") if moving.search(path.read_text())}
    found = {name for name in named if not name.startswith("testing/")}
    promoters = {"conducting/promoting.py", "conducting/answering.py"}
    assert found == {"execution/decide.py", "execution/requests.py", "governance/judge.py", *promoters}
