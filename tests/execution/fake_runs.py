"""Whole runs on fakes, in a folder."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from raytemplate.budget import Spent
from raytemplate.execution.execute import Execution
from raytemplate.execution.in_turn import turn_of
from raytemplate.execution.journal import Journal
from raytemplate.execution.lock import write_lock
from raytemplate.ledger.bodies import Grounds
from raytemplate.ledger.head import Ledger
from raytemplate.planning.look import champion_of
from raytemplate.planning.stages import GateConfig
from raytemplate.records.codec import Settings
from raytemplate.records.judged import Actor
from raytemplate.store.content_store import ContentStore
from raytemplate.store.workspace import Workspace, create, new_run
from raytemplate.testing.fakes import FakeClock, FakeEngine, Heard, LedgerPromoter
from raytemplate.testing.sample_plans import sample_govern_stage, sample_plan

ADA, GROUNDS = Actor(name="ada"), Grounds(plan="p", snapshot="s", evaluation_sha256="e")
GATES = (
    GateConfig(name="metric-limit", settings=Settings({"mae": 12})),
    GateConfig(name="beats-champion", settings=Settings({"min_gain": 0})),
)


@dataclass
class FakeRun:
    """One run of the sample plan: made once, executed any number of times, each time with a new engine."""

    folder: Path
    promotion: str = "automatic"
    changes: Mapping[str, Any] = field(default_factory=dict)
    clock: FakeClock = field(default_factory=FakeClock)
    heard: Heard = field(default_factory=Heard)
    gates: tuple[GateConfig, ...] = GATES
    lr: float = 0.0  # if 0, each run gets its own, so that no run repeats another with a different seed

    def __post_init__(self):
        self.workspace = Workspace(self.folder)
        create(self.workspace)
        self.ledger, self.store = Ledger(self.workspace.governance_db), ContentStore(self.workspace.models)
        self.journal = Journal(new_run(self.workspace)[1])
        plan = sample_plan(
            govern=sample_govern_stage(gates=self.gates, promotion=self.promotion, skips=()), **self.changes
        )
        training = {**plan.fit.training, "lr": self.lr or int(self.journal.run_id, 36)}
        self.plan = replace(plan, fit=replace(plan.fit, training=Settings(training)))
        write_lock(self.journal, self.plan, None)

    def execute(self, engine: FakeEngine, *, spent_s: float = 0.0, promoter=None, listener=None):
        """One process's work on the run."""
        limits = self.plan.limits
        meter = limits.meter(Spent(seconds=spent_s), self.clock())
        meter.clock = self.clock
        execution = Execution(
            plan=self.plan,
            journal=self.journal,
            engine=engine,
            promoter=promoter or LedgerPromoter(self.ledger, self.store),
            store=self.store,
            meter=meter,
            listener=listener or self.heard,
            champion_now=lambda: champion_of(self.plan.name, self.workspace),
            package=lambda folder: None,
            turn=turn_of(self.workspace, self.plan.name),
        )
        return execution.run()
