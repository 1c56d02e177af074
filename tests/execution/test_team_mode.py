"""Team mode: commands ask, the promoter answers, and nobody else writes the ledger."""

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from command_line import here
from fake_runs import FakeRun

from raytemplate import api
from raytemplate.api.run import need_secrets
from raytemplate.code.files import CodeRef
from raytemplate.conducting import answering, recomputing
from raytemplate.conducting.promoter import PromoterProcess
from raytemplate.errors import Forbidden, IntegrityError, Refused, Unavailable, UsageError, WaitingForPromoter
from raytemplate.execution.failure import rewrite_end
from raytemplate.execution.journal import RECORDS, Journal
from raytemplate.execution.lock import write_lock
from raytemplate.execution.requests import answer_file, unanswered, write_request
from raytemplate.execution.resuming import to_put_aside
from raytemplate.history import in_mlflow
from raytemplate.history.held_models import Retention, reasons
from raytemplate.history.pack_verified import verify_pack
from raytemplate.ledger import keys
from raytemplate.planning.stages import GateConfig, plan_id
from raytemplate.records import codec
from raytemplate.records.codec import Settings
from raytemplate.records.evaluated import ColumnEvidence, Estimate, Evaluation
from raytemplate.records.fitted import FitResult
from raytemplate.records.ingested import Snapshot
from raytemplate.records.judged import Actor, Held, Said, VerdictRecord
from raytemplate.records.promoted import PromotionRecord
from raytemplate.records.requested import PromoterAnswer
from raytemplate.records.run import RunEnd
from raytemplate.store.workspace import Workspace
from raytemplate.testing.fakes import FakeEngine
from raytemplate.testing.samples import sample_evaluation, sample_start
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
    return asking(run)


def asking(run: FakeRun) -> FakeRun:
    run.journal.write(sample_start(run_id=run.journal.run_id, name=MODEL))
    run.execute(
        FakeEngine(weights=run.journal.run_id), promoter=PromoterProcess(run.workspace, None, run.journal.log, "ada")
    )
    return run


def high_risk(folder: Path, **changes: Any) -> FakeRun:
    """A run whose figures the promoter computes again, and that has asked to be judged."""
    run = FakeRun(folder)
    run.plan = replace(run.plan, govern=replace(run.plan.govern, risk="high"), **changes)
    write_lock(run.journal, run.plan, None)
    return asking(run)


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
        answer_file(run.workspace, request).unlink()
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
    assert here("promoter", "--once", "--serve", cwd=folder).returncode == 2
    assert "Nothing is waiting." in here("promoter", "--once", cwd=folder).stdout


ADA = {"name": "ada", "reason": "", "automatic": False, "said": None}
RUNS = {"name": "ada", "reason": "", "automatic": True, "said": None}
MALFORMED: dict[str, tuple[str, dict[str, Any], str]] = {
    "a verb in the arguments": (
        "decide",
        {"do": "change_settings", "run": "linked", "actor": RUNS},
        "asked with actor",
    ),
    "an argument of the promoter's own": ("promote", {"run": "a", "evaluation": "0", "actor": ADA}, "with actor, eval"),
    "another verb": ("restore", {"file": "/x", "actor": ADA}, "the promoter takes no request 'restore'"),
    "another verb of Python": ("__init__", {"actor": ADA}, "the promoter takes no request '__init__'"),
    "nobody": ("promote", {"run": "linked"}, "asked with run, expected actor, run"),
    "an actor that is none": ("promote", {"run": "linked", "actor": 7}, "its actor cannot be read"),
    "an actor without a name": ("promote", {"run": "linked", "actor": {}}, "its actor cannot be read"),
    "a run that approves": ("promote", {"run": "linked", "actor": RUNS}, "only a run asks"),
    "a person who asks to judge": ("decide", {"run": "linked", "actor": ADA}, "only a run asks"),
    "a number for a name": ("revoke_key", {"key": 7, "actor": ADA}, "key is 7"),
    "a path for a run": ("decide", {"run": "../../x", "actor": RUNS}, "no run '../../x'"),
    "a path to waive": ("waive", {"run": "../x", "gate": "g", "expires": "2030-01-01", "actor": ADA}, "no run '../x'"),
    "a link for a run": ("decide", {"run": "linked", "actor": RUNS}, "no run 'linked'"),
}


