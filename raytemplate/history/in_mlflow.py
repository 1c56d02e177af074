"""Where MLflow's copy of a model is not what the ledger says: a quick look at a file, or a question to MLflow."""

import os
import threading
from importlib import import_module
from pathlib import Path

from raytemplate.engines.mlflow.seen import SeenModel, compare, digest_by_bytes, read_local
from raytemplate.errors import RaytemplateError
from raytemplate.execution.journal import Journal
from raytemplate.execution.lock import read_lock
from raytemplate.ledger.head import Ledger
from raytemplate.ledger.history import History
from raytemplate.redact import redact
from raytemplate.reports.history import UNASKED
from raytemplate.secret import resolve
from raytemplate.store.workspace import Workspace

WITHIN_S = 5.0
"""Seconds that a server has to answer."""


def uri_of(history: History, workspace: Workspace) -> str:
    """MLflow's tracking URI of a model, as the run that made its champion, or its newest version, has it; "" for the
    workspace's own database, also if the records of that run are gone."""
    made_by = history.head or (history.versions[-1] if history.versions else None)
    if made_by is None:
        return ""
    journal = Journal(workspace.runs / made_by.run_id)
    return read_lock(journal).plan.promote.tracking_uri if journal.folder.exists() else ""


def look(model: str, history: History, workspace: Workspace) -> tuple[str, ...]:
    """Where MLflow's copy differs, one line each, if its database is a SQLite file. MLflow is not imported, and nobody
    is waited for: a database that cannot be read at once counts as equal."""
    if not history.versions:
        return ()
    try:
        seen = read_local(_full_uri(uri_of(history, workspace), workspace), model)
    except RaytemplateError:  # the run's records cannot be read, or name a secret that is not here
        return ()
    return compare(model, history.versions, seen).differences if seen else ()


def ask(model: str, history: History, workspace: Workspace) -> tuple[str, ...]:
    """Where MLflow's copy differs, one line each, with every file of a copy on this machine hashed. A server is asked
    as well, and has five seconds to answer. No database counts as equal."""
    if not history.versions:
        return ()
    try:
        asked = _uri_to_ask(history, workspace)
        uri = _full_uri(asked, workspace)
        if uri.startswith("sqlite:///"):
            seen = read_local(uri, model) or _unread(uri)
            if not seen:
                return ()
        else:
            seen = _answer(model, asked, workspace)
    except RaytemplateError as error:
        return (error.what,)
    if isinstance(seen, str):
        return (seen,)
    return compare(model, history.versions, seen, digest=digest_by_bytes).differences


def ask_all(ledger: Ledger, workspace: Workspace) -> tuple[str, ...]:
    """`ask` for every model, each line with the model's name; a server that did not answer is asked once."""
    found: list[str] = []
    deaf: set[str] = set()
    for model in ledger.models():
        history = ledger.history(model)
        try:
            uri = _uri_to_ask(history, workspace)
        except RaytemplateError:
            continue
        if uri in deaf:
            continue
        lines = ask(model, history, workspace)
        deaf |= {uri} if lines and lines[0].startswith(UNASKED) else set()
        found += [f"{model}: {line}" for line in lines]
    return tuple(found)


def _unread(uri: str) -> str:
    """Why a database could not be read; "" if there is none, which says nothing wrong."""
    path = Path(uri.removeprefix("sqlite:///"))
    return f"{UNASKED}: {path.name} cannot be read" if path.exists() else ""


def _answer(model: str, uri: str, workspace: Workspace) -> SeenModel | str:
    """What a server says of a model, or why it said nothing."""
    from raytemplate.engines.mlflow.mirror import Mirror

    import_module("raytemplate.engines.mlflow.registry")  # takes seconds, for which the server is not to blame
    said: list[SeenModel | str] = []

    def hear() -> None:
        try:
            said.append(Mirror(workspace, uri).seen(model))
        except Exception as error:  # MLflow raises its own, SQLAlchemy's and requests' errors
            what = (str(error).splitlines() or [""])[0]
            said.append(redact(f"{UNASKED}: {type(error).__name__}: {what}"))

    # A thread that is left behind if MLflow does not answer: it only reads, and ends with the process.
    asking = threading.Thread(target=hear, daemon=True)
    asking.start()
    asking.join(WITHIN_S)
    return said[0] if said else f"{UNASKED}: no answer within {WITHIN_S:g} s"


def _uri_to_ask(history: History, workspace: Workspace) -> str:
    """As `uri_of`; but in team mode a server is asked only if this process's own environment names it."""
    from raytemplate.execution.requests import team_tracking  # gates take long to import, and `look` needs none

    of_team = team_tracking(workspace)
    return uri_of(history, workspace) if of_team is None else of_team


def _full_uri(asked: str, workspace: Workspace) -> str:
    uri = resolve(asked, "tracking.uri", os.environ)
    return uri or f"sqlite:///{workspace.mlflow_db.absolute()}"
