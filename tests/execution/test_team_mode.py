"""Team mode: commands ask, the promoter answers, and nobody else writes the ledger."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import here
from fake_runs import FakeRun

from raytemplate import api
from raytemplate.conducting import answering
from raytemplate.conducting.promoter import PromoterProcess
from raytemplate.errors import Forbidden, UsageError, WaitingForPromoter
from raytemplate.execution.failure import rewrite_end
from raytemplate.execution.lock import write_lock
from raytemplate.execution.requests import answer_file, unanswered
from raytemplate.history.held_models import Retention, reasons
from raytemplate.history.pack_verified import verify_pack
from raytemplate.ledger import keys
from raytemplate.planning.stages import plan_id
from raytemplate.records import codec
from raytemplate.records.fitted import FitResult
from raytemplate.records.judged import Held, VerdictRecord
from raytemplate.records.promoted import PromotionRecord
from raytemplate.records.requested import PromoterAnswer
from raytemplate.testing.fakes import FakeEngine
from raytemplate.testing.samples import sample_start
from raytemplate.units import Span

MODEL = "flights-air-time"
TEAM = "mode: team\nkeys: {{people: [{}], promoters: [{}]}}\n"


@pytest.fixture(autouse=True)
def no_mlflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its copy takes seconds and is not what these tests are about."""
    monkeypatch.setattr("raytemplate.engines.mlflow.mirror.Mirror.bring_in_line", lambda *_: True)
    monkeypatch.setattr("raytemplate.engines.mlflow.mirror.Mirror.try_project", lambda *_: "")