@pytest.mark.parametrize(("do", "asked", "told"), MALFORMED.values(), ids=MALFORMED)
def test_what_no_command_asks_for_is_refused(folder: Path, do: str, asked: dict[str, Any], told: str) -> None:
    workspace = Workspace(folder)
    (workspace.runs / "linked").symlink_to(folder)
    write_request(workspace, do, asked, name="eve")
    [(_, answer)] = api.answer_requests(workspace=str(folder))
    assert answer.exit_code == 2 and told in answer.what


def test_files_that_are_no_requests_are_answered_and_the_others_go_on(folder: Path) -> None:
    run = ended(folder)
    [good] = unanswered(run.workspace)
    text = (run.workspace.requests / f"{good}.request.json").read_bytes()

    def named(name: str) -> Path:
        return run.workspace.requests / f"{name}.request.json"

    named("0-damaged").write_bytes(b"{")
    named("0-elsewhere").write_bytes(text.replace(good.encode(), b"../../x"))
    named("0-folder").mkdir()
    named("0-link").symlink_to(named(good))
    os.mkfifo(named("0-pipe"))
    named("0 other characters").write_bytes(text)
    found = {answer.request: answer.exit_code for _, answer in api.answer_requests(workspace=str(folder))}
    bad = {"0-damaged": 7, "0-elsewhere": 7, "0-folder": 7, "0-link": 7, "0-pipe": 7}
    assert (found, unanswered(run.workspace)) == ({**bad, good: 0}, ())
    assert not list(folder.glob("**/x.answer.json"))


def test_a_link_in_place_of_the_folder_of_requests_is_not_followed(folder: Path, tmp_path: Path) -> None:
    Workspace(folder).requests.symlink_to(tmp_path)
    with pytest.raises(IntegrityError, match="is a link"):
        answers(folder)


def computes(monkeypatch: pytest.MonkeyPatch, what: Callable[[Journal], Evaluation]) -> None:
    """Lets the promoter compute figures without Ray."""
    monkeypatch.setattr(recomputing, "_computed", lambda _, journal: what(journal))


@pytest.mark.parametrize("changed", [Evaluation, FitResult, Snapshot])
def test_what_is_swapped_while_figures_are_computed_is_not_judged(
    folder: Path, monkeypatch: pytest.MonkeyPatch, changed: type
) -> None:
    run = high_risk(folder)

    def compute_and_swap(journal: Journal) -> Evaluation:
        true, fit = journal.need(Evaluation), journal.need(FitResult)
        snapshot = journal.need(Snapshot)
        more = tuple(replace(window, num_rows=10**9) for window in snapshot.windows)
        forged = {
            Evaluation: replace(true, num_resamples=1),
            FitResult: replace(fit, candidate=replace(fit.candidate, digest="0" * 64)),
            Snapshot: replace(snapshot, windows=more),
        }
        journal.write(forged[changed])
        return true

    computes(monkeypatch, compute_and_swap)
    [(_, answer)] = api.answer_requests(workspace=str(folder))
    assert answer.exit_code == 7 and f"{RECORDS[changed]} says something else" in answer.what
    assert run.ledger.head(MODEL) is None


