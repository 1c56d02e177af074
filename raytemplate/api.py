"""The doors for Python and notebooks. Those that act are here; those that look are in `looking`.

spec = load("flights.yaml", set={"training.epochs": 10})
run_ = run(plan(spec, as_of="2013-06-01"))
"""

from __future__ import annotations

import getpass
import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from raytemplate import plugins
from raytemplate.errors import (
    BudgetSpent,
    DataError,
    IntegrityError,
    Interrupted,
    PlanError,
    RaytemplateError,
    SpecError,
    UsageError,
    was_terminated,
)
from raytemplate.execution.begin import begin
from raytemplate.execution.interrupted import interrupted
from raytemplate.execution.journal import Journal
from raytemplate.execution.lock import read_lock
from raytemplate.execution.run_log import logged
from raytemplate.execution.runs import Run, is_unfinished, journals, rewrite_end, working_on
from raytemplate.execution.time_left import refuse_spent
from raytemplate.looking import (
    diff,
    find,
    found_run,
    logs,
    model,
    models,
    report,
    runs,
    show,
    trials,
    verify_ledger,
    winning_template,
)
from raytemplate.models.options import Family
from raytemplate.planning.addresses import is_jobs_api, refuse_jobs_api, refuse_other_than_jobs_api
from raytemplate.planning.look import champion_of, look
from raytemplate.planning.stages import RunPlan, id_of
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.judged import VerdictRecord
from raytemplate.records.promoted import PromotionRecord
from raytemplate.records.run import RunEnd, RunStart
from raytemplate.records.submitted import SubmittedJob
from raytemplate.redact import redact
from raytemplate.reports.explain import explain
from raytemplate.secret import resolve
from raytemplate.spec.load import load as _load
from raytemplate.spec.schema import Origin, TemplateSpec
from raytemplate.store.locks import is_held
from raytemplate.store.workspace import Workspace, create, find_run, find_workspace, new_run
from raytemplate.units import parse_moment, show_moment

__all__ = [
    "Planned", "Predicted", "check", "diff", "find", "load", "logs", "model", "models", "plan", "predict", "promote",
    "read_plan", "report", "resume", "rollback", "run", "runs", "save_plan", "show", "stop", "submit",
    "trials", "unfinished", "verify_ledger", "winning_template",
]  # fmt: skip

if TYPE_CHECKING:
    from raytemplate.data.sources.listing import SourceTable
    from raytemplate.execution.ports import Listener
    from raytemplate.ledger.head import Head, Move
    from raytemplate.planning.inventory import Cluster, Inventory


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
    address: str = ""

    def __str__(self) -> str:
        as_of = self.plan.as_of
        shown = show_moment(as_of) if parse_moment(show_moment(as_of)) == as_of else as_of.isoformat()
        there = f" --address {quote(self.address)}" if self.address else ""
        return explain(self.plan, file=self.plan.template, command_tail=f"--as-of {shown}{there}", address=self.address)

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(str(self))}</pre>"


def plan(
    spec: TemplateSpec, as_of: str = "now", *, data: object = None, workspace: str | None = None,
    address: str | None = None,
) -> Planned:  # fmt: skip
    """What a run would do. Nothing is started.

    Args:
        as_of: a date or time (UTC unless it has an offset), "now" (the last midnight UTC) or "latest".
        data: an Arrow table, or a pandas or polars frame, in the place of `data.source`; it is kept in the workspace.
        address: a Ray that already runs: "auto", "host:port", or the "http://host:8265" of its Jobs API.

    Raises:
        SpecError, DataError, PlanError: what is wrong, where, and what to change.
    """
    from raytemplate.planning.compile import compile as compile_plan
    from raytemplate.planning.features import every_variant

    place = find_workspace(spec.folder, explicit=workspace, environ=os.environ)
    _check_installed(spec)
    if data is not None:
        spec = _with_frame(spec, data, place)
    found = _look(spec, place, _cluster(address) if address else None)
    plan_ = compile_plan(spec, found, as_of)
    for step in every_variant(spec, plan_.ingest.features):
        plugins.load(plugins.FEATURES, step.kind)  # now, rather than on a worker: a package's may not be importable
    return Planned(plan=plan_, spec=spec, workspace=place, address=address or "")


def check(spec: TemplateSpec) -> tuple[str, ...]:
    """Compare what a template asks of its data with the names and types of the columns, within a second.

    Returns:
        Warnings: that the data could not be looked at, and why; what is likely to be a problem.

    Raises:
        SpecError: every problem, each with its place.
    """
    from raytemplate.planning.glance import check_data

    return check_data(spec)


