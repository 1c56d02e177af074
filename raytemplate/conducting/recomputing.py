"""The test metrics of a run computed again, so that a promoter need not believe what the run's author has recorded.

That happens in a process of its own, `python -P -m raytemplate.conducting.recomputing WORKSPACE FOLDER`, whose
environment has no secrets, and its home no keys. It scores the frozen bytes of the candidate and of the champion on the
rows of the run's snapshot, whose digests are checked again. FOLDER is the promoter's own, which no author can write.
Since the process could still read the promoter's key by its path, it never loads an author's code.
"""

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from raytemplate.code.load import CODE
from raytemplate.conducting.work import Work
from raytemplate.errors import EngineError, IntegrityError, OutOfMemory, RaytemplateError, Refused, from_words
from raytemplate.execution.decide import digest_of
from raytemplate.execution.journal import Journal
from raytemplate.execution.kept_copy import missing_copy, refuse_without_rows
from raytemplate.execution.lock import read_lock
from raytemplate.execution.reproducing import plan_again, records_again
from raytemplate.governance.gates.too_good import leading
from raytemplate.planning.inventory import Champion
from raytemplate.planning.look import champion_of
from raytemplate.planning.stages import RunPlan
from raytemplate.plugins import bug
from raytemplate.records.codec import decode, encode
from raytemplate.records.evaluated import ColumnEvidence, Evaluation
from raytemplate.records.fitted import FitResult
from raytemplate.records.ingested import Snapshot
from raytemplate.reports.listener import Listener
from raytemplate.store.content_store import ContentStore, kept_beside
from raytemplate.store.manifest import read_manifest
from raytemplate.store.workspace import Workspace

_KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "CUDA_VISIBLE_DEVICES")
"""Variables of the environment that the process gets. Everything else may be a secret."""
_KEPT_BEGINNINGS = ("OMP_", "MKL_", "RAYTEMPLATE_PLAIN_RAY")
_MORE_S = 120.0
"""Seconds that it may take beyond twice the run's budget."""
_MEASURED = ("latency", "champion_latency", "champion_problem", "kind")
"""Fields of an evaluation that depend on the machine or are words. Latency is the author's measurement: the promoter's
machine is another one, on which the gate's limit may mean something else."""
_LEFT_OUT = {*_MEASURED, "candidate_bytes", "columns"}
"""The last two are compared by themselves."""
_RELATIVE, _ABSOLUTE = 1e-3, 1e-6
"""How much a number may differ: another kind of CPU rounds in another way."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Told:
    """What the process is told."""

    plan: RunPlan
    champion: Champion | None


def refuse_own_code(plan: RunPlan, run_id: str) -> None:
    """Refuse a plan that brings code of its author's: whatever the promoter ran could read the promoter's key.

    Raises:
        Refused: names the modules.
    """
    modules = (*plan.code.modules, *(feature.build for feature in plan.ingest.features if feature.build))
    if modules or plan.code.sha256:
        raise _own_code(run_id, f"code of its author's ({', '.join(modules)})")


def refuse_forged(workspace: Workspace, journal: Journal) -> str:
    """Compute a run's evaluation again, and refuse one that says something else.

    Returns:
        The digest of the evaluation that was compared, as `decide.digest_of` gives it: no other one may be judged on.

    Raises:
        IntegrityError: names the first values that differ; or it could not be computed to its end.
        Refused: code of the author's would have to run.
        RaytemplateError: it could not be computed again; nothing may then be promoted.
    """
    recorded, again = journal.need(Evaluation), _computed(workspace, journal)
    found = [*_differences_of_gates(recorded, again), *_differences(encode(recorded), encode(again), "")]
    if found:
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        raise IntegrityError(
            f"run {journal.run_id}: its evaluation is not what the promoter computes from the same model and rows: "
            f"{'; '.join(found[:3])}{more}; nothing was promoted",
            next_step=f"raytemplate reproduce {journal.run_id}",
        )
    return digest_of(recorded)


def _computed(workspace: Workspace, journal: Journal) -> Evaluation:
    plan, store = plan_again(read_lock(journal).plan, journal), ContentStore(workspace.models)
    refuse_without_rows(journal, journal.need(Snapshot))
    champion, fit = champion_of(plan.name, workspace), journal.need(FitResult)
    refuse_own_code(plan, journal.run_id)
    with TemporaryDirectory(prefix="raytemplate-judge-") as temporary:  # for this user alone
        folder = Path(temporary) / "runs" / journal.run_id
        folder.mkdir(parents=True)
        again = records_again(journal, folder, store, address="", sweep=plan.sweep is not None)
        _copy_rows(journal, again)
        again.write(_as_stored(fit, folder, store))
        if champion is not None:
            _own_store(folder).put(store.open(champion.digest))
        _refuse_code_in(again)
        _in_clean_process(workspace, again, _Told(plan=plan, champion=champion), 2 * plan.limits.time_s + _MORE_S)
        return again.need(Evaluation)


def _copy_rows(journal: Journal, again: Journal) -> None:
    """The rows that the run has kept, if it has kept any, where the process looks for them."""
    snapshot = again.need(Snapshot)
    if snapshot.kept and missing_copy(journal, snapshot) is None:
        kept_beside(again.folder).put(kept_beside(journal.folder).open(snapshot.kept))


def _own_store(folder: Path) -> ContentStore:
    return ContentStore(folder / "models")


def _as_stored(fit: FitResult, folder: Path, store: ContentStore) -> FitResult:
    """The candidate's record with the size that its stored files have, which are copied."""
    own, digest = _own_store(folder), fit.candidate.digest
    own.put(store.open(digest))
    num_bytes = read_manifest(own.open(digest)).num_bytes
    return replace(fit, candidate=replace(fit.candidate, num_bytes=num_bytes))