def test_the_evaluation_that_was_computed_again_is_the_one_that_is_judged(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = high_risk(folder)
    computes(monkeypatch, lambda journal: journal.need(Evaluation))
    assert answers(folder) == [0] and run.ledger.head(MODEL) is not None


def column(name: str, explained: float | None, importance: float | None = None) -> ColumnEvidence:
    spread = None if importance is None else Estimate(value=importance, low=importance, high=importance)
    return ColumnEvidence(column=name, explained=explained, importance=spread)


COLUMNS = (column("distance", 0.9, 4.0), column("arrived", 0.99, 2.0))
TRUE = sample_evaluation(candidate_bytes=100_000, columns=COLUMNS)
FORGED: dict[str, tuple[dict[str, Any], str]] = {
    "a smaller model": ({"candidate_bytes": 99_999}, "candidate_bytes is 99999, computed 100000"),
    "no columns": ({"columns": ()}, "columns names 0 columns, computed 2"),
    "a column less": ({"columns": COLUMNS[:1]}, "columns names 1 columns, computed 2"),
    "a column that explains less": (
        {"columns": (COLUMNS[0], column("arrived", 0.5, 2.0))},
        "columns.arrived.explained is 0.5, computed 0.99",
    ),
    "another importance": (
        {"columns": (column("distance", 0.9, 3.0), COLUMNS[1])},
        "columns.distance.importance.value is 3.0, computed 4.0",
    ),
    "another column that the model relies on": (
        {"columns": (column("distance", 0.9), COLUMNS[1])},
        "columns: the model relies most on arrived, computed distance",
    ),
}


@pytest.mark.parametrize(("changes", "told"), FORGED.values(), ids=FORGED)
def test_what_gates_read_besides_metrics_is_compared(changes: dict[str, Any], told: str) -> None:
    assert list(recomputing._differences_of_gates(TRUE, TRUE)) == []
    assert any(told in line for line in recomputing._differences_of_gates(replace(TRUE, **changes), TRUE))


def test_a_column_that_the_promoter_has_no_time_for_does_not_pass() -> None:
    fewer = (COLUMNS[0], column("arrived", None))
    assert list(recomputing._differences_of_gates(replace(TRUE, columns=fewer), TRUE)) == []
    [told] = recomputing._differences_of_gates(TRUE, replace(TRUE, columns=fewer))
    assert told == "columns.arrived.explained is 0.99, computed None"


def test_code_of_an_author_is_never_loaded_where_the_promoters_key_is(folder: Path, tmp_path: Path) -> None:
    high_risk(folder, code=CodeRef(modules=("own_net",), sha256="0" * 64))
    [(_, answer)] = api.answer_requests(workspace=str(folder))
    assert answer.exit_code == 5 and "code of its author's (own_net)" in answer.what and "plug-in" in answer.next_step
    for path in ("a/code", "b/models/12/1234/code"):
        (tmp_path / path).mkdir(parents=True)
        with pytest.raises(Refused, match="could read the promoter's key"):
            recomputing._refuse_code_in(Journal(tmp_path / path[0]))


ENDS: dict[str, tuple[Any, type]] = {
    "is killed": (subprocess.CompletedProcess((), -9, stdout=""), IntegrityError),
    "hangs": (subprocess.TimeoutExpired((), 1.0), IntegrityError),
    "takes all memory": ('{"error": "OutOfMemory", "what": "x", "next_step": ""}', IntegrityError),
    "finds no storage": ('{"error": "Unavailable", "what": "x", "next_step": ""}', Unavailable),
}


@pytest.mark.parametrize(("end", "error"), ENDS.values(), ids=ENDS)
def test_a_model_that_ends_its_judge_is_refused_for_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: Any, error: type
) -> None:
    def run(*_: Any, **__: Any) -> Any:
        if isinstance(end, Exception):
            raise end
        return subprocess.CompletedProcess((), 1, stdout=end) if isinstance(end, str) else end

    monkeypatch.setattr(recomputing.subprocess, "run", run)
    told: Any = None
    with pytest.raises(error):
        recomputing._in_clean_process(Workspace(tmp_path), Journal(tmp_path / "k7q2"), told, 1.0)


@pytest.mark.parametrize("own", ["", "sqlite:///of-the-promoter.db"])
def test_the_promoter_connects_to_no_server_that_a_run_names(
    folder: Path, monkeypatch: pytest.MonkeyPatch, own: str
) -> None:
    from raytemplate.engines.mlflow.mirror import Mirror

    asked: list[str] = []
    for name in ("bring_in_line", "refuse_other_ledger"):
        monkeypatch.setattr(Mirror, name, lambda mirror, *_: asked.append(mirror.uri))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", own)
    run = FakeRun(folder)
    run.plan = replace(run.plan, promote=replace(run.plan.promote, tracking_uri="http://eve.example"))
    write_lock(run.journal, run.plan, None)
    asking(run)
    assert (answers(folder), set(asked)) == ([0], {own})
    assert in_mlflow._uri_to_ask(run.ledger.history(MODEL), run.workspace) == own


