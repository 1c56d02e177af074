"""The promoter: a process of its own that loads no user code, judges a run's records and moves the head.

It starts beside training, opens MLflow meanwhile, and waits. `python -m raytemplate.engines.promoter WORKSPACE URI`
reads one JSON line a request ({"decide": RUN, "actor": NAME}) and answers with one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from raytemplate.errors import EngineError, RaytemplateError, from_words
from raytemplate.execution.journal import Journal
from raytemplate.redact import redact, redacted_stream
from raytemplate.store.workspace import Workspace

_END_S = 5.0
_NICENESS = 10


class PromoterProcess:
    """The process, seen from where the command was typed.

    Args:
        log: file for whatever it says on its own.
        actor: who asks, for the ledger's events.
    """

    def __init__(self, workspace: Workspace, uri: str, log: Path, actor: str) -> None:
        self._actor = actor
        with log.open("ab") as sink:
            # In a session of its own: Ctrl-C in the terminal must not end it in the middle of a promotion.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "raytemplate.engines.promoter", str(workspace.folder), uri],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=sink, start_new_session=True, text=True,
            )  # fmt: skip

    def decide(self, journal: Journal) -> None:
        """See `execution.ports.Promoter`."""
        answer = self._ask({"decide": journal.run_id, "actor": self._actor})
        if answer.get("error"):
            raise from_words(answer["error"], answer["what"], answer["next_step"])

    def close(self) -> None:
        """End the process: it ends by itself when nobody can ask any more."""
        self.leave()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """End the process at once. A promotion is one transaction: it has happened or it has not."""
        self._process.kill()

    def leave(self) -> None:
        """Let the process end by itself, without waiting for it."""
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):  # it has ended already, and what it was asked is still to be written
                self._process.stdin.close()

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except OSError:
            line = ""
        if not line:
            raise EngineError(
                "promote",
                "the promoting process ended before it answered; see ray.log in the run's folder",
                next_step=f"raytemplate resume {request['decide']}",
            )
        return json.loads(line)


def _serve(folder: str, uri: str) -> None:
    from raytemplate.engines.mlflow.mirror import Mirror

    # It has until training ends to get ready, and training has better use for the cores.
    os.nice(_NICENESS)
    workspace = Workspace(Path(folder))
    mirror = Mirror(workspace, uri)
    sys.stderr = redacted_stream(sys.stderr)
    answers, sys.stdout = sys.stdout, sys.stderr
    try:
        mirror.open()
    except Exception as error:  # told again, in the record, when a decision cannot be copied
        print(f"MLflow could not be opened: {error}", file=sys.stderr)
    for line in sys.stdin:
        answer = _answer(json.loads(line), workspace, mirror)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _answer(request: dict[str, Any], workspace: Workspace, mirror: Any) -> dict[str, str]:
    from raytemplate.execution.decide import decide
    from raytemplate.execution.lock import read_lock
    from raytemplate.ledger.opening import open_ledger
    from raytemplate.store.objects import ObjectStore

    journal = Journal(workspace.runs / request["decide"])
    try:
        plan = read_lock(journal).plan
        decide(journal, plan, open_ledger(workspace), ObjectStore(workspace.models), actor=request["actor"])
        mirror.bring_in_line(plan, journal)
    except RaytemplateError as error:
        return {"error": type(error).__name__, "what": error.what, "next_step": error.next_step}
    except Exception as error:  # whatever it is, the process that asks must hear of it
        return {"error": "EngineError", "what": redact(f"promote: {type(error).__name__}: {error}"), "next_step": ""}
    return {}


if __name__ == "__main__":
    _serve(*sys.argv[1:3])
    sys.stderr.flush()
    os._exit(0)  # what libraries would still do while the interpreter ends takes time and says nothing
