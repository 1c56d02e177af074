"""The doors that only read: runs, models, differences, reports. Nothing is started and nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from raytemplate.api.workspaces import journal_of, workspace_at
from raytemplate.errors import UsageError
from raytemplate.execution.handover import candidate_of
from raytemplate.execution.journal import Journal
from raytemplate.execution.lock import read_lock
from raytemplate.execution.run_log import read_log
from raytemplate.history.run_list import Runs, list_runs
from raytemplate.history.runs import Run
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.submitted import SubmittedJob
from raytemplate.reports.differences import Differences
from raytemplate.reports.history import ModelRow
from raytemplate.reports.model_shown import ModelView
from raytemplate.reports.trials_shown import Trials
from raytemplate.reports.version_shown import VersionView
from raytemplate.store.workspace import Workspace

if TYPE_CHECKING:
    from raytemplate.history.registered import Model
    from raytemplate.history.verified import Verified
    from raytemplate.reports.feature_set_shown import FeatureSetView
    from raytemplate.reports.lineage_shown import Lineage, SeenBy
    from raytemplate.reports.site.views import LedgerView


def find(ref: str | Run, *, workspace: str | None = None) -> Run:
    """A run by unique id prefix or "last", or a run itself, read anew.

    Raises:
        UsageError: none or several match.
    """
    return _run_seen(workspace_at(workspace), ref)


def _run_seen(workspace: Workspace, ref: str | Run) -> Run:
    """A run; if it was submitted and is not judged yet, with what its cluster has written so far."""
    journal = journal_of(workspace, ref)
    job = journal.read(SubmittedJob)
    if job is not None and journal.read(Evaluation) is None:
        journal = Journal(journal.folder, also=candidate_of(journal).folder)
    return Run(journal)


def logs(ref: str | Run, *, events: bool = False, workspace: str | None = None) -> Iterator[str]:
    """The output of a run's Ray: first everything so far, then what is added while its job lives.

    Args:
        events: whether to give what happened to the run instead, one JSON object a line.
    """
    from raytemplate.conducting.submitted import job_log

    journal = find(ref, workspace=workspace).journal
    return read_log(journal) if events else job_log(journal)


def runs(name: str | None = None, *, states: tuple[str, ...] = (), workspace: str | None = None) -> Runs:
    """All runs of a workspace, or of one template, newest first; only those in one of `states` if any are given.

    A run with a damaged record is listed under `damaged` alone.
    """
    return list_runs(workspace_at(workspace), name=name, states=states)


def model(ref: str, *, workspace: str | None = None) -> Model:
    """A registered model, its bytes checked: "name", "name@champion", "name@challenger" or "name/3".

    Raises:
        UsageError: no such model or version.
        IntegrityError: its bytes are not those that were registered.
    """
    from raytemplate.history.registered import open_model

    return open_model(ref, workspace_at(workspace))


def show(ref: str, *, check: bool = False, workspace: str | None = None) -> Run | ModelView | VersionView:
    """What a reference names: a model, a version of one ("name@champion", "name/3"), or a run. Each can be printed.

    A run is shown from its own records, even if the ledger is lost.

    Args:
        check: for a model, ask MLflow whether its copy is what the ledger says, also on a server, and hash its files.

    Raises:
        UsageError: no such model, version or run.
        IntegrityError: there is no such run, and the ledger that names the models is lost or was edited.
    """
    from raytemplate.history.catalog import registered_model, registered_version
    from raytemplate.history.registered import is_model, journal_behind

    found_in = workspace_at(workspace)
    if is_model(ref, found_in):
        in_versions = "@" in ref or "/" in ref
        return registered_version(ref, found_in) if in_versions else registered_model(ref, found_in, check=check)
    return _run_seen(found_in, Run(journal_behind(ref, found_in, "show")))


def diff(a: str | Run, b: str | Run, *, workspace: str | None = None) -> Differences:
    """What differs between two runs, each a unique id prefix, "last", "last~1" (the one before) or a run.

    Raises:
        UsageError: none or several match.
    """
    from raytemplate.history.differences import differences

    return differences(find(a, workspace=workspace), find(b, workspace=workspace))


def lineage(ref: str | Run, *, workspace: str | None = None) -> Lineage | SeenBy | FeatureSetView:
    """What a run or a registered model was made from; for a path, the runs and models that have read it; for a feature
    set, those that have taken it.

    Args:
        ref: a run, its unique id prefix or "last"; a model ("name", "name@champion", "name/3"); a feature set
            ("features/name/3"); a file or folder.

    Raises:
        UsageError: no such run, model or feature set, or no run has read the file.
        IntegrityError: a record of its run is missing or edited, or the files of the feature set are gone.
    """
    from raytemplate.history import lineage as told
    from raytemplate.history.feature_sets import feature_set, is_feature_set

    found_in = workspace_at(workspace)
    if isinstance(ref, str) and is_feature_set(ref, found_in):
        return feature_set(ref, found_in)
    if isinstance(ref, str) and told.is_file(ref, found_in):
        return told.seen_by(ref, found_in)
    return told.lineage_of(ref if isinstance(ref, str) else ref.id, found_in)


def statement(ref: str | Run, *, workspace: str | None = None) -> bytes:
    """The in-toto statement about what made a run's model, as JSON: as the run kept it, or made now.

    Args:
        ref: a run, its unique id prefix or "last"; or a model ("name", "name@champion", "name/3").

    Raises:
        UsageError: no such run or model.
        IntegrityError: a record of its run is missing or edited, or the kept statement was edited.
    """
    from raytemplate.history.lineage import statement_of

    return statement_of(ref if isinstance(ref, str) else ref.id, workspace_at(workspace))


def report(ref: str | Run, *, workspace: str | None = None) -> str:
    """A run (unique id prefix, "last" or the run itself) as one self-contained HTML page.

    Raises:
        UsageError: none or several match.
    """
    from raytemplate.history.reported import report_of

    found_in = workspace_at(workspace)
    return report_of(_run_seen(found_in, ref), found_in)


def trials(ref: str | Run, *, workspace: str | None = None) -> Trials:
    """The trials of a run's sweep so far; prints as `raytemplate show RUN --trials` does.

    Raises:
        UsageError: no such run, or it has no sweep.
    """
    found = _swept_run(ref, workspace)
    return Trials(plan=found.plan, trials=found.trials, best=found.sweep.best if found.sweep else None)


def winning_template(ref: str | Run, *, workspace: str | None = None) -> str:
    """A template that trains with the values of the sweep's winner, as YAML.

    Raises:
        UsageError: no such run, it has no sweep, or its sweep has not ended.
    """
    from raytemplate.reports.trials_shown import winning_template as written

    found = _swept_run(ref, workspace)
    if found.sweep is None:
        raise UsageError(f"the sweep of run {found.id} has not ended", next_step=f"raytemplate resume {found.id}")
    lock = read_lock(found.journal)
    return written(found.plan, lock.resolved, lock.origins, found.sweep.best, found.id)


def _swept_run(ref: str | Run, workspace: str | None) -> Run:
    found = find(ref, workspace=workspace)
    if found.plan.sweep is None:
        raise UsageError(
            f"run {found.id} has no sweep: its template has no tuning.space",
            next_step=f"raytemplate show {found.id}",
        )
    return found


def models(*, workspace: str | None = None) -> list[ModelRow]:
    """Every registered model of a workspace with its champion."""
    from raytemplate.history.catalog import model_rows

    return model_rows(workspace_at(workspace))


def ledger(*, workspace: str | None = None) -> LedgerView:
    """Every event of the ledger, oldest first, and everything that is wrong with it.

    Raises:
        IntegrityError: it is lost, or an event cannot be read.
    """
    from raytemplate.history.catalog import ledger_view

    return ledger_view(workspace_at(workspace))


def export_ledger(file: str | Path, *, workspace: str | None = None) -> int:
    """Write the ledger with its public keys as JSON Lines, which `verify_ledger(file)` checks anywhere.

    Returns:
        How many events it has.

    Raises:
        IntegrityError: something is wrong with the ledger.
        UsageError: the file cannot be written.
    """
    from raytemplate.history.verified import export_ledger as export

    return export(Path(file), workspace_at(workspace))


def verify_ledger(
    file: str | Path | None = None, *, against: str | Path | None = None, workspace: str | None = None
) -> Verified:
    """Check the whole ledger and list everything that is wrong with it, in words.

    Args:
        file: an exported ledger to check, in place of the workspace's.
        against: a file of checkpoints to compare with, beside those that are found without it.

    Raises:
        UsageError: this user cannot read it.
    """
    from raytemplate.history import verified

    compare = None if against is None else Path(against)
    if file is not None:
        return verified.verify_export(Path(file), against=compare)
    return verified.verify_ledger(workspace_at(workspace), against=compare)