@pytest.fixture(scope="module")
def in_force(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace that is in team mode, without a run."""
    folder = tmp_path_factory.mktemp("team")
    (folder / "governance.yaml").write_text(TEAM.format(keys.signer("identity").key.id, keys.promoter().key.id))
    api.change_settings(folder / "governance.yaml", reason="two of us", workspace=str(folder))
    return folder


@pytest.fixture
def folder(in_force: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(in_force, tmp_path / "ours"))


def ended(folder: Path, *, with_id: bool = False, **how: str) -> FakeRun:
    """A run that has ended, as its author's command ends it; its plan has the right id if that matters."""
    run = FakeRun(folder, **how)
    if with_id:
        run.plan = replace(run.plan, id=plan_id(run.plan))
        write_lock(run.journal, run.plan, None)
    run.journal.write(sample_start(run_id=run.journal.run_id, name=MODEL))
    run.execute(
        FakeEngine(weights=run.journal.run_id), promoter=PromoterProcess(run.workspace, None, run.journal.log, "ada")
    )
    return run


def answers(folder: Path) -> list[int]:
    return [answer.exit_code for _, answer in api.answer_requests(workspace=str(folder))]


def test_a_run_asks_to_be_judged_and_waits(folder: Path) -> None:
    run, before = ended(folder), 3
    assert len(run.ledger.events()) == before and run.journal.need(PromotionRecord).outcome == "asked"
    assert isinstance(run.journal.need(VerdictRecord).verdict, Held)
    [shown] = api.runs(workspace=str(folder)).rows
    assert (shown.state, api.find("last", workspace=str(folder)).exit_code) == ("held", 5)
    assert "passed its gates and waits for the promoter." in " ".join(here("show", "last", cwd=folder).stdout.split())


def test_the_promoter_answers_once_and_the_run_is_approved(folder: Path) -> None:
    run = ended(folder)
    assert (answers(folder), answers(folder)) == ([0], [])
    assert run.journal.need(PromotionRecord).outcome == "promoted" and run.ledger.faults() == ()
    assert run.ledger.head(MODEL) is not None and run.ledger.head(MODEL).run_id == run.journal.run_id
    assert api.runs(workspace=str(folder)).rows[0].state == "approved"


def test_what_people_decide_is_asked_for_too(folder: Path) -> None:
    run = ended(folder, promotion="manual")
    assert answers(folder) == [5]
    with pytest.raises(WaitingForPromoter, match=f"promote {run.journal.run_id} is request") as asked:
        api.promote(run.journal.run_id, reason="looks right", workspace=str(folder))
    assert asked.value.exit_code == 5 and run.ledger.head(MODEL) is None
    assert answers(folder) == [0] and run.ledger.head(MODEL).version == 1
    second = ended(folder)
    assert answers(folder) == [0] and second.ledger.head(MODEL).version == 2
    with pytest.raises(WaitingForPromoter):
        api.rollback(MODEL, reason="it drifts", workspace=str(folder))
    assert answers(folder) == [0] and run.ledger.head(MODEL).version == 1
    assert run.ledger.faults() == ()


def test_an_answer_that_was_lost_after_the_decision_is_given_again(folder: Path) -> None:
    run = ended(folder, promotion="manual")
    answers(folder)
    with pytest.raises(WaitingForPromoter):
        api.promote(run.journal.run_id, reason="looks right", workspace=str(folder))
    [request] = unanswered(run.workspace)
    for _ in range(2):
        assert answers(folder) == [0]
        answer_file(run.workspace, request.id).unlink()
        rewrite_end(run.journal)
    assert (len(run.ledger.history(MODEL).heads), run.ledger.faults()) == (1, ())


def test_a_request_that_says_something_else_than_was_signed_is_refused(folder: Path) -> None:
    run = ended(folder)
    fit = run.journal.need(FitResult)
    run.journal.write(replace(fit, candidate=replace(fit.candidate, digest="0" * 64)))
    [(request, answer)] = api.answer_requests(workspace=str(folder))
    assert answer.exit_code == 7 and "has digest" in answer.what
    assert codec.loads(PromoterAnswer, answer_file(run.workspace, request.id).read_bytes()) == answer
    shown = " ".join(here("show", "last", cwd=folder).stdout.split())
    assert "was refused by the promoter: the signed decision of ada" in shown
    assert run.ledger.head(MODEL) is None


def test_a_run_that_was_judged_against_an_earlier_champion_is_refused(folder: Path) -> None:
    first, second = ended(folder), ended(folder)
    assert answers(folder) == [0, 6]
    assert first.ledger.head(MODEL).run_id == first.journal.run_id
    assert second.journal.need(PromotionRecord).warning.startswith(f"the champion of {MODEL} has moved to term 1")


def test_only_a_listed_promoter_answers(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended(folder)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with pytest.raises(Forbidden, match=r"key .* is not among") as refused:
        answers(folder)
    assert refused.value.exit_code == 7
    with pytest.raises(UsageError, match="is in solo mode"):
        answers(tmp_path)


def test_what_is_waiting_stays_so_while_its_author_works_on_the_run(folder: Path) -> None:
    from raytemplate.execution.resuming import working_on

    run = ended(folder)
    with working_on(run.journal):
        assert answers(folder) == []
    assert answers(folder) == [0]


def test_serving_ends_with_130_when_it_is_interrupted(folder: Path) -> None:
    run = ended(folder)

    def interrupt(_: answering.Answered) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        answering.serve(run.workspace, interrupt, poll_s=0.01)
    assert run.ledger.head(MODEL) is not None
    assert here("promoter", cwd=folder).returncode == 2
    assert "Nothing is waiting." in here("promoter", "--once", cwd=folder).stdout


def test_a_run_that_waits_is_packed_and_its_model_is_never_freed(folder: Path) -> None:
    run = ended(folder, with_id=True)
    api.pack("last", folder / "a.zip", workspace=str(folder))
    found = verify_pack(folder / "a.zip")
    assert (found.faults, found.bound) == ((), "")
    assert found.unbound == "no event names this run: its team's promoter has not decided"
    digest = run.journal.need(FitResult).candidate.digest
    assert reasons(run.workspace, Retention(span=Span(0, "minute")))[digest] == "waiting candidate"
