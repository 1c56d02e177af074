"""What can be in a plan: five stages and the plan itself. Plain data, hashable, comparable, JSON both ways."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from raytemplate.budget import Meter, Spent
from raytemplate.code.files import CodeRef
from raytemplate.data.options import Task
from raytemplate.data.sources.text.rules import Rules
from raytemplate.data.split import Split
from raytemplate.records.codec import Settings, canonical, encode
from raytemplate.records.fitted import WarmStart
from raytemplate.records.run import StageName
from raytemplate.tuning.front import Objective, Pick
from raytemplate.tuning.options import Scheduler
from raytemplate.tuning.space import Knob

WindowName = Literal["train", "validation", "test"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """One half-open window of time. `num_rows` is from the footers: a count where `exact`, else an estimate.

    Where rows are split by hash, `start` and `end` are both as-of and say nothing.
    `share` of the rows that are read are kept, where `data.rows` asks for a sample.
    """

    name: WindowName
    start: datetime
    end: datetime
    length: str
    num_rows: int
    exact: bool
    share: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class FileSlice:
    """The slices of one file that overlap the windows. `path` is relative to the stage's `root` if below it.

    Args:
        sha256: stands for the content of the whole file.
        slices: their numbers in the file.
        handle, handles: what the source must know of the file, and of each slice unless its number says it all; see
            `data.sources.source`.
    """

    path: str
    size_bytes: int
    sha256: str
    slices: tuple[int, ...]
    num_rows: int
    bytes_to_read: int
    handle: Settings = field(default_factory=Settings)
    handles: tuple[Settings, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureStep:
    """One feature to fit: its kind (a plug-in), its column and its settings.

    `inputs` are the columns it is made from, where that is not the one of its name; `build` is the person's own
    function that makes it from them.
    """

    kind: str
    column: str
    settings: Settings
    inputs: tuple[str, ...] = ()
    build: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class IngestStage:
    """Read, check, profile and encode the rows of three windows.

    `target` is a column or, for two classes, a condition;
    `columns` are all columns read; `baseline` is fitted in the same pass;
    `newest` is the newest time in all the data; `contract` is what is promised of its columns;
    `reading` and `location` are what the source must know besides, `version` says which of several it reads: see
    `SourceTable`;
    `split` says which window a row belongs to where there is no `time`;
    `rules` say how values are written, whatever the format (see `data.sources.as_read`); plans made before have None,
    and take text of Parquet and JSON Lines as it is;
    `types` are the columns that are read, and the keys, as a contract calls their types;
    `keeps_rows` where trials encode the rows of train and validation in ways of their own;
    `gaps` where missing values may stay missing in encoded rows: plans of earlier versions fill them all.
    """

    source: str
    root: str
    num_files_listed: int
    files: tuple[FileSlice, ...]
    columns: tuple[str, ...]
    time: str
    target: str
    keys: tuple[str, ...]
    drop: str
    windows: tuple[Window, Window, Window]
    features: tuple[FeatureStep, ...]
    baseline: Settings
    newest: datetime | None
    mode: Literal["memory", "stream"]
    memory_bytes: int
    seed: int
    task: Task = "regression"
    positive: str = ""
    contract: Settings = field(default_factory=Settings)
    reading: Settings = field(default_factory=Settings)
    location: Settings = field(default_factory=Settings)
    version: str = ""
    split: Split | None = None
    keeps_rows: bool = False
    rules: Rules | None = None
    types: Settings = field(default_factory=Settings)
    gaps: bool = False

    def window(self, name: WindowName) -> Window:
        """The window of that name."""
        return next(w for w in self.windows if w.name == name)

    @staticmethod
    def written_now(written: Mapping[str, Any]) -> Mapping[str, Any]:
        """A written stage as it would be written now; earlier versions had a field for each thing a handle holds."""
        if "location" in written:
            return written
        kinds, storage = written.get("partitions", {}), written.get("storage", {})
        return {**written, "location": storage, "files": [_file_now(file, kinds) for file in written["files"]]}


def _file_now(file: Mapping[str, Any], kinds: Mapping[str, str]) -> dict[str, Any]:
    values = {name: [value, kinds[name]] for name, value in file.get("partitions", {}).items()}
    handle = {name: held for name, held in (("columns", file.get("columns")), ("partitions", values)) if held}
    return {
        **file,
        "sha256": file["footer_sha256"],
        "slices": file["row_groups"],
        "handles": file.get("ranges", []),
        "handle": handle,
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class FitStage:
    """Train one model. `workers` 0 is this process (Ray Train's local mode); `step` is what its epochs are called.

    `warm_start` is the champion whose weights it begins with, or why there is none; None where none was asked for.
    `with_validation` trains on the validation window too; nothing is then chosen by it.
    Workers that are lost are started again `max_failures` times, and then `least_workers` of them suffice, or all if 0.
    """

    family: str
    loop: str
    trainer: Literal["torch", "lightgbm", "xgboost", "plain"]
    model: Settings
    training: Settings
    num_epochs: int
    metric: str
    higher_is_better: bool
    workers: int
    cpus_per_worker: float
    gpus_per_worker: float
    memory_per_worker: int
    why: str
    accelerator: str = ""
    step: str = "epoch"
    warm_start: WarmStart | None = None
    with_validation: bool = False
    least_workers: int = 0
    max_failures: int = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepStage:
    """Search for the values of some fields; what follows trains the winner.

    Args:
        arms: what would be trained without a draw, one for each family that may be drawn.
        rows_per_s: of each arm, one trial on what it holds: for the first trials, before any was seen.
        num_trials: most trials; 0 for as many as the budget has time for.
        per_trial_s: longest time of one trial; 0 for no limit of its own.
        slots: trials at once.
        expected_trials: how many the budget is expected to have time for.
        begin_with: values to try first: those that won earlier sweeps.
        objectives: what trials are compared by, where it is more than the deciding metric; then `pick` says which wins.
        tensorboard: whether trials leave events for it.
    """

    search: str
    scheduler: Scheduler
    space: tuple[Knob, ...]
    arms: tuple[FitStage, ...]
    rows_per_s: tuple[float, ...]
    num_trials: int
    per_trial_s: float
    slots: int
    refit: bool
    max_failed: float
    seed: int
    expected_trials: int = 0
    begin_with: tuple[Settings, ...] = ()
    objectives: tuple[Objective, ...] = ()
    pick: Pick | None = None
    tensorboard: bool = False

    @property
    def workers(self) -> int:
        """Processes of one trial."""
        return max(1, self.arms[0].workers)


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupedBy:
    """Rows with the same value of a column are drawn together."""

    column: str


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluateStage:
    """Score candidate, champion and baseline on the test window and compare them.

    `quantile` is the one that is predicted, if one is; `slices` are columns; `latency_rows` rows at once are timed.
    """

    metric: str
    also: tuple[str, ...]
    baseline: Settings
    resample: Literal["day", "hour", "week", "row"] | GroupedBy
    num_resamples: int
    seed: int
    quantile: float | None = None
    slices: tuple[str, ...] = ()
    latency_rows: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class GateConfig:
    """One gate and its settings."""

    name: str
    settings: Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class GovernStage:
    """Judge the evidence. `skips` are gates known beforehand to have nothing to say, with the reason.

    Where it is not `promotable`, it is judged for show: nothing is promoted. `holds` are reasons known beforehand to
    leave the candidate to a person.
    """

    gates: tuple[GateConfig, ...]
    promotion: Literal["automatic", "manual"]
    skips: tuple[str, ...] = ()
    promotable: bool = True
    holds: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class PromoteStage:
    """Move the head, if the verdict allows. `storage` is where a cluster leaves what is judged."""

    model: str
    promotion: Literal["automatic", "manual"]
    tracking_uri: str
    experiment: str
    storage: str = ""


Stage = IngestStage | SweepStage | FitStage | EvaluateStage | GovernStage | PromoteStage


@dataclass(frozen=True, kw_only=True, slots=True)
class StageEstimate:
    """Seconds one stage is expected to take; `work` is what that was worked out from (rows, or rows x epochs)."""

    stage: StageName
    seconds: float
    work: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """What a run is expected to take and cost. `low_s` and `high_s` bound it; `runs_seen` earlier runs went into it."""

    stages: tuple[StageEstimate, ...]
    start_s: float
    low_s: float
    high_s: float
    cost_usd: float
    runs_seen: int

    @property
    def seconds(self) -> float:
        """Seconds from the command to its end."""
        return self.start_s + sum(s.seconds for s in self.stages)

    def stage_s(self, stage: StageName) -> float:
        """Seconds of one stage; 0 if it has no estimate."""
        return next((s.seconds for s in self.stages if s.stage == stage), 0.0)


LEAST_JUDGING_S = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """The budget as ceilings: seconds and US dollars of the whole run, and what is kept for what follows training.

    `usd_per_s` is what the run is charged from its start to its end, `held` what a stage is charged besides, in US
    dollars a second; `basis` says in words how it is charged, at `prices`. Where no price is known, `cost_usd` is
    infinite.
    """

    time_s: float
    cost_usd: float
    reserve_s: float
    usd_per_s: float
    held: Settings = field(default_factory=Settings)
    basis: str = "this machine is free"
    prices: Settings = field(default_factory=Settings)

    def rate(self, stage: StageName) -> float:
        """US dollars a second while a stage is worked on."""
        return self.usd_per_s + self.held_usd_per_s(stage)

    def held_usd_per_s(self, stage: StageName) -> float:
        """US dollars a second of what that stage holds besides."""
        return float(self.held.get(stage, 0.0))

    @property
    def judging_s(self) -> float:
        """Seconds beyond the budget that a run may take to judge a candidate: once, however often it is resumed."""
        return max(self.reserve_s, LEAST_JUDGING_S)

    def reserve_usd(self, seconds: float) -> float:
        """US dollars to keep for so many seconds of what follows training; at most half of all."""
        return min(seconds * self.rate("evaluate"), self.cost_usd / 2)

    def meter(self, earlier: Spent, started: float) -> Meter:
        """The meter that holds a run to these, from `started` on a monotonic clock.

        Seconds of which nobody knows any more what they cost are charged as the dearest stage.
        """
        dearest = self.usd_per_s + max(map(float, self.held.values()), default=0.0)
        return Meter(
            limit_s=self.time_s,
            limit_usd=self.cost_usd,
            reserve_s=self.reserve_s,
            reserve_usd=self.reserve_usd(self.reserve_s),
            judging_s=self.judging_s,
            judging_usd=self.judging_s * self.rate("evaluate"),
            usd_per_s=self.usd_per_s,
            earlier=Spent(seconds=earlier.seconds, usd=earlier.usd + earlier.unpriced_s * dearest),
            started=started,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class RunPlan:
    """A whole run, decided. `sweep` is None where nothing is searched.

    `id` is a hash of what changes its result; `template` and `machine` are for people.

    `code` is the person's own, which travels with the run; `artifacts` are those that `contract` promises;
    `set_outside` are the fields that did not come from a file; `left_out` says what lies in the source and is not read.
    """

    id: str
    name: str
    version: str
    template: str
    as_of: datetime
    ingest: IngestStage
    fit: FitStage
    evaluate: EvaluateStage
    govern: GovernStage
    promote: PromoteStage
    limits: Limits
    forecast: Forecast
    machine: str
    code: CodeRef = field(default_factory=CodeRef)
    variant: str = "standard"
    owner: str = ""
    metadata: Settings = field(default_factory=Settings)
    artifacts: tuple[str, ...] = ()
    sweep: SweepStage | None = None
    set_outside: tuple[str, ...] = ()
    left_out: str = ""

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages in the order they are executed."""
        sweep = () if self.sweep is None else (self.sweep,)
        return (self.ingest, *sweep, self.fit, self.evaluate, self.govern, self.promote)


def plan_id(plan: RunPlan) -> str:
    """Six hex digits over what changes the result: not where it is stored, what it should take or how it is judged."""
    return id_of(encode(plan))


def id_of(plan: Mapping[str, Any]) -> str:
    """The id of a plan as it is written, in which one of an earlier version lacks what there was not yet."""
    ingest = _without(
        plan["ingest"],
        {
            "root": "",
            "newest": None,
            "memory_bytes": 0,
            "num_files_listed": 0,
            "contract": {},
            "location": {},
            "storage": {"kind": "Storage", "endpoint": "", "region": ""},
        },
    )
    sweep = plan.get("sweep")
    more = [sha256] if (sha256 := plan.get("code", {}).get("sha256")) else []
    more += [variant] if (variant := plan.get("variant", "standard")) != "standard" else []
    more += [canonical(_without(sweep, {"expected_trials": 0}))] if sweep else []
    fit, limits = _without(plan["fit"], {"why": ""}), plan["limits"]
    material = canonical([plan["name"], plan["as_of"], ingest, fit, plan["evaluate"], limits["time_s"], *more])
    return hashlib.sha256(material.encode()).hexdigest()[:6]


def _without(record: Mapping[str, Any], blank: Mapping[str, Any]) -> dict[str, Any]:
    """A written record with these of its fields emptied."""
    return {name: blank.get(name, value) for name, value in record.items()}
