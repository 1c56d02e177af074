"""The doors for Python and notebooks, and the only place that binds ports to engines.

spec = load("flights.yaml", set={"training.epochs": 10})
run_ = run(plan(spec, as_of="2013-06-01"))
"""

from __future__ import annotations

import getpass
import os
import socket
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raytemplate.budget import Meter
from raytemplate.errors import (
    EXIT_DONE,
    EXIT_NOT_PROMOTED,
    Interrupted,
    PlanError,
    RaytemplateError,
    UsageError,
)
from raytemplate.execution.journal import Journal
from raytemplate.execution.lock import read_lock, write_lock
from raytemplate.planning.look import champion_of, look
from raytemplate.planning.stages import RunPlan
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.fitted import FitResult
from raytemplate.records.ingested import Snapshot
from raytemplate.records.judged import Verdict, VerdictRecord
from raytemplate.records.promoted import PromotionRecord
from raytemplate.records.run import RunEnd, RunStart, State
from raytemplate.reports.explain import explain
from raytemplate.reports.history import ModelRow, RunRow
from raytemplate.reports.run_shown import RunView, show_run
from raytemplate.spec.load import load as _load
from raytemplate.spec.schema import TemplateSpec
from raytemplate.store.locks import FileLock, is_held
from raytemplate.store.objects import ObjectStore
from raytemplate.store.workspace import Workspace, create, find_run, find_workspace, new_run

if TYPE_CHECKING:
    from raytemplate.execution.ports import Listener
    from raytemplate.execution.registered import Model
    from raytemplate.ledger.head import Move


def load(
    path: str | Path,
    *,
    set: Mapping[str, Any] | None = None,  # noqa: A002  read `load(path, set={...})`, as `--set`
    variant: str | None = None,
) -> TemplateSpec:
    """A template with every layer merged and validated.

    Args:
        set: dotted path -> value, as `--set`.

    Raises:
        SpecError: every problem, each with its place.
        UsageError: the file cannot be read.
    """
    return _load(path, overrides=set, variant=variant, environ=os.environ)


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A plan with the template it was made from; prints as `raytemplate plan` does, also in a notebook."""

    plan: RunPlan
    spec: TemplateSpec | None
    workspace: Workspace

    def __str__(self) -> str:
        return explain(self.plan, file=self.plan.template, command_tail=f"--as-of {self.plan.as_of:%Y-%m-%d}")

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(str(self))}</pre>"


def plan(spec: TemplateSpec, as_of: str = "now", *, workspace: str | None = None) -> Planned:
    """What a run would do. Nothing is started.

    Args:
        as_of: a date or time (UTC unless it has an offset), "now" (the last midnight UTC) or "latest".

    Raises:
        SpecError, DataError, PlanError: what is wrong, where, and what to change.
    """
    from raytemplate.planning.compile import compile as compile_plan

    place = find_workspace(spec.folder, explicit=workspace, environ=os.environ)
    _check_installed(spec)
    return Planned(plan=compile_plan(spec, look(spec, place), as_of), spec=spec, workspace=place)


def _check_installed(spec: TemplateSpec) -> None:
    import importlib.util

    if spec.family == "lightgbm" and importlib.util.find_spec("lightgbm") is None:
        raise PlanError("model.kind lightgbm needs a package that is not installed",
                        next_step="pip install 'raytemplate[trees]'")  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One execution of a plan, seen through its records."""

    journal: Journal

    @property
    def id(self) -> str:
        """The run's id."""
        return self.journal.run_id

    @property
    def plan(self) -> RunPlan:
        """What was to be done."""
        return read_lock(self.journal).plan

    @property
    def snapshot(self) -> Snapshot:
        """Exactly what was read."""
        return self.journal.need(Snapshot)

    @property
    def fit(self) -> FitResult:
        """Epochs and candidate."""
        return self.journal.need(FitResult)

    @property
    def evaluation(self) -> Evaluation:
        """Candidate, champion and baseline on the same rows."""
        return self.journal.need(Evaluation)

    @property
    def verdict(self) -> Verdict:
        """Approved, Held or Rejected."""
        return self.journal.need(VerdictRecord).verdict

    @property
    def promotion(self) -> PromotionRecord | None:
        """What became of the candidate; None if it was rejected."""
        return self.journal.read(PromotionRecord)

    @property
    def end(self) -> RunEnd | None:
        """How it ended; None while it is unfinished."""
        return self.journal.read(RunEnd)

    @property
    def exit_code(self) -> int:
        """0 when its candidate is the champion (or equal to it), 5 when it is held or rejected."""
        promotion = self.promotion
        return EXIT_DONE if promotion is not None and promotion.outcome != "waiting" else EXIT_NOT_PROMOTED

    @property
    def champion_version_after(self) -> int:
        """The champion's version when the run had been judged; 0 if there was none."""
        promotion = self.promotion
        if promotion is not None and promotion.outcome != "waiting":
            return promotion.version
        champion = self.evaluation.champion_ref
        return champion.version if champion else 0

    def row(self) -> RunRow:
        """The run as a line of a list."""
        start, end, evaluation = self.journal.need(RunStart), self.end, self.journal.read(Evaluation)
        active = self.journal.active.exists() and is_held(self.journal.active)
        promotion = self.promotion
        return RunRow(
            run_id=self.id, name=start.name, as_of=start.as_of, started=start.started,
            state=end.state if end else ("running" if active else "unfinished"),
            metric=evaluation.metric if evaluation else "",
            value=evaluation.metrics[evaluation.metric].value if evaluation else None,
            version=promotion.version if promotion else 0,
            wall_clock_s=end.wall_clock_s if end else self.journal.spent_s(), planned_s=start.planned_s,
        )  # fmt: skip

    def view(self) -> RunView:
        """All records there are, for printing."""
        verdict = self.journal.read(VerdictRecord)
        return RunView(
            start=self.journal.need(RunStart), plan=self.plan, snapshot=self.journal.read(Snapshot),
            fit=self.journal.read(FitResult), evaluation=self.journal.read(Evaluation),
            verdict=verdict.verdict if verdict else None, promotion=self.promotion, end=self.end,
        )  # fmt: skip

    def __str__(self) -> str:
        return show_run(self.view())