def _refuse_code_in(again: Journal) -> None:
    """Refuse code that lies in the run's folder or in a model, whatever the plan says.

    Raises:
        Refused: names where.
    """
    if again.code.exists():
        raise _own_code(again.run_id, "code in its folder")
    for about in (again.folder / "models").glob("*/*"):
        if (about / CODE).exists():
            raise _own_code(again.run_id, f"the code of model {about.name[:12]}")


def _own_code(run_id: str, what: str) -> Refused:
    return Refused(
        f"run {run_id}: governance.risk is high, and to compute its figures again the promoter would have to run "
        f"{what}, which could read the promoter's key; nothing was promoted",
        next_step="install that code as a plug-in package where the promoter runs (docs/plug-ins.md), for which the "
        "promoter's owner vouches",
    )


def _in_clean_process(workspace: Workspace, again: Journal, told: _Told, limit_s: float) -> None:
    module = "raytemplate.conducting.recomputing"
    command = [sys.executable, "-P", "-m", module, str(workspace.folder), str(again.folder)]
    with TemporaryDirectory(prefix="judge-") as home:
        try:
            done = subprocess.run(
                command, input=json.dumps(encode(told)), env=_clean(os.environ, home), stdout=subprocess.PIPE,
                text=True, timeout=limit_s, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise _not_computed(again, f"that took longer than {limit_s:,.0f} s") from error
    last = done.stdout.strip().rpartition("\n")[2]
    if not done.returncode:
        return
    if not last.startswith("{"):
        raise _not_computed(again, "the process that did so was ended")
    said = json.loads(last)
    error = from_words(said["error"], said["what"], said["next_step"])
    raise _not_computed(again, error.what) if isinstance(error, EngineError | OutOfMemory) else error


def _not_computed(again: Journal, why: str) -> IntegrityError:
    """Final, unlike an error of something outside: a model may be made so that it ends or stops the process."""
    return IntegrityError(
        f"run {again.run_id}: its figures could not be computed again: {why}; nothing was promoted",
        next_step=f"raytemplate resume {again.run_id}    # asks again",
    )


def _clean(environ: Mapping[str, str], home: str) -> dict[str, str]:
    """What the process may know of this one's environment."""
    kept = {k: v for k, v in environ.items() if k in _KEPT or k.startswith(_KEPT_BEGINNINGS)}
    return {**kept, "HOME": home, "XDG_CONFIG_HOME": f"{home}/config", "XDG_STATE_HOME": f"{home}/state"}


def _differences_of_gates(recorded: Evaluation, again: Evaluation) -> Iterator[str]:
    """What gates read besides the metrics. How many columns were looked at depends on how much time there was: one that
    the author has not looked at alone holds the candidate, but one that the promoter has not may not let it pass."""
    if recorded.candidate_bytes != again.candidate_bytes:
        yield f"candidate_bytes is {recorded.candidate_bytes}, computed {again.candidate_bytes}"
    ours, theirs = recorded.columns, again.columns
    if [one.column for one in ours] != [one.column for one in theirs]:
        yield f"columns names {len(ours)} columns, computed {len(theirs)}, and not the same"
        return
    for one, other in zip(ours, theirs, strict=True):
        if one.explained is not None and not _same(one.explained, other.explained):
            yield f"columns.{one.column}.explained is {one.explained}, computed {other.explained}"
        if one.importance is not None and other.importance is not None:
            path = f"columns.{one.column}.importance"
            yield from _differences(encode(one.importance), encode(other.importance), path)
    yield from _difference_of_leading(ours, theirs)


def _difference_of_leading(ours: Sequence[ColumnEvidence], theirs: Sequence[ColumnEvidence]) -> Iterator[str]:
    leads, computed = leading(ours), leading(theirs)
    if leads != computed:
        yield f"columns: the model relies most on {leads}, computed {computed}"


def _differences(recorded: Any, again: Any, path: str) -> Iterator[str]:
    """Values that differ, with their paths. Fields that only one of them has are left out if the other has none."""
    if isinstance(recorded, dict) and isinstance(again, dict):
        one, other = cast("dict[str, Any]", recorded), cast("dict[str, Any]", again)
        for name in one.keys() | other.keys() if path else sorted((one.keys() | other.keys()) - _LEFT_OUT):
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


def _compute(workspace: str, folder: str) -> None:
    """The process's own side."""
    from raytemplate.conducting.conduct import conduct

    began = time.monotonic()
    told: _Told = decode(_Told, json.load(sys.stdin))
    work = Work(
        plan=told.plan,
        journal=Journal(Path(folder)),
        workspace=Workspace(Path(workspace)),
        listener=Listener(),
        began=began,
        judged=False,
        against=told.champion,
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