def _look(spec: TemplateSpec, place: Workspace, cluster: Cluster | None) -> Inventory:
    """The inventory; where files do not fit the template, all that is wrong with its columns instead of the first."""
    from raytemplate.planning.glance import problems_at_a_glance

    try:
        return look(spec, place, cluster)
    except DataError:
        if problems := problems_at_a_glance(spec):
            raise SpecError(problems) from None
        raise


def _to_write(workspace: str | None) -> Workspace:
    """The workspace of a command that works on what is there, whole again where a backup left out empty folders.

    Where there is none, none is made: whatever is asked of it will not be found, and its place may be mistyped.

    Raises:
        UsageError: it cannot be written.
    """
    place = find_workspace(Path.cwd(), explicit=workspace, environ=os.environ)
    if place.root.is_dir():
        create(place)
    return place


def _with_frame(spec: TemplateSpec, data: object, place: Workspace) -> TemplateSpec:
    """The template with a table of this process as its source; the run's lock then names the file that it became."""
    from raytemplate.planning.frames import frame_as_read
    from raytemplate.store.frames import keep_frame

    table = frame_as_read(data, spec)
    create(place)
    changed = {"source": keep_frame(table, place), "format": "parquet"}
    origins = {**spec.origins, **{f"data.{name}": Origin(layer="plan(data=...)") for name in changed}}
    resolved = {**spec.resolved, "data": {**spec.resolved["data"], **changed}}
    return replace(spec, data=spec.data.model_copy(update=changed), origins=origins, resolved=resolved)


def _cluster(address: str) -> Cluster:
    if is_jobs_api(address):
        from raytemplate.engines.ray.jobs.client import Jobs

        return Jobs(address).cluster()
    from raytemplate.engines.ray.clusters.attached import cluster_at

    return cluster_at(address)


def _check_installed(spec: TemplateSpec) -> None:
    import importlib.util

    family: Family = plugins.load(plugins.FAMILIES, spec.family)
    missing = [name for name in family.packages if importlib.util.find_spec(name) is None]
    if missing:
        raise PlanError(f"model.kind {spec.family} needs {' and '.join(missing)}, not installed here",
                        next_step=f"pip install {_what_brings(family, missing)}")  # fmt: skip


def _what_brings(family: Family, missing: list[str]) -> str:
    return f"'raytemplate[{family.extra}]'" if family.extra else " ".join(missing)


def run(
    planned: Planned, *, listener: Listener | None = None, quiet: bool = False, started: float | None = None
) -> Run:
    """Execute a plan from its beginning, as a new run with its own budget; blocks until its end.

    Args:
        listener: hears of stages and epochs; default: whoever reads stderr or the cell of the notebook, in lines.
        quiet: nobody does.
        started: `time.monotonic()` when this process, the run's own, began: the clock of the budget, and if the
            process outlasts that by two seconds, it ends or is ended from outside. Default: now, and this process is
            never ended: own code is trained in another one, which is, and all else interrupted as by Ctrl-C.

    Raises:
        RaytemplateError: how it failed. A rejected or held candidate is a result, not an error.
    """
    began = time.monotonic() if started is None else started
    refuse_jobs_api(planned.address, f"raytemplate submit {quote(planned.plan.template)} --address {planned.address}")
    _need_secrets(planned.plan)
    champion_of(planned.plan.name, planned.workspace)  # a ledger that is lost or was edited is found before training
    create(planned.workspace)
    _, folder = new_run(planned.workspace)
    with working_on(Journal(folder)):
        journal = begin(folder, planned.plan, planned.spec, planned.address)
        return _conduct(
            planned.plan, journal, planned.workspace, listener or _teller(quiet), began, own=started is not None
        )


def resume(
    ref: str,
    *,
    address: str | None = None,
    workspace: str | None = None,
    listener: Listener | None = None,
    quiet: bool = False,
    started: float | None = None,
) -> Run:
    """Go on with a run at the first door it has not passed, with what is left of its budget.

    A run that ended is judged again where the champion has moved since; else it is left as it is.
    The other arguments are those of `run`.

    Args:
        address: another Ray than it was begun on: a Jobs API for a submitted run, else auto or host:port. The nodes
            there must see the run's files under the same paths.

    Raises:
        BudgetSpent: nothing is left of the budget, or of what is kept to judge a candidate; nothing was started.
        UsageError: no such run, another process works on it, or an address that is not for it.
    """
    from raytemplate.execution.decide import is_stale
    from raytemplate.ledger.opening import open_ledger

    began = time.monotonic() if started is None else started
    place = _to_write(workspace)
    journal = Journal(find_run(place, ref))
    locked, ledger = read_lock(journal).plan, open_ledger(place)
    ledger.head(locked.name)
    _need_secrets(locked)
    with working_on(journal):
        end = journal.read(RunEnd)
        stale = locked.govern.promotable and is_stale(journal, ledger, locked.name)
        if end is not None and end.state != "failed" and not stale:
            _tell_mlflow(locked, journal, place)
            return Run(journal)
        _refuse_spent(locked, journal, began)
        if address:
            from raytemplate.conducting.moving import move

            move(journal, locked, address, _cluster)
        # The end first: stopped in between, the run is unfinished, and not one that ended without a verdict.
        for kind in (RunEnd, PromotionRecord, VerdictRecord, Evaluation) if stale else (RunEnd,):
            journal.supersede(kind)
        return _conduct(locked, journal, place, listener or _teller(quiet), began, again=True, own=started is not None)