def run(planned: Planned, *, listener: Listener | None = None, started: float | None = None) -> Run:
    """Execute a plan from its beginning, as a new run with its own budget; blocks until its end.

    Args:
        listener: hears of stages and epochs; default: nobody.
        started: `time.monotonic()` when the clock of the budget began; default: now.

    Raises:
        RaytemplateError: how it failed. A rejected or held candidate is a result, not an error.
    """
    began = time.monotonic() if started is None else started
    create(planned.workspace)
    run_id, folder = new_run(planned.workspace)
    journal = Journal(folder)
    write_lock(journal, planned.plan, planned.spec)
    journal.write(_start_of(planned.plan, run_id))
    return _conduct(planned.plan, journal, planned.workspace, listener, began)


def resume(
    ref: str,
    *,
    workspace: str | None = None,
    listener: Listener | None = None,
    started: float | None = None,
) -> Run:
    """Go on with a run at the first door it has not passed, with what is left of its budget.

    A run that ended is judged again where the champion has moved since; else it is left as it is.

    Raises:
        UsageError: no such run, or another process works on it.
    """
    from raytemplate.execution.decide import is_stale
    from raytemplate.ledger.head import Ledger

    began = time.monotonic() if started is None else started
    place = find_workspace(Path.cwd(), explicit=workspace, environ=os.environ)
    journal = Journal(find_run(place, ref))
    refuse_if_active(journal)
    locked = read_lock(journal).plan
    end = journal.read(RunEnd)
    if is_stale(journal, Ledger(place.governance_db), locked.name):
        for kind in (Evaluation, VerdictRecord, PromotionRecord, RunEnd):
            journal.supersede(kind)
    elif end is not None and end.state == "failed":
        journal.supersede(RunEnd)
    elif end is not None:
        return Run(journal)
    return _conduct(locked, journal, place, listener, began)


def refuse_if_active(journal: Journal) -> None:
    """Stop if another process works on the run.

    Raises:
        UsageError: it does.
    """
    if journal.active.exists() and is_held(journal.active):
        raise UsageError(
            f"run {journal.run_id} is being worked on by another process", next_step="wait until it has ended"
        )


def unfinished(planned: Planned) -> Journal | None:
    """The newest run of the same plan that has not ended and that nobody works on."""
    found = [journal for journal in _journals(planned.workspace) if _is_unfinished(journal, planned.plan.id)]
    return max(found, key=lambda j: j.need(RunStart).started, default=None)


def _is_unfinished(journal: Journal, plan_id: str) -> bool:
    start = journal.read(RunStart)
    if start is None or start.plan_id != plan_id or journal.read(RunEnd) is not None:
        return False
    return not (journal.active.exists() and is_held(journal.active))


def _journals(place: Workspace) -> list[Journal]:
    return [Journal(path.parent) for path in place.runs.glob("*/run.json")] if place.runs.exists() else []


