"""What a model was made from, what was made from it, and which models have seen a file."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from raytemplate.data.features.fitted import FeatureSet
from raytemplate.data.sources.locations import is_uri, joined
from raytemplate.data.sources.naming import split_source
from raytemplate.errors import IntegrityError, UsageError
from raytemplate.execution.image import digest_in, image_of
from raytemplate.execution.journal import LOCK, RECORDS, STATEMENT, Journal, journals
from raytemplate.execution.lock import RunLock, read_lock
from raytemplate.history.feature_sets import uses_of
from raytemplate.history.registered import is_model, journal_behind
from raytemplate.history.runs import Run
from raytemplate.ledger.head import ModelVersion
from raytemplate.ledger.opening import open_ledger
from raytemplate.records.codec import canonical
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.fitted import FitResult, WarmStart
from raytemplate.records.ingested import Snapshot
from raytemplate.records.judged import VerdictRecord
from raytemplate.records.profiled import DataProfile
from raytemplate.records.promoted import PromotionRecord
from raytemplate.records.run import RunEnd, RunStart
from raytemplate.reports.lineage_shown import Lineage, Material, Seen, SeenBy
from raytemplate.reports.wording import short
from raytemplate.store.workspace import Workspace
from raytemplate.units import count, show_bytes, show_moment

_NOT_STATED = (RECORDS[PromotionRecord],)
"""Records of which a statement tells nothing that changes."""


def lineage_of(ref: str, workspace: Workspace) -> Lineage:
    """What a run ("last" or the beginning of its id) or a registered model (its name, "name@champion", "name/3") was
    made from.

    Raises:
        UsageError: no such run or model.
        IntegrityError: a record of its run is missing or edited.
    """
    found = _lineage(journal_behind(ref, workspace, "lineage"), workspace)
    if not found.digest:
        return found
    children, users = _children(workspace, found.digest), uses_of(found.digest, workspace)
    return replace(found, made_from_it=tuple(children), features_taken_by=tuple(use.run_id for use in users))


def statement_of(ref: str, workspace: Workspace) -> bytes:
    """The in-toto statement of what `lineage_of` takes, as JSON: the one that was kept when the run ended, or made now
    if there is none or records were written since.

    Raises:
        UsageError: no such run or model.
        IntegrityError: a record of its run is missing or edited, or the kept statement was edited.
    """
    journal = journal_behind(ref, workspace, "lineage")
    written = [line.file for line in journal.passed() if line.file not in _NOT_STATED]
    kept = journal.bytes_of(STATEMENT) if written and written[-1] == STATEMENT else None
    return new_statement(journal, workspace) if kept is None else kept


def new_statement(journal: Journal, workspace: Workspace) -> bytes:
    """The in-toto statement of a run's model as its records are now, as JSON."""
    return json.dumps(_lineage(journal, workspace).statement(), indent=1, ensure_ascii=False).encode()


def _lineage(journal: Journal, workspace: Workspace) -> Lineage:
    """The lineage without the runs that took anything from the model."""
    ledger = open_ledger(workspace)
    versions = tuple(v for name in ledger.models() for v in ledger.history(name).versions)
    lock, start, fit = read_lock(journal), journal.need(RunStart), journal.read(FitResult)
    end, snapshot = journal.read(RunEnd), journal.read(Snapshot)
    digest = fit.candidate.digest if fit else ""
    mine = next((v for v in versions if digest and v.digest == digest and v.model == lock.plan.name), None)
    return Lineage(
        run_id=journal.run_id,
        name=lock.plan.name,
        version=mine.version if mine else 0,
        standing=mine.state if mine else "",
        started=start.started,
        ended=end.ended if end else None,
        by=f"{start.user} on {start.host}",
        template={**lock.resolved},
        as_of=show_moment(lock.plan.as_of),
        raytemplate=lock.raytemplate,
        digest=digest,
        materials=tuple(_materials(journal, lock, versions)),
        files=tuple(
            Material(what="file", name=joined(lock.plan.ingest.root, file.path), digest=file.sha256)
            for file in (snapshot.files if snapshot else ())
        ),
        made_from_it=(),
        features_taken_by=(),
    )


