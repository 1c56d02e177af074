"""The doors for Python and notebooks, and the only place that binds ports to engines.

spec = load("flights.yaml", set={"training.epochs": 10})
run_ = run(plan(spec, as_of="2013-06-01"))
"""

from __future__ import annotations

import getpass
import os
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raytemplate.errors import Interrupted, PlanError, UsageError
from raytemplate.execution.interrupted import interrupted
from raytemplate.execution.journal import Journal
from raytemplate.execution.lock import read_lock, write_lock
from raytemplate.execution.runs import Run, is_unfinished, journals, refuse_if_active, rewrite_end
from raytemplate.planning.look import look
from raytemplate.planning.stages import RunPlan
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.judged import VerdictRecord
from raytemplate.records.promoted import PromotionRecord
from raytemplate.records.run import RunEnd, RunStart
from raytemplate.reports.explain import explain
from raytemplate.reports.history import ModelRow
from raytemplate.spec.load import load as _load
from raytemplate.spec.schema import TemplateSpec
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


def unfinished(planned: Planned) -> Journal | None:
    """The newest run of the same plan that has not ended and that nobody works on."""
    found = [journal for journal in journals(planned.workspace) if is_unfinished(journal, planned.plan.id)]
    return max(found, key=lambda j: j.need(RunStart).started, default=None)


def _conduct(plan_: RunPlan, journal: Journal, place: Workspace, listener: Listener | None, began: float) -> Run:
    try:
        # Importing takes long enough to be interrupted in, too.
        from raytemplate.engines.conduct import conduct

        conduct(plan_, journal, place, listener, began)
    except (KeyboardInterrupt, Interrupted) as error:
        from raytemplate.ledger.head import Ledger

        raise interrupted(error, journal, Ledger(place.governance_db).head(plan_.name)) from error
    return Run(journal)


def _start_of(plan_: RunPlan, run_id: str) -> RunStart:
    return RunStart(
        run_id=run_id, name=plan_.name, version=plan_.version, plan_id=plan_.id, template=plan_.template,
        as_of=plan_.as_of, started=datetime.now(UTC), planned_s=plan_.forecast.seconds, host=socket.gethostname(),
        user=getpass.getuser(),
    )  # fmt: skip


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
    rewrite_end(journal)
    return Run(journal)


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
    started = [(journal.need(RunStart), journal) for journal in journals(place)]
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
    """Score Parquet, CSV or JSON Lines files with a registered model on Ray Data; the output is complete or absent.

    CSV files are read as those that the model was made from. The output is CSV if its name ends in .csv, else Parquet.

    Raises:
        UsageError: no such model or version, or the output cannot be written.
        DataError: no such file, or a column the model needs is missing.
    """
    from raytemplate.data.sources.reader import list_files
    from raytemplate.engines.ray.predict import predict_files

    opened = model(ref, workspace=workspace)
    source = list_files("auto", opened.saved.about.order(pattern, Path.cwd()))
    if not output.absolute().parent.is_dir():
        raise UsageError(f"{output}: there is no folder {output.absolute().parent.name} to write it to")
    num_rows, num_unknown = predict_files(opened.folder, opened.version, source, opened.saved.about, output)
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