def _start_of(plan_: RunPlan, run_id: str) -> RunStart:
    return RunStart(
        run_id=run_id, name=plan_.name, version=plan_.version, plan_id=plan_.id, template=plan_.template,
        as_of=plan_.as_of, started=datetime.now(UTC), planned_s=plan_.forecast.seconds, host=socket.gethostname(),
        user=getpass.getuser(),
    )  # fmt: skip


def _conduct(plan_: RunPlan, journal: Journal, place: Workspace, listener: Listener | None, began: float) -> Run:
    """Bind engines to ports and walk the stages; leaves nothing running."""
    from raytemplate.engines.bind import Bound

    with ExitStack() as stack:
        stack.enter_context(FileLock(journal.active, 0.0))
        spent_s = journal.spent_s()
        stack.enter_context(journal.attempt(began))
        limits = plan_.limits
        meter = Meter(
            limit_s=limits.time_s, limit_usd=limits.cost_usd, reserve_s=limits.reserve_s, usd_per_s=limits.usd_per_s,
            spent_s=spent_s, started=began,
        )  # fmt: skip
        bound = stack.enter_context(Bound(plan_, journal, place, listener))
        try:
            bound.execution(meter, ObjectStore(place.models), lambda: champion_of(plan_.name, place)).run()
        except (KeyboardInterrupt, Interrupted) as error:
            bound.abandon()
            raise _interrupted(error, journal) from error
        except RaytemplateError as error:
            _failed(journal, plan_, meter, error)
            raise
        except Exception as error:
            _failed(journal, plan_, meter, error)
            raise
    return Run(journal)


def _interrupted(error: BaseException, journal: Journal) -> Interrupted:
    terminated = isinstance(error, Interrupted) and error.terminated
    done = "; nothing was promoted" if journal.read(PromotionRecord) is None else ""
    epochs = journal.epochs()
    safe = f"; training is kept up to epoch {epochs[-1].epoch}" if epochs else ""
    return Interrupted(
        f"{'terminated' if terminated else 'interrupted'}: run {journal.run_id} is unfinished{safe}{done}",
        next_step=f"raytemplate resume {journal.run_id}", terminated=terminated,
    )  # fmt: skip


def _failed(journal: Journal, plan_: RunPlan, meter: Meter, error: Exception) -> None:
    """Keep how it failed: the message in the record of the end, the whole trace in a file."""
    text = "".join(traceback.format_exception(error))
    code = error.exit_code if isinstance(error, RaytemplateError) else 1
    end = RunEnd(
        state="failed", exit_code=code, ended=datetime.now(UTC), wall_clock_s=meter.elapsed_s(),
        cost_usd=meter.spent_usd(), family=plan_.fit.family, timings=(), message=str(error),
    )  # fmt: skip
    try:
        (journal.folder / "error.txt").write_text(text)
        journal.write(end)
    except (OSError, RaytemplateError) as second:
        # A full disk is often why it failed: say so with the first error, and leave the run unfinished.
        error.add_note(f"the failure could not be recorded: {second}")


def promote(ref: str, *, reason: str = "", workspace: str | None = None) -> Run:
    """Judge a run's evidence again and promote its candidate: a person's word where promotion is manual.

    Raises:
        ChampionMoved: the champion is not the one that the evidence was taken against.
        UsageError: no such run, or it has not been evaluated.
    """
    from raytemplate.engines.mlflow.mirror import Mirror
    from raytemplate.execution.decide import decide, evidence_from, refuse_if_stale
    from raytemplate.ledger.head import Ledger

    place = find_workspace(Path.cwd(), explicit=workspace, environ=os.environ)
    journal = Journal(find_run(place, ref))
    refuse_if_active(journal)
    locked, ledger = read_lock(journal).plan, Ledger(place.governance_db)
    evidence_from(journal)
    refuse_if_stale(journal, ledger, locked.name)
    user = getpass.getuser()
    by = f"{user}: {reason}" if reason else user
    decide(journal, locked, ledger, ObjectStore(place.models), actor=user, allowed_by=by)
    Mirror(place, locked.promote.tracking_uri).bring_in_line(locked, journal)
    _rewrite_end(journal)
    return Run(journal)


def _rewrite_end(journal: Journal) -> None:
    """The end of a run whose verdict has changed."""
    end, promotion = journal.read(RunEnd), journal.read(PromotionRecord)
    if end is None:
        return
    states: Mapping[str, State] = {"promoted": "approved", "unchanged": "unchanged", "waiting": "held"}
    state = states[promotion.outcome] if promotion else "rejected"
    journal.write(replace(end, state=state, exit_code=Run(journal).exit_code))


def find(ref: str, *, workspace: str | None = None) -> Run:
    """A run by unique id prefix or "last".

    Raises:
        UsageError: none or several match.
    """
    place = find_workspace(Path.cwd(), explicit=workspace, environ=os.environ)
    return Run(Journal(find_run(place, ref)))


