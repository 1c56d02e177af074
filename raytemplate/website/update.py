"""Brings a site up to date: reads the runs that have changed, and writes the pages whose content has changed."""

from __future__ import annotations

import os
from collections.abc import Collection, Generator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from raytemplate.errors import UsageError
from raytemplate.execution.journal import Journal
from raytemplate.history.run_list import all_journals
from raytemplate.reports.history import DamagedRow
from raytemplate.reports.site import names
from raytemplate.reports.site.pages import index_page, ledger_page, model_page
from raytemplate.reports.site.views import IndexView, ModelEntry
from raytemplate.store.digests import sha256_bytes
from raytemplate.store.locks import FileLock
from raytemplate.store.workspace import Workspace
from raytemplate.website.described import described, entry_of
from raytemplate.website.destination import Destination
from raytemplate.website.memory import MEMORY, KnownModel, KnownRun, Memory, dumped, made_by, read_memory
from raytemplate.website.pages import Pages
from raytemplate.website.registered import Registered, RegisteredModel, read_registered
from raytemplate.website.rendering import rendered
from raytemplate.website.summary import stamp

_WAIT_S = 60.0
"""Seconds to wait for another process that updates a site of the same workspace."""
_FOLDERS = ("", names.MODELS, names.RUNS)


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteWritten:
    """A site after it was brought up to date."""

    num_models: int
    num_runs: int
    num_held: int
    """Runs that wait for a person."""
    num_pages: int
    """All pages of the site."""
    num_written: int
    """Pages that were new or had changed."""
    num_removed: int
    """Pages of runs and models that are no longer in the workspace."""
    faults: tuple[str, ...] = ()
    """What is wrong with the ledger, one line each."""


def update_site(workspace: Workspace, destination: Destination, now: datetime) -> SiteWritten:
    """Bring the site of a workspace up to date.

    Args:
        now: what ages and overdue runs are counted by.

    Raises:
        UsageError: the destination holds something else, or cannot be written.
        Unavailable: it cannot be reached, or its disk is full. Each page is whole; another update does the rest.
    """
    with _alone(workspace):
        memory, there = read_memory(destination), destination.sizes(_FOLDERS)
        journals = all_journals(workspace)
        _refuse_other(memory, there, {one.run_id for one in journals}, workspace)
        pages = Pages(destination, memory.pages if memory else {}, there)
        trusted = memory if memory is not None and memory.made_by == made_by() else Memory()
        runs = _runs(journals, trusted.runs, pages)
        registered = read_registered(workspace)
        entries, models = _models(workspace, registered, runs, trusted, pages)
        _write_rest(workspace, entries, registered, runs, pages, now)
        removed = pages.remove_others()
        num_pages = len(pages.of_site)
        # It names the moment, and is written each time: without it a site that has not changed has the same memory.
        del pages.of_site[names.INDEX]
        now_known = Memory(made_by=made_by(), runs=runs, models=models, pages=pages.of_site)
        destination.settle()
        if now_known != memory:  # last: a page that is not in it is written again
            destination.put(MEMORY, dumped(now_known))
            destination.settle()
        return SiteWritten(
            num_models=len(entries),
            num_runs=len(runs),
            num_held=sum(len(entry.held) for entry in entries),
            num_pages=num_pages,
            num_written=pages.num_written,
            num_removed=removed,
            faults=registered.ledger.faults,
        )


@contextmanager
def _alone(workspace: Workspace) -> Generator[None]:
    # Someone who may only read the workspace can make a site of it all the same.
    if not os.access(workspace.locks, os.W_OK | os.X_OK):
        yield
        return
    with FileLock(workspace.locks / "site", _WAIT_S):
        yield


def _refuse_other(memory: Memory | None, there: Collection[str], runs: Set[str], workspace: Workspace) -> None:
    if memory is None and names.INDEX in there:
        raise UsageError(
            f"there is an {names.INDEX} already that `raytemplate site` has not written; it would be overwritten",
            next_step="name an empty folder, or one that holds the site of this workspace",
        )
    if memory is not None and memory.runs and not memory.runs.keys() & runs:
        raise UsageError(
            f"there is the site of another workspace: none of its runs is in {workspace.runs}",
            next_step="name another folder, or empty that one",
        )


def _runs(journals: Sequence[Journal], known: Mapping[str, KnownRun], pages: Pages) -> dict[str, KnownRun]:
    """The runs as they are known, or read if something has changed; by id, with their pages."""
    stamps = {one.run_id: stamp(one) for one in journals}
    found = {
        run_id: known[run_id]
        for run_id, now in stamps.items()
        if run_id in known and known[run_id].stamp == now and pages.keep(names.run_file(run_id))
    }
    changed = [one for one in journals if one.run_id not in found]
    for journal, (summary, page) in zip(changed, rendered([one.folder for one in changed]), strict=True):
        pages.put(names.run_file(journal.run_id), page)
        found[journal.run_id] = KnownRun(stamp=stamps[journal.run_id], summary=summary)
    return found


def _write_rest(
    workspace: Workspace,
    entries: Sequence[ModelEntry],
    registered: Registered,
    runs: Mapping[str, KnownRun],
    pages: Pages,
    now: datetime,
) -> None:
    """The pages that belong to no single model or run."""
    problems = {run_id: one.summary.problem for run_id, one in sorted(runs.items()) if one.summary.problem}
    view = IndexView(
        workspace=workspace.folder.name,
        now=now,
        models=tuple(sorted(entries, key=lambda entry: entry.urgency(now))),
        damaged=tuple(DamagedRow(run_id=run_id, problem=problem) for run_id, problem in problems.items()),
        faults=registered.ledger.faults,
    )
    pages.put(names.LEDGER, ledger_page(registered.ledger))
    pages.put(names.INDEX, index_page(view))


def _models(
    workspace: Workspace, registered: Registered, runs: Mapping[str, KnownRun], trusted: Memory, pages: Pages
) -> tuple[list[ModelEntry], dict[str, KnownModel]]:
    """Every model, registered or only tried, with its page."""
    by_name: dict[str, dict[str, KnownRun]] = {name: {} for name in registered.models}
    for run_id, one in runs.items():
        if one.summary.row is not None:
            by_name.setdefault(one.summary.row.name, {})[run_id] = one
    entries: list[ModelEntry] = []
    known: dict[str, KnownModel] = {}
    for name, of in sorted(by_name.items()):
        entry, known[name] = _model(workspace, name, registered.models.get(name), of, trusted.models, pages)
        entries.append(entry)
    return entries, known


def _model(
    workspace: Workspace,
    name: str,
    registered: RegisteredModel | None,
    runs: Mapping[str, KnownRun],
    known: Mapping[str, KnownModel],
    pages: Pages,
) -> tuple[ModelEntry, KnownModel]:
    """One model as it is known, or with its gates asked again, with its page."""
    found = registered or RegisteredModel()
    material = [found.last_event, found.revoked, *(f"{run_id} {one.stamp}" for run_id, one in sorted(runs.items()))]
    now, earlier, file = sha256_bytes("\n".join(material).encode())[:16], known.get(name), names.model_file(name)
    summaries = [one.summary for one in runs.values()]
    if earlier is not None and earlier.stamp == now and pages.keep(file):
        return entry_of(earlier.row, summaries), earlier
    row, details = described(workspace, name, found, runs)
    entry = entry_of(row, summaries)
    pages.put(file, model_page(entry, details))
    return entry, KnownModel(stamp=now, row=row)
