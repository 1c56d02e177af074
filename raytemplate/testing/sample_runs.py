"""Runs as they lie in a workspace, made of sample records in milliseconds: for what reads many of them."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from raytemplate.execution.journal import LOCK, RECORDS
from raytemplate.execution.lock import RunLock
from raytemplate.ledger.bodies import Grounds
from raytemplate.ledger.head import Head, Ledger
from raytemplate.ledger.opening import open_ledger
from raytemplate.records import codec
from raytemplate.records.codec import Settings
from raytemplate.records.evaluated import ChampionRef
from raytemplate.records.judged import Actor
from raytemplate.records.promoted import PromotionRecord, ending
from raytemplate.store.workspace import Workspace, create
from raytemplate.testing import sample_plans, samples

_GROUNDS = Grounds(plan="81be07", snapshot="5be1" * 16, evaluation_sha256="e7a1" * 16)


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleRun:
    """A run to be made. `outcome` is what becomes of its candidate: promoted, waiting or, with "", rejected."""

    run_id: str
    name: str
    as_of: datetime
    started: datetime
    outcome: str = "promoted"
    value: float = 6.94
    """The candidate's test metric."""
    wall_clock_s: float = 8.1
    cost_usd: float = 0.0
    planned_usd: float = 0.0
    cadence: str = "1 month"


def write_runs(workspace: Workspace, runs: Iterable[SampleRun]) -> None:
    """Write the records of runs, and the ledger's events where there are any, in this order."""
    create(workspace)
    ledger = open_ledger(workspace)
    for run in runs:
        _write_run(workspace, replace(ledger, clock=partial(_judged_at, run)), run)


def _judged_at(run: SampleRun) -> datetime:
    return run.started + timedelta(minutes=1)


def _champion(head: Head) -> ChampionRef:
    sample = samples.sample_evaluation().champion_ref
    assert sample is not None
    return replace(sample, version=head.version, digest=head.digest, run_id=head.run_id)


def _write_run(workspace: Workspace, ledger: Ledger, run: SampleRun) -> None:
    before, digest = ledger.head(run.name), hashlib.sha256(run.run_id.encode()).hexdigest()
    evaluation = replace(
        samples.sample_evaluation(slices=samples.sample_slices(), columns=samples.sample_columns()),
        candidate_digest=digest,
        candidate=samples.sample_scored("candidate", run.value),
        test_end=run.as_of,
        test_start=run.as_of - timedelta(days=14),
        champion=samples.sample_scored("champion", run.value + 1.6, (-1.6, -2.61, -0.83)) if before else None,
        champion_ref=_champion(before) if before else None,
    )
    promotion = _decided(ledger, run, digest)
    verdict = {"promoted": samples.sample_verdict, "waiting": samples.sample_held, "": samples.sample_rejected}
    state, code = ending(promotion)
    fit = samples.sample_fit(candidate=samples.sample_candidate(digest=digest))
    records: list[Any] = [
        samples.sample_start(
            run_id=run.run_id, name=run.name, as_of=run.as_of, started=run.started, planned_usd=run.planned_usd
        ),
        samples.sample_snapshot(),
        fit,
        evaluation,
        samples.sample_verdict_record(verdict=verdict[run.outcome](), candidate_digest=digest),
        *([promotion] if promotion else []),
        samples.sample_end(
            state=state,
            exit_code=code,
            wall_clock_s=run.wall_clock_s,
            cost_usd=run.cost_usd,
            ended=run.started + timedelta(seconds=run.wall_clock_s),
        ),
    ]
    lock = RunLock(
        plan=sample_plans.sample_plan(name=run.name, as_of=run.as_of),
        resolved=Settings({"name": run.name, "governance": {"cadence": run.cadence}, "training": {"epochs": 6}}),
        origins={"name": f"{run.name}.yaml:1", "training.epochs": f"{run.name}.yaml:9"},
        code_sha256="c0de" * 16,
        environment={"python": "3.11.9", "ray": "2.60.0"},
        reasons={"training.epochs": "more overfits"},
    )
    _write(workspace, run.run_id, {LOCK: lock, **{RECORDS[type(record)]: record for record in records}})


def _decided(ledger: Ledger, run: SampleRun, digest: str) -> PromotionRecord | None:
    actor, before = Actor(name="ada", automatic=True), ledger.history(run.name)
    previous = before.head.version if before.head else 0
    if run.outcome == "promoted":
        head = ledger.promote(run.name, digest, run.run_id, run.as_of, before.term, actor, _GROUNDS).head
        version, term = head.version, head.term
    elif run.outcome == "waiting":
        version = ledger.wait(run.name, digest, run.run_id, run.as_of, actor, _GROUNDS).version
        term = before.term
    else:
        return None
    return samples.sample_promotion(
        outcome=run.outcome, model=run.name, version=version, digest=digest, term=term, previous_version=previous
    )


def _write(workspace: Workspace, run_id: str, records: dict[str, Any]) -> None:
    """As a journal writes them, but nothing is synced: a thousand runs are there in seconds."""
    folder = workspace.runs / run_id
    folder.mkdir()
    passed = ""
    for name, record in records.items():
        data = codec.dumps(record)
        (folder / name).write_bytes(data)
        passed += json.dumps({"file": name, "sha256": hashlib.sha256(data).hexdigest()}) + "\n"
    (folder / "passed.jsonl").write_text(passed)