def runs(name: str | None = None, *, workspace: str | None = None) -> Sequence[Run]:
    """All runs of a workspace, or of one template, newest first."""
    place = find_workspace(Path.cwd(), explicit=workspace, environ=os.environ)
    started = [(journal.need(RunStart), journal) for journal in _journals(place)]
    chosen = [(start, journal) for start, journal in started if name in (None, start.name)]
    return tuple(Run(journal) for _, journal in sorted(chosen, key=lambda pair: pair[0].started, reverse=True))


def model(ref: str, *, workspace: str | None = None) -> Model:
    """A registered model, its bytes checked: "name", "name@champion", "name@challenger" or "name/3".

    Raises:
        UsageError: no such model or version.
        IntegrityError: its bytes are not those that were registered.
    """
    from raytemplate.execution.registered import open_model

    return open_model(ref, find_workspace(Path.cwd(), explicit=workspace, environ=os.environ))


def show(ref: str, *, workspace: str | None = None) -> str:
    """A run or a model as text: a run where the reference is one, else a model.

    Raises:
        UsageError: it is neither.
    """
    from raytemplate.execution.catalog import show_registered
    from raytemplate.ledger.head import Ledger

    place = find_workspace(Path.cwd(), explicit=workspace, environ=os.environ)
    name = ref.partition("@")[0].partition("/")[0]
    if name in Ledger(place.governance_db).models():
        return show_registered(ref, place)
    return str(Run(Journal(find_run(place, ref))))


def models(*, workspace: str | None = None) -> list[ModelRow]:
    """Every registered model of a workspace with its champion."""
    from raytemplate.execution.catalog import model_rows

    return model_rows(find_workspace(Path.cwd(), explicit=workspace, environ=os.environ))


def rollback(ref: str, *, reason: str = "", workspace: str | None = None) -> tuple[Move, str]:
    """Make the champion before this one, or a certain version, the champion again.

    Returns:
        The move, and a warning if MLflow could not be brought in line.

    Raises:
        UsageError: no such model or version, or nothing to go back to.
        IntegrityError: the bytes to go back to are not those that were promoted; nothing was moved.
    """
    from raytemplate.engines.mlflow.mirror import Mirror
    from raytemplate.ledger.head import Ledger

    place = find_workspace(Path.cwd(), explicit=workspace, environ=os.environ)
    name, _, version = ref.partition("@")[0].partition("/")
    if version and not version.isdigit():
        raise UsageError(f'got "{ref}", expected a model such as name or name/3')
    ledger = Ledger(place.governance_db)
    target = ledger.rollback_target(name, int(version) if version else None)
    ObjectStore(place.models).open(target.digest)
    move = ledger.rollback(name, getpass.getuser(), reason, to_version=target.version, expected_term=ledger.term(name))
    uri = read_lock(Journal(place.runs / target.run_id)).plan.promote.tracking_uri
    return move, Mirror(place, uri).try_project(name)


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """What `predict` wrote."""

    name: str
    version: int
    num_rows: int
    num_unknown: int


def predict(ref: str, pattern: str, output: Path, *, workspace: str | None = None) -> Predicted:
    """Score Parquet files with a registered model on Ray Data; the output is complete or absent.

    Raises:
        UsageError: no such model or version, or the output cannot be written.
        DataError: no such file, or a column the model needs is missing.
    """
    from raytemplate.data.sources.parquet import find_files
    from raytemplate.engines.ray.predict import predict_files

    opened = model(ref, workspace=workspace)
    files = find_files(pattern, Path.cwd())
    if not output.absolute().parent.is_dir():
        raise UsageError(f"{output}: there is no folder {output.absolute().parent.name} to write it to")
    num_rows, num_unknown = predict_files(
        opened.folder, opened.version, tuple(str(f) for f in files), opened.saved.about.keys, output
    )
    return Predicted(name=opened.name, version=opened.version, num_rows=num_rows, num_unknown=num_unknown)


def read_plan(path: Path, *, workspace: str | None = None) -> Planned:
    """A plan that `plan --save` wrote, for `run`.

    Raises:
        UsageError: no such file.
        IntegrityError: not a plan.
    """
    from raytemplate.records import codec

    if not path.is_file():
        raise UsageError(f"{path}: no such file", next_step="raytemplate plan FILE --save " + str(path))
    found = codec.loads(RunPlan, path.read_bytes(), where=str(path))
    place = find_workspace(Path(found.template).absolute().parent, explicit=workspace, environ=os.environ)
    return Planned(plan=found, spec=None, workspace=place)