def test_an_author_needs_no_secret_of_mlflow(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_HERE", raising=False)
    plan = FakeRun(folder).plan
    plan = replace(plan, promote=replace(plan.promote, tracking_uri="secret:env:NOT_HERE"))
    need_secrets(plan, Workspace(folder), reads=False)
    with pytest.raises(UsageError, match="NOT_HERE"):
        need_secrets(plan, Workspace(tmp_path / "solo"), reads=False)


def test_only_the_same_envelope_in_a_move_of_the_champion_counts_as_done(folder: Path) -> None:
    run = ended(folder, promotion="manual")
    answers(folder)
    with pytest.raises(WaitingForPromoter):
        api.promote(run.journal.run_id, reason="looks right", workspace=str(folder))
    assert answers(folder) == [0]
    said = answering.body_of(run.ledger.events(MODEL)[-1]).actor.said
    done = {
        "its own": (said, run.journal.run_id),
        "for another run": (said, "k7q2"),
        "a part of it": (Said(envelope=said.envelope[:9], public_key=said.public_key), run.journal.run_id),
        "nothing": (None, run.journal.run_id),
    }
    found = {
        name: answering._is_done(run.ledger, MODEL, Actor(name="ada", said=one), of) for name, (one, of) in done.items()
    }
    assert found == {"its own": True, "for another run": False, "a part of it": False, "nothing": False}


def test_settings_that_were_signed_before_others_came_into_force_are_refused(folder: Path) -> None:
    file = folder / "governance.yaml"
    before = file.read_text()
    for champions in (7, 8):
        file.write_text(f"{before}retention: {{champions: {champions}}}\n")
        with pytest.raises(WaitingForPromoter):
            api.change_settings(file, reason="more of them", workspace=str(folder))
    (_, first), (_, second) = api.answer_requests(workspace=str(folder))
    assert (first.exit_code, second.exit_code) == (0, 7)
    assert "has put other settings in force since this was signed" in second.what
    assert "ledger settings" in second.next_step


def test_a_run_that_the_promoter_rejects_is_rejected(folder: Path) -> None:
    run = ended(folder)
    strict = GateConfig(name="metric-limit", settings=Settings({"mae": 0.001}))
    write_lock(run.journal, replace(run.plan, govern=replace(run.plan.govern, gates=(strict,))), None)
    assert answers(folder) == [5]
    assert run.journal.read(PromotionRecord) is None and run.journal.need(RunEnd).state == "rejected"
    assert api.runs(workspace=str(folder)).rows[0].state == "rejected"


def test_a_run_whose_request_was_refused_asks_again_when_it_is_resumed(folder: Path) -> None:
    run = ended(folder)
    fit = run.journal.need(FitResult)
    assert to_put_aside(run.journal, run.plan, run.ledger) is None
    run.journal.write(replace(fit, candidate=replace(fit.candidate, digest="0" * 64)))
    assert answers(folder) == [7]
    run.journal.write(fit)
    put_aside = to_put_aside(run.journal, run.plan, run.ledger)
    assert put_aside == (RunEnd, PromotionRecord, VerdictRecord)
    for kind in put_aside:
        run.journal.supersede(kind)
    asking(run)
    assert answers(folder) == [0] and run.ledger.head(MODEL) is not None


def test_requests_wait_while_the_settings_are_not_settled(folder: Path) -> None:
    ended(folder)
    file = folder / "governance.yaml"
    right = file.read_text()
    for wrong in ("mode: solo\n", "mode: ["):
        file.write_text(wrong)
        assert answers(folder) == []
    file.write_text(right)
    assert answers(folder) == [0]


def test_a_run_that_waits_is_packed_and_its_model_is_never_freed(folder: Path) -> None:
    run = ended(folder, with_id=True)
    api.pack("last", folder / "a.zip", workspace=str(folder))
    found = verify_pack(folder / "a.zip")
    assert (found.faults, found.bound) == ((), "")
    assert found.unbound == "no event names this run: its team's promoter has not decided"
    digest = run.journal.need(FitResult).candidate.digest
    assert reasons(run.workspace, Retention(span=Span(0, "minute")))[digest] == "waiting candidate"


def test_whoever_asks_sees_what_was_asked_and_what_became_of_it(folder: Path) -> None:
    run = ended(folder, promotion="manual")
    answers(folder)
    with pytest.raises(WaitingForPromoter, match="waiting for the promoter: snapshot revoke data@"):
        api.revoke_snapshot(run.journal.need(Snapshot).digest, reason="wrong labels", workspace=str(folder))
    (run.workspace.requests / "0-damaged.request.json").write_bytes(b"{")
    first, second, following = here("promoter", cwd=folder).stdout.splitlines()
    assert f"decide {run.journal.run_id} for ada: judged, not promoted (exit 5)" in first
    assert "mark snapshot data@" in second and second.endswith(": waiting")
    assert following == "  raytemplate promoter --once    # where the promoter's key is"
    with pytest.raises(WaitingForPromoter):
        api.promote(run.journal.run_id, reason="late", workspace=str(folder))
    assert sorted(answers(folder)) == [0, 5, 7]
    listed = here("promoter", cwd=folder).stdout
    assert ": done (exit 0)\n" in listed and listed.endswith("  raytemplate ledger show\n")