def _refuse_spent(plan_: RunPlan, journal: Journal, began: float) -> None:
    """Begin nothing where the budget is spent; a run that nobody had ended has ended then."""
    from raytemplate.execution.failure import record_failure
    from raytemplate.execution.handover import candidate_of, spent_on

    meter, candidate = plan_.limits.meter(spent_on(journal, plan_.limits.usd_per_s), began), candidate_of(journal)
    if candidate is not journal and is_held(candidate.active):
        return  # its job works on it, and is ended there
    try:
        refuse_spent(plan_, journal, meter, candidate)
    except BudgetSpent as error:
        record_failure(journal, plan_, meter, error)
        raise


def _tell_mlflow(plan_: RunPlan, journal: Journal, place: Workspace) -> None:
    """Bring MLflow's copy of a promotion in line, where whoever promoted did not come to it."""
    promotion = journal.read(PromotionRecord)
    if promotion is not None and promotion.outcome == "promoted" and not promotion.projected:
        from raytemplate.engines.mlflow.mirror import Mirror

        Mirror(place, plan_.promote.tracking_uri).bring_in_line(plan_, journal)


def _need_secrets(plan_: RunPlan) -> None:
    """Whoever refers to a secret is told that it is missing now, and not when the model has been trained."""
    resolve(plan_.promote.tracking_uri, "tracking.uri", os.environ)


def unfinished(planned: Planned) -> Journal | None:
    """The newest run of the same plan that has not ended and that nobody works on."""
    found = [journal for journal in journals(planned.workspace) if is_unfinished(journal, planned.plan)]
    return max(found, key=lambda j: j.need(RunStart).started, default=None)


def submit(
    planned: Planned, *, key: str = "", detach: bool = False, listener: Listener | None = None,
    quiet: bool = False, started: float | None = None,
) -> Run:  # fmt: skip
    """Execute a plan on the cluster whose Jobs API is at `planned.address`; judge and promote here.

    Args:
        key: the same plan sent twice with one key is one job, and one run.
        detach: come back when the job is sent; `resume` then follows and judges it.
        listener, quiet: see `run`.

    Raises:
        PlanError: no storage that both sides see.
        RaytemplateError: how it failed, as `run` would.
    """
    from raytemplate.conducting.sending import send_new
    from raytemplate.execution.keys import sent_before, storage_of

    began = time.monotonic() if started is None else started
    refuse_other_than_jobs_api(planned.address)
    storage = storage_of(planned.plan)
    _need_secrets(planned.plan)
    champion_of(planned.plan.name, planned.workspace)
    create(planned.workspace)
    journal = sent_before(planned.plan, planned.workspace, key) or send_new(
        planned.plan, planned.spec, planned.workspace, address=planned.address, storage=storage, key=key, began=began
    )
    end = journal.read(RunEnd)
    if end is not None and end.state == "failed" and not detach:
        raise UsageError(f"run {journal.run_id}, sent with this key, has failed: {end.message}",
                         next_step=f"raytemplate resume {journal.run_id}")  # fmt: skip
    if detach or end is not None:
        return Run(journal)
    with working_on(journal):
        return _conduct(
            planned.plan, journal, planned.workspace, listener or _teller(quiet), began, own=started is not None
        )


def _teller(quiet: bool) -> Listener | None:
    from raytemplate.reports.lines import Lines

    return None if quiet else Lines()


def _conduct(
    plan_: RunPlan, journal: Journal, place: Workspace, listener: Listener | None, began: float, *, again: bool = False,
    own: bool,
) -> Run:  # fmt: skip
    with logged(journal, listener) as heard:
        try:
            # Importing takes long enough to be interrupted in, too.
            if journal.read(SubmittedJob) is None:
                from raytemplate.conducting.conduct import conduct

                conduct(plan_, journal, place, heard, began, own=own)
            else:
                from raytemplate.conducting.submitted import conduct_submitted

                conduct_submitted(plan_, journal, place, heard, began, again=again)
        except (KeyboardInterrupt, Interrupted) as error:
            raise interrupted(error, journal, _head_if_known(place, plan_.name)) from error
    return Run(journal)


