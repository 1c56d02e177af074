"""Keeps MLflow in line with records and ledger: opened once under a lock, and never in the way of a decision."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from raytemplate.engines.mlflow.copied import Copied, Copies
from raytemplate.engines.mlflow.database import make_whole
from raytemplate.engines.mlflow.empty_database import kept_at
from raytemplate.engines.mlflow.seen import SeenModel
from raytemplate.errors import IntegrityError, Unavailable, UsageError
from raytemplate.execution.journal import Journal
from raytemplate.ledger.opening import open_ledger
from raytemplate.planning.stages import RunPlan
from raytemplate.records.mended import Mended
from raytemplate.records.promoted import PromotionRecord
from raytemplate.redact import redact
from raytemplate.secret import resolve
from raytemplate.store.content_store import ContentStore
from raytemplate.store.locks import FileLock
from raytemplate.store.workspace import Workspace

if TYPE_CHECKING:
    from mlflow import MlflowClient

UNTOLD = "mlflow-error.txt"
"""File in the folder of a run that MLflow could not be told of."""
_LOCK_S = 120.0
_ASK_S = 3.0
"""Seconds that a decision waits for a server's answer before it is made; its copy may then take 11 more."""
_IMPORTED_AHEAD = ("tracking", "registry", "trials")
"""Modules that a first projection would import while a run waits for it."""
# A tracking server that does not answer must not hold a promotion up for minutes: 11 s at most.
_ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
}


