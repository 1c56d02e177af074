"""The test metrics of a run computed again, so that a promoter need not believe what the run's author has recorded.

That happens in a process of its own, `python -P -m raytemplate.conducting.recomputing WORKSPACE RUN`, because the
model's own code may run in it: its environment has no secrets, and its home no keys. It scores the frozen bytes of the
candidate and of the champion on the rows of the run's snapshot, whose digests are checked again.
"""

import json
import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from raytemplate.conducting.work import Work
from raytemplate.errors import EngineError, IntegrityError, RaytemplateError, from_words
from raytemplate.execution.journal import Journal
from raytemplate.execution.kept_copy import refuse_without_rows
from raytemplate.execution.lock import read_lock
from raytemplate.execution.reproducing import plan_again, records_again
from raytemplate.execution.resuming import working_on
from raytemplate.planning.inventory import Champion
from raytemplate.planning.look import champion_of
from raytemplate.plugins import bug
from raytemplate.records.codec import decode, encode
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.fitted import FitResult
from raytemplate.records.ingested import Snapshot
from raytemplate.reports.listener import Listener
from raytemplate.store.content_store import ContentStore
from raytemplate.store.workspace import Workspace

_KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "CUDA_VISIBLE_DEVICES")
"""Variables of the environment that the process gets. Everything else may be a secret."""
_KEPT_BEGINNINGS = ("OMP_", "MKL_", "RAYTEMPLATE_PLAIN_RAY")
_MORE_S = 120.0
"""Seconds that it may take beyond twice the run's budget."""
_MEASURED = ("latency", "champion_latency", "columns", "candidate_bytes", "champion_problem", "kind")
"""Fields of an evaluation that depend on the machine, or on how much time there was."""
_RELATIVE, _ABSOLUTE = 1e-3, 1e-6
"""How much a number may differ: another kind of CPU rounds in another way."""


def refuse_forged(workspace: Workspace, journal: Journal) -> None:
    """Compute a run's evaluation again, and refuse one that says something else.

    Raises:
        IntegrityError: names the first values that differ.
        RaytemplateError: it could not be computed again; nothing may then be promoted.
    """
    recorded, again = journal.need(Evaluation), _computed(workspace, journal)
    found = list(_differences(encode(recorded), encode(again), ""))
    if found:
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        raise IntegrityError(
            f"run {journal.run_id}: its evaluation is not what the promoter computes from the same model and rows: "
            f"{'; '.join(found[:3])}{more}; nothing was promoted",
            next_step=f"raytemplate reproduce {journal.run_id}",
        )


def _computed(workspace: Workspace, journal: Journal) -> Evaluation:
    plan, store = plan_again(read_lock(journal).plan, journal), ContentStore(workspace.models)
    refuse_without_rows(journal, journal.need(Snapshot))
    champion, folder = champion_of(plan.name, workspace), workspace.again / journal.run_id
    folder.mkdir(parents=True, exist_ok=True)
    with working_on(Journal(folder)):
        for left in folder.iterdir():
            if left.is_dir():
                shutil.rmtree(left)
            elif left != Journal(folder).active:
                left.unlink()
        again = records_again(journal, folder, store, address="", sweep=plan.sweep is not None)
        fit = journal.need(FitResult)
        again.write(fit)
        own = ContentStore(folder / "models")
        own.put(store.open(fit.candidate.digest))
        if champion is not None:
            own.put(store.open(champion.digest))
        _in_clean_process(workspace, again, champion, 2 * plan.limits.time_s + _MORE_S)
        found = again.need(Evaluation)
    shutil.rmtree(folder, ignore_errors=True)
    return found


def _in_clean_process(workspace: Workspace, again: Journal, champion: Champion | None, limit_s: float) -> None:
    command = [sys.executable, "-P", "-m", "raytemplate.conducting.recomputing", str(workspace.folder), again.run_id]
    with TemporaryDirectory(prefix="judge-") as home:
        try:
            done = subprocess.run(
                command, input=json.dumps(encode(champion)), env=_clean(os.environ, home), stdout=subprocess.PIPE,
                text=True, timeout=limit_s, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise EngineError(
                "judge", f"run {again.run_id}: its test metrics took too long to compute again"
            ) from error
    told = done.stdout.strip().rpartition("\n")[2]
    if done.returncode:
        if not told.startswith("{"):
            raise EngineError("judge", f"run {again.run_id}: the process that computes its test metrics again ended")
        said = json.loads(told)
        raise from_words(said["error"], said["what"], said["next_step"])


def _clean(environ: Mapping[str, str], home: str) -> dict[str, str]:
    """What the process may know of this one's environment."""
    kept = {k: v for k, v in environ.items() if k in _KEPT or k.startswith(_KEPT_BEGINNINGS)}
    return {**kept, "HOME": home, "XDG_CONFIG_HOME": f"{home}/config", "XDG_STATE_HOME": f"{home}/state"}


def _differences(recorded: Any, again: Any, path: str) -> Iterator[str]:
    """Values that differ, with their paths. Fields that only one of them has are left out if the other has none."""
    if isinstance(recorded, dict) and isinstance(again, dict):
        one, other = cast("dict[str, Any]", recorded), cast("dict[str, Any]", again)
        for name in one.keys() | other.keys() if path else sorted((one.keys() | other.keys()) - {*_MEASURED}):
            yield from _differences(one.get(name), other.get(name), f"{path}.{name}" if path else name)
    elif isinstance(recorded, list) and isinstance(again, list):
        ours, theirs = cast("list[Any]", recorded), cast("list[Any]", again)
        if len(ours) != len(theirs):
            yield f"{path} has {len(ours)} entries, computed {len(theirs)}"
            return
        for number, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from _differences(one, other, f"{path}.{number}")
    elif not _same(recorded, again):
        yield f"{path} is {recorded}, computed {again}"


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE)
    return one == other


def _compute(folder: str, run: str) -> None:
    """The process's own side."""
    from raytemplate.conducting.conduct import conduct

    began, workspace = time.monotonic(), Workspace(Path(folder))
    champion: Champion | None = decode(Champion | None, json.load(sys.stdin))
    source = Journal(workspace.runs / run)
    work = Work(
        plan=plan_again(read_lock(source).plan, source),
        journal=Journal(workspace.again / run),
        workspace=workspace,
        listener=Listener(),
        began=began,
        judged=False,
        against=champion,
    )
    conduct(work)


if __name__ == "__main__":
    answers, sys.stdout = sys.stdout, sys.stderr
    code = 0
    try:
        _compute(*sys.argv[1:])
    except Exception as error:  # whatever it is, the promoter must learn of it
        told = error if isinstance(error, RaytemplateError) else bug(error)
        answers.write(json.dumps({"error": type(told).__name__, "what": told.what, "next_step": told.next_step}) + "\n")
        code = 1
    answers.flush()
    sys.stderr.flush()
    os._exit(code)  # skips the exit handlers of libraries, which take time and are not needed