def _head_if_known(place: Workspace, model_: str) -> Head | None:
    """For whoever is told that the run was interrupted: that comes first, whatever has become of the ledger."""
    from raytemplate.ledger.opening import open_ledger

    with suppress(RaytemplateError):
        return open_ledger(place).head(model_)
    return None


def promote(ref: str, *, reason: str = "", workspace: str | None = None) -> Run:
    """Judge a run's evidence again and promote its candidate: a person's word where promotion is manual.

    A run that was promoted and is the champion still is left as it is.

    Raises:
        ChampionMoved: the champion is not the one that the evidence was taken against.
        UsageError: no such run, or it has not been evaluated.
    """
    from raytemplate.conducting.promoter import PromoterProcess
    from raytemplate.execution.artifacts import write_model_card
    from raytemplate.ledger.opening import open_ledger

    place = _to_write(workspace)
    ledger = open_ledger(place)
    journal = found_run(place, ref)
    locked, user = read_lock(journal).plan, getpass.getuser()
    ledger.head(locked.name)  # edited: refused before a process is started
    by = redact(f"{user}: {reason}") if reason else user
    with working_on(journal):
        try:
            with PromoterProcess(place, None, journal.log, user) as promoter:
                promoter.promote(journal, by)
                if journal.read(SubmittedJob) is not None and journal.read(RunEnd) is None:
                    from raytemplate.conducting.submitted import finish

                    finish(locked, journal, place, None, time.monotonic(), journal.spent(), promoter)
                rewrite_end(journal)
                write_model_card(journal, locked)
                # Last: it may take a while, and whoever interrupts it has a whole record all the same.
                promoter.project(journal)
        except (KeyboardInterrupt, Interrupted) as error:
            raise interrupted(error, journal, _head_if_known(place, locked.name)) from error
    return Run(journal)


def stop(ref: str, *, workspace: str | None = None) -> Run:
    """End the job of a submitted run; what it has trained is kept.

    Raises:
        UsageError: the run was not submitted.
    """
    from raytemplate.conducting.submitted import stop_job

    run_ = find(ref, workspace=workspace)
    stop_job(run_.journal)
    return run_


def rollback(ref: str, *, reason: str = "", workspace: str | None = None) -> tuple[Move, str]:
    """Make the champion before this one, or a certain version, the champion again.

    Returns:
        The move, and a warning if MLflow could not be brought in line.

    Raises:
        UsageError: no such model or version, or nothing to go back to.
        IntegrityError: the bytes to go back to are not those that were promoted; nothing was moved.
    """
    from raytemplate.conducting.promoter import PromoterProcess
    from raytemplate.ledger.opening import open_ledger

    place = _to_write(workspace)
    name, _, version = ref.partition("@")[0].partition("/")
    if version and not version.isdigit():
        raise UsageError(f'got "{ref}", expected a model such as name or name/3')
    number = int(version) if version else None
    ledger = open_ledger(place)
    ledger.rollback_target(name, number)
    before = ledger.term(name)
    try:
        with PromoterProcess(place, None, place.root / "promoter.log", getpass.getuser()) as promoter:
            return promoter.roll_back(name, number, redact(reason)), promoter.project_model(name)
    except (KeyboardInterrupt, Interrupted) as error:
        raise _rollback_interrupted(error, name, _head_if_known(place, name), before) from error