def _materials(journal: Journal, lock: RunLock, versions: tuple[ModelVersion, ...]) -> Iterator[Material]:
    """Everything the run was made from and has recorded, each with its digest, in the order of a run."""
    plan, start, records = lock.plan, journal.need(RunStart), _digests(journal)
    commit = f"; git commit {start.commit[:12]}" if start.commit else ""
    about = f"{start.template}, version {plan.version}{commit}"
    yield Material(what="template", name=about, digest=_sha256(lock.resolved) if lock.resolved else "")
    yield Material(what="plan", name=f"{plan.id}, as of {show_moment(plan.as_of)}", digest=records.get(LOCK, ""))
    yield Material(what="code", name=f"raytemplate {lock.raytemplate}".rstrip(), digest=lock.code_sha256)
    if plan.code.sha256:
        yield Material(what="own modules", name=", ".join(plan.code.modules), digest=plan.code.sha256)
    yield Material(what="environment", name=_environment(lock), digest=_sha256(lock.environment))
    if image := image_of(journal, lock):
        yield Material(what="image", name=image, digest=digest_in(image))
    snapshot, fit = journal.read(Snapshot), journal.read(FitResult)
    if snapshot is not None:
        rows = f"{count(len(snapshot.files), 'file')}, {snapshot.num_rows:,} rows"
        version = f", version {snapshot.version}" if snapshot.version else ""
        marked = "".join(f"; {mark.text}" for mark in Run(journal).marks)
        yield Material(what="snapshot", name=f"{rows}{version}{marked}", digest=snapshot.digest)
    if (name := RECORDS[DataProfile]) in records:
        yield Material(what="profile", name="of the raw columns of each window", digest=records[name])
    if (journal.folder / "profile.json").exists():
        found = hashlib.sha256((journal.folder / "profile.json").read_bytes()).hexdigest()
        yield Material(what="statistics", name="that the features were fitted to", digest=found)
    if (taken := plan.ingest.taken) is not None:
        yield Material(what="features taken", name=_taken(taken), digest=taken.digest)
    if "features.json" in records:
        own = count(len({step.column for step in plan.ingest.features}), "feature")
        about = f"{own}, fitted on the train window" if plan.ingest.features or not taken else "none of its own"
        about += f"; with the {len(taken.features)} taken" if taken else ""
        yield Material(what="features", name=about, digest=records["features.json"])
    warm = journal.read(WarmStart)
    if warm is not None and not warm.problem:
        yield Material(what="trained from", name=_named(warm.digest, versions), digest=warm.digest)
    if fit is not None:
        made = fit.candidate
        about = f"{made.family}, {fit.step} {made.epoch}, {show_bytes(made.num_bytes)}"
        yield Material(what="model", name=about, digest=made.digest)
    evaluation, verdict = journal.read(Evaluation), journal.read(VerdictRecord)
    if evaluation is not None:
        against = f", against version {evaluation.champion_ref.version}" if evaluation.champion_ref else ""
        about = f"{evaluation.num_rows:,} test rows{against}"
        yield Material(what="evaluation", name=about, digest=records.get(RECORDS[Evaluation], ""))
    if verdict is not None:
        about = f"{type(verdict.verdict).__name__.lower()}, {count(len(verdict.verdict.findings), 'finding')}"
        yield Material(what="verdict", name=about, digest=records.get(RECORDS[VerdictRecord], ""))


def _taken(taken: FeatureSet) -> str:
    about = f"{taken.name}, {count(len(taken.features), 'feature')}, of model {short(taken.model_digest)}"
    return about if taken.split else f"{about}; seen until {show_moment(taken.seen_until)}"


def _digests(journal: Journal) -> dict[str, str]:
    """File of the run -> the digest of what was written last."""
    return {line.file: line.sha256 for line in journal.passed()}


def _environment(lock: RunLock) -> str:
    names = {"python": "Python", "torch": "torch", "ray": "ray", "numpy": "numpy", lock.plan.fit.family: ""}
    shown = [f"{said or name} {lock.environment[name]}" for name, said in names.items() if name in lock.environment]
    return ", ".join([*shown, *([lock.cpu] if lock.cpu else [])])


def _sha256(value: object) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def _named(digest: str, versions: tuple[ModelVersion, ...]) -> str:
    found = next((v for v in versions if v.digest == digest), None)
    return f"{found.model}/{found.version}" if found else short(digest)


def _children(workspace: Workspace, digest: str) -> Iterator[str]:
    """Runs whose training started from a model."""
    for journal in journals(workspace):
        with suppress(IntegrityError):
            warm = journal.read(WarmStart)
            if warm is not None and not warm.problem and warm.digest == digest:
                yield journal.run_id


def seen_by(path: str, workspace: Workspace) -> SeenBy:
    """The runs and models that have read a file, a file below a folder, or a table.

    Raises:
        UsageError: no run of the workspace has read it.
    """
    place = split_source(path)[1]
    wanted = place if is_uri(place) else os.path.abspath(place)
    found: list[Seen] = []
    for journal in journals(workspace):
        with suppress(IntegrityError):
            found += _seen(journal, wanted, workspace)
    if not found:
        raise UsageError(f"{path}: no run in {workspace.runs} has read it", next_step="raytemplate runs")
    return SeenBy(path=path, seen=tuple(sorted(found, key=lambda one: one.started, reverse=True)))


def _seen(journal: Journal, wanted: str, workspace: Workspace) -> list[Seen]:
    snapshot = journal.read(Snapshot)
    if snapshot is None:
        return []
    # A Delta table's root was not absolute in earlier versions.
    root, run = str(workspace.folder / read_lock(journal).plan.ingest.root), Run(journal)
    paths = {_normal(joined(root, file.path)): file for file in snapshot.files}
    hit = [file for at, file in paths.items() if at == wanted or at.startswith(wanted.rstrip("/") + "/")]
    row, promotion = run.row(), run.promotion
    version = promotion.version if promotion is not None and promotion.version else 0
    digests = hashlib.sha256("".join(file.sha256 for file in hit).encode()).hexdigest() if len(hit) > 1 else ""
    return [
        Seen(
            run_id=run.id,
            name=row.name,
            version=version,
            state=row.state,
            as_of=show_moment(row.as_of),
            started=row.started,
            num_files=len(hit),
            digest=digests or hit[0].sha256,
        )
    ] if hit else []  # fmt: skip


def _normal(path: str) -> str:
    """A path without `..` and `.`."""
    return path if is_uri(path) else os.path.normpath(path)


def is_file(ref: str, workspace: Workspace) -> bool:
    """Whether a reference is meant as a file, a folder or a table such as `delta:PATH`, and not as a model."""
    if is_model(ref, workspace):
        return False
    path = Path(ref)
    return bool(is_uri(ref) or split_source(ref)[0] or path.exists() or ref.startswith((".", "/")) or path.suffix)