@dataclass(frozen=True)
class Mirror:
    """MLflow's copy of one workspace."""

    workspace: Workspace
    """The workspace."""
    uri: str = ""
    """MLflow's tracking URI; "" for the workspace's own database."""
    said: list[str] = field(default_factory=list[str])
    """Messages about that database for the user, collected until the next record includes them."""

    def open(self) -> None:
        """Import MLflow and create its database if there is none; eight processes at once would break a new one.

        A server is not contacted: if it did not answer, it would delay the first decision as well.
        """
        with self._lock():
            client = self._client()
            if not _is_server(client.tracking_uri):
                client.search_experiments(max_results=1)
        for name in _IMPORTED_AHEAD:
            import_module(f"raytemplate.engines.mlflow.{name}")

    def refuse_other_ledger(self, model: str) -> None:
        """Stop before a decision on a model that MLflow has from another ledger. If MLflow does not answer soon, or not
        at all, the decision is made; its copy is then refused in the same words.

        Raises:
            IntegrityError: it is another ledger's.
        """
        from raytemplate.engines.mlflow.owner import refuse_other_ledger, registered_model

        try:
            if not self.uri and not self.workspace.mlflow_db.exists():
                return
            uri = resolve(self.uri, "tracking.uri", os.environ)
            client = client_of(uri or tracking_uri(self.workspace))
            found = registered_model(client, model, within_s=_ASK_S if _is_server(uri) else None)
        except Exception as error:  # MLflow raises its own, SQLAlchemy's and requests' errors
            print(f"MLflow was not asked whose {model} is: {error}", file=sys.stderr)
            return
        if found is not None:
            refuse_other_ledger(found, open_ledger(self.workspace))

    def bring_in_line(self, plan: RunPlan, journal: Journal) -> bool:
        """Records of the run, versions and aliases, then its trials. What fails is a warning in the promotion's record,
        not its end. Returns whether all of it is in MLflow now.
        """
        warning = ""
        try:
            with self._lock():
                copies = self._copies()
                copies.of(journal.run_id)
                self._project(plan.name, copies, judged_again=journal.run_id)
            with self._lock():
                copies.track_trials(journal.run_id)
        except Exception as error:  # MLflow raises its own, SQLAlchemy's and requests' errors
            warning = _warning(error)
        try:
            self._tell(journal, warning)
        except (OSError, Unavailable, UsageError) as error:
            # The ledger has decided. The record still shows that MLflow lacks the run, so the next `resume` copies it.
            with suppress(OSError):  # stderr may go to the same full disk
                print(f"{warning or 'MLflow was told'}; that could not be recorded: {error}", file=sys.stderr)
        return not warning

    def copy_trials(self, journal: Journal, goes_on: Callable[[], bool]) -> None:
        """Copy the trials of a run that is not judged yet. Those that are left out, `bring_in_line` copies.

        Args:
            goes_on: asked before each trial; once it is False, the rest is left out.
        """
        with self._lock():
            self._copies().track_trials_early(journal.run_id, goes_on)

    def _tell(self, journal: Journal, warning: str) -> None:
        record = journal.read(PromotionRecord)
        if record is not None:
            told = "; ".join(filter(None, [*self.said, warning]))
            journal.write(replace(record, projected=not warning, warning=told))
            self.said.clear()
        if warning:
            (journal.folder / UNTOLD).write_text(warning + "\n")
        else:
            (journal.folder / UNTOLD).unlink(missing_ok=True)

    def add_documents(self, journal: Journal, report: str) -> None:
        """The report, the model card and the statement of a run that has ended, as artifacts of its MLflow run.

        Args:
            report: the report's HTML.
        """
        from raytemplate.engines.mlflow.tracking import log_documents

        with self._lock():
            log_documents(self._client(), Copied.of(journal), report)

    def project(self, model: str) -> None:
        """Versions and aliases of one model, with the runs they came from; those that MLflow lacked, now with their
        trials.
        """
        with self._lock():
            copies = self._copies()
            self._project(model, copies)
            for run_id in copies.made:
                copies.track_trials(run_id)

    def try_project(self, model: str) -> str:
        """Like `project`, but returns a warning if it failed, or what the user should know of the database, or ""."""
        try:
            self.project(model)
        except Exception as error:  # the ledger has decided; MLflow's copy follows when it can
            return _warning(error)
        return "; ".join(self.said)

    def repair(self, model: str) -> Mended:
        """Like `project`, but compares every file and every tag, tells what it found, and looks again afterwards."""
        from raytemplate.engines.mlflow.registry import project, see
        from raytemplate.engines.mlflow.seen import compare, digest_by_bytes

        try:
            with self._lock():
                copies = self._copies()
                ledger, store = open_ledger(self.workspace), ContentStore(self.workspace.models)
                done = project(copies.client, model, ledger, store, copies.of, thorough=True)
                for run_id in copies.made:
                    copies.track_trials(run_id)
                versions = ledger.history(model).versions
                left = compare(model, versions, see(copies.client, model), digest=digest_by_bytes).differences
        except Exception as error:  # MLflow raises its own, SQLAlchemy's and requests' errors
            return Mended(model=model, left=(_warning(error),), unavailable=not isinstance(error, IntegrityError))
        found = tuple(line for line in done.found if line not in left)
        return Mended(model=model, found=(*self.said, *found), left=(*done.lost, *left))

    def seen(self, model: str) -> SeenModel:
        """What MLflow says of a model. Nothing is changed, and no database is created."""
        from raytemplate.engines.mlflow.registry import see

        uri = resolve(self.uri, "tracking.uri", os.environ) or tracking_uri(self.workspace)
        return see(client_of(uri), model)

    def _project(self, model: str, copies: Copies, judged_again: str = "") -> None:
        from raytemplate.engines.mlflow.registry import project

        ledger, store = open_ledger(self.workspace), ContentStore(self.workspace.models)
        done = project(copies.client, model, ledger, store, copies.of, judged_again)
        if done.lost:
            raise IntegrityError("; ".join(done.lost))

    def _copies(self) -> Copies:
        location = None if self.uri else self.workspace.mlartifacts.absolute().as_uri()
        return Copies(client=self._client(), runs=self.workspace.runs, location=location)

    def _lock(self) -> FileLock:
        return FileLock(self.workspace.locks / "mlflow", _LOCK_S)

    def _client(self) -> MlflowClient:
        """MLflow's client, with its database created; the caller holds the lock."""
        uri = resolve(self.uri, "tracking.uri", os.environ)
        if not uri and (
            said := make_whole(self.workspace.mlflow_db, lambda new: _make_tables(_sqlite(new)), kept_at())
        ):
            self.said.append(said)
        return client_of(uri or tracking_uri(self.workspace))


def _is_server(uri: str) -> bool:
    return uri.startswith(("http://", "https://"))


def client_of(uri: str) -> MlflowClient:
    """The client of a server or database, which gives up soon if nothing answers."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.ERROR)
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def _make_tables(uri: str) -> None:
    client_of(uri).search_experiments(max_results=1)


def _warning(error: Exception) -> str:
    said = (str(error).splitlines() or [""])[0]
    return redact(f"MLflow could not be brought in line: {type(error).__name__}: {said}")


def tracking_uri(workspace: Workspace) -> str:
    """The URI of the workspace's own database."""
    return _sqlite(workspace.mlflow_db)


def _sqlite(path: Path) -> str:
    return f"sqlite:///{path.absolute()}"