def _rollback_interrupted(error: BaseException, name: str, head: Head | None, term_before: int) -> Interrupted:
    """The promoter has ended by now: the head has moved or it has not."""
    done = "nothing was moved"
    if head is not None and head.term > term_before:
        done = f"version {head.version} is the champion of {name} again; MLflow may not know it yet"
    return Interrupted(
        f"interrupted: {done}", next_step=f"raytemplate show {name}", terminated=was_terminated(error)
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """What `predict` wrote."""

    name: str
    version: int
    num_rows: int
    num_unknown: int
    left_out: str = ""
    """What lies in the folder and was not scored, in words."""


def predict(ref: str, pattern: str, output: Path | str, *, workspace: str | None = None) -> Predicted:
    """Score Parquet, CSV or JSON Lines files with a registered model on Ray Data; the output is complete or absent.

    CSV files are read as those that the model was made from. The output is CSV if its name ends in .csv, else Parquet.
    Both may be URIs, in the object store of `data.storage` of the model's template.

    Raises:
        UsageError: no such model or version, or the output cannot be written.
        DataError: no such file, or a column the model needs is missing.
    """
    from raytemplate.data.sources.folders import say_left_out
    from raytemplate.data.sources.reader import list_files
    from raytemplate.data.sources.storage import written_to
    from raytemplate.engines.ray.scoring.predict import predict_files

    opened = model(ref, workspace=workspace)
    opened.saved.check_keys()
    about = opened.saved.about
    source = list_files("auto", about.order(pattern, Path.cwd()))
    _check_scored_columns(source, about.columns, ref)
    with written_to(str(output), about.storage) as file:
        _check_output(str(output), file, source, about.keys)
        num_rows, num_unknown = predict_files(opened.folder, opened.version, source, about, file)
    return Predicted(name=opened.name, version=opened.version, num_rows=num_rows, num_unknown=num_unknown,
                     left_out=say_left_out(source.left_out))  # fmt: skip


def _check_scored_columns(source: SourceTable, columns: tuple[str, ...], ref: str) -> None:
    missing = [column for column in columns if column not in source.schema]
    if not missing:
        return
    there = tuple(source.schema)
    glued = there[0] if len(there) == 1 and all(column in there[0] for column in missing) else ""
    raise DataError(
        f"{source.files[0].path}: no column {', '.join(missing)}, which {ref} was trained on; "
        f"{plugins.suggest(missing[0], there)}",
        next_step="write it with the separator of the files that the model was made from" if glued else "",
    )


_NESTED = ("list", "large_list", "fixed_size_list", "struct", "map")


def _check_output(output: str, file: Path, source: SourceTable, keys: tuple[str, ...]) -> None:
    nested = [key for key in keys if source.schema.get(key, "").startswith(_NESTED)]
    if nested and output.endswith(".csv"):
        raise UsageError(
            f"{output}: the key {nested[0]} is {source.schema[nested[0]]}, for which CSV has no form",
            next_step="name an OUT that ends in .parquet",
        )
    if file.is_dir():
        raise UsageError(f"{output}: is a folder, expected a file to write", next_step="name an OUT such as out.csv")
    if not file.absolute().parent.is_dir():
        raise UsageError(f"{output}: there is no folder {file.absolute().parent.name} to write it to")
    read = {one.path for one in source.files}
    if output in read or file.resolve() in {(Path(source.root) / path).resolve() for path in read}:
        raise UsageError(
            f"{output}: is one of the files to score; it would be overwritten", next_step="name another OUT"
        )


def save_plan(planned: Planned, path: Path) -> None:
    """Write a plan for `read_plan`, here or in a copy of the project elsewhere: it names its template from where it is.

    Raises:
        Unavailable, UsageError: `path` cannot be written.
    """
    from raytemplate.records import codec
    from raytemplate.store.atomic import write_atomic

    write_atomic(path, codec.dumps(_moved(planned.plan, lambda place: os.path.relpath(place, path.absolute().parent))))


def _moved(plan_: RunPlan, move: Callable[[str], str]) -> RunPlan:
    """A plan whose template and data are named from elsewhere."""
    return replace(plan_, template=move(plan_.template), ingest=replace(plan_.ingest, root=move(plan_.ingest.root)))


def read_plan(path: Path, *, workspace: str | None = None) -> Planned:
    """A plan that `plan --save` wrote, for `run`.

    Raises:
        UsageError: no such file, or not a plan.
        IntegrityError: a plan that was edited.
    """
    from raytemplate.records import codec

    again = f"raytemplate plan FILE --save {quote(str(path))}"
    if not path.is_file():
        raise UsageError(f"{path}: {'is a folder' if path.is_dir() else 'no such file'}", next_step=again)
    try:
        found = codec.loads(RunPlan, path.read_bytes(), where="it")
    except IntegrityError as error:
        raise UsageError(f"{path}: expected a plan that plan --save wrote; {error.what}",
                         next_step=error.next_step or again) from error  # fmt: skip
    beside = path.absolute().parent
    found = _moved(found, lambda place: str(Path(os.path.normpath(beside / place))))
    if id_of(json.loads(path.read_bytes())) != found.id:  # as it is written: an earlier version wrote fewer fields
        raise IntegrityError(
            f"{path}: edited since it was saved: it is not plan {found.id} any more",
            next_step=f"raytemplate plan {quote(found.template)} --save {quote(str(path))}",
        )
    place = find_workspace(Path(found.template).parent, explicit=workspace, environ=os.environ)
    return Planned(plan=replace(found, template=os.path.relpath(found.template)), spec=None, workspace=place)
