"""The stages of a run and the plan that holds them: plain data, hashable, comparable, JSON both ways."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from raytemplate.budget import Meter, Spent
from raytemplate.code.files import CodeRef
from raytemplate.data.features.fitted import FeatureSet
from raytemplate.data.features.inputs import reads
from raytemplate.data.masking import Mask
from raytemplate.data.options import Task
from raytemplate.data.promises import Promises, leaving_out
from raytemplate.data.sources.text.rules import Rules
from raytemplate.data.split import Split
from raytemplate.records.codec import Settings, canonical, canonical_of_plain, decode, encode
from raytemplate.records.fitted import WarmStart
from raytemplate.records.run import StageName
from raytemplate.tuning.front import Objective, Pick
from raytemplate.tuning.options import Scheduler
from raytemplate.tuning.space import Knob

WindowName = Literal["train", "validation", "test"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """One half-open window of time, or one side of a split by hash."""

    name: WindowName

    start: datetime
    """First moment of the window. With a split by hash, `start` and `end` are both as-of and carry no meaning."""

    end: datetime
    """First moment after the window."""

    length: str
    """The length as the template gives it, such as "30d"; with a split by hash the share, such as "10 %"."""

    num_rows: int
    """Rows in the window according to the listing."""

    exact: bool
    """Whether `num_rows` is a count; otherwise it is an estimate."""

    share: float = 1.0
    """Share of the rows read that are kept; below 1 only if `data.rows` asks for a sample."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FileSlice:
    """The slices of one file that overlap the windows."""

    path: str
    """The file, relative to the stage's `root` if it is below it."""

    size_bytes: int
    """Size of the whole file; 0 if the source has no file to measure."""

    sha256: str
    """Digest that identifies the content of the whole file while planning."""

    slices: tuple[int, ...]
    """Numbers of the slices within the file."""

    num_rows: int
    """Rows in these slices."""

    bytes_to_read: int
    """Bytes of these slices in the columns that the run reads."""

    handle: Settings = field(default_factory=Settings)
    """What the source needs to find the file again; see `data.sources.source`."""

    handles: tuple[Settings, ...] = ()
    """What the source needs to find each slice again; empty if the numbers are enough."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureStep:
    """One feature to fit."""

    kind: str
    """Name of the feature plug-in."""

    column: str
    """Name of the feature; unless `inputs` says otherwise, also the column it is made from."""

    settings: Settings
    """Options of the plug-in."""

    inputs: tuple[str, ...] = ()
    """Columns the feature is made from; empty if that is only `column`."""

    build: str = ""
    """The user's own function that makes the feature from `inputs`, as "module:function"; "" without one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IngestStage:
    """Read, check, profile and encode the rows of three windows."""

    source: str
    """Kind of source, such as "parquet" or "csv"."""

    root: str
    """Folder or URI that relative file paths start from."""

    num_files_listed: int
    """Files the source lists, including those with no rows in the windows."""

    files: tuple[FileSlice, ...]
    """Files to read, each with its slices."""

    columns: tuple[str, ...]
    """All columns to read."""

    time: str
    """Column that holds each row's time; "" if the rows have none."""

    target: str
    """Column to predict or, for two classes, a condition that is true for the positive class."""

    keys: tuple[str, ...]
    """Columns that identify a row."""

    drop: str
    """Condition on the rows to leave out; "" to keep all."""

    windows: tuple[Window, Window, Window]
    """Train, validation and test."""

    features: tuple[FeatureStep, ...]
    """Features to fit on the training window."""

    baseline: Settings
    """The baseline's rule and its columns; fitted in the same pass."""

    newest: datetime | None
    """Newest time in all the data, in the windows or not; None if unknown."""

    mode: Literal["memory", "stream"]
    """Whether the encoded rows are kept in memory or streamed."""

    memory_bytes: int
    """Memory the rows are expected to need, raw and encoded, if they are kept in memory."""

    seed: int
    """Seed of the draw that picks the rows of a sample."""

    task: Task = "regression"
    """What is predicted: a number, one of two classes or one of several."""

    positive: str = ""
    """Target value of the positive class; "" if the target needs none."""

    contract: Settings = field(default_factory=Settings)
    """Column -> what the template's contract promises about it."""

    reading: Settings = field(default_factory=Settings)
    """What the source needs in order to read any of its files; see `SourceTable`."""

    location: Settings = field(default_factory=Settings)
    """What the source needs in order to reach its files; see `SourceTable`."""

    version: str = ""
    """Version to read, for a source that keeps several; else ""."""

    split: Split | None = None
    """Which window a row belongs to when there is no `time`."""

    keeps_rows: bool = False
    """Whether raw train and validation rows are kept, because trials encode them differently."""

    rules: Rules | None = None
    """How values are written, whatever the format (see `data.sources.as_read`). Plans of earlier versions have None and
    take the text of Parquet and JSON Lines files unchanged."""

    types: Settings = field(default_factory=Settings)
    """Columns to read, and the keys -> their types in the words of a contract."""

    gaps: bool = False
    """Whether missing values may stay missing in encoded rows; plans of earlier versions fill all of them."""

    mask: Mask | None = None
    """How values are masked as they are read; None if none are, as in plans of earlier versions."""

    name: str = ""
    """What a person calls the data, such as "flights"; "" in plans of earlier versions."""

    promises: Promises | None = None
    """What the contract promises beyond single columns; None, as in plans of earlier versions, if no row is marked."""

    row_numbers: Settings = field(default_factory=Settings)
    """File -> for each of its slices the rows before it in the file and the rows in it; empty without a contract."""

    source_columns: tuple[tuple[str, str], ...] = ()
    """(column, Arrow type) of all columns of the data, in order; empty in plans of earlier versions."""

    keep: Literal["reference", "copy"] = "reference"
    """Whether a copy of the rows that are read is kept."""

    only_keys: tuple[str, ...] = ()
    """Those of `columns` that nothing reads but `keys`, which tell whose target has changed; they are not profiled."""

    taken: FeatureSet | None = None
    """Fitted features of another model that come before `features`, as they are; None, as in plans of earlier versions,
    if none are taken."""

    @property
    def feature_columns(self) -> tuple[str, ...]:
        """The distinct columns that features are made from, own ones and taken ones."""
        own = tuple(column for step in self.features for column in reads(step))
        return tuple(dict.fromkeys((*(self.taken.columns if self.taken else ()), *own)))

    @property
    def seen_until(self) -> datetime:
        """Moment up to which the candidate has seen data: in training, in the choice of its epoch, or through features
        that it takes."""
        end = self.window("validation").end
        return max(end, self.taken.seen_until) if self.taken and self.split is None else end

    def window(self, name: WindowName) -> Window:
        """The window of that name."""
        return next(w for w in self.windows if w.name == name)

    @staticmethod
    def written_now(written: Mapping[str, Any]) -> Mapping[str, Any]:
        """A stage from a record, in today's form: earlier versions had one field for each item a handle holds."""
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
    """Train one model."""

    family: str
    """Name of the model family."""

    loop: str
    """The family's training loop, as "module:function"."""

    trainer: Literal["torch", "lightgbm", "xgboost", "plain"]
    """Ray Train trainer that runs the loop on several workers."""

    model: Settings
    """Options of the family: the template's `model`."""

    training: Settings
    """Those fields of the template's `training` that the family uses."""

    num_epochs: int
    """Most epochs (trees: rounds, linear: steps) to train."""

    metric: str
    """Metric on the validation window that chooses the best epoch."""

    higher_is_better: bool
    """Whether a larger value of `metric` is better."""

    workers: int
    """Training workers; 0 trains in the driver's own process (Ray Train's local mode)."""

    cpus_per_worker: float
    """CPUs reserved for each worker."""

    gpus_per_worker: float
    """GPUs, or the share of one, reserved for each worker."""

    memory_per_worker: int
    """Bytes of memory reserved for each worker; 0 reserves none."""

    why: str
    """Reason for the number of workers, in words."""

    accelerator: str = ""
    """GPU type the workers require, such as "A100"; "" accepts any."""

    step: str = "epoch"
    """What the family calls one of its epochs, such as "round"."""

    warm_start: WarmStart | None = None
    """Champion whose weights training starts from, or the reason there is none; None if none was asked for."""

    with_validation: bool = False
    """Whether to train on the validation window too; nothing is then chosen by it."""

    least_workers: int = 0
    """Workers that are enough to continue after some were lost; 0 requires all of them."""

    max_failures: int = 3
    """How many times lost workers are restarted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepStage:
    """Search for the values of some fields; the fit stage after it trains the winner."""

    search: str
    """Name of the search that draws the values."""

    scheduler: Scheduler
    """Rule that stops poor trials early."""

    space: tuple[Knob, ...]
    """The fields to search, each with what it is drawn from."""

    arms: tuple[FitStage, ...]
    """What would be trained without a draw: one stage for each family that may be drawn."""

    rows_per_s: tuple[float, ...]
    """Rows a second that one trial of each arm is expected to train, until the first trials have been measured."""

    num_trials: int
    """Most trials; 0 for as many as the budget allows."""

    per_trial_s: float
    """Most seconds for one trial; 0 for no such limit."""

    slots: int
    """Trials at once."""

    refit: bool
    """Whether the winner is trained again, on train and validation together."""

    max_failed: float
    """Share of failed trials above which the sweep gives up."""

    seed: int
    """Seed of the search."""

    expected_trials: int = 0
    """Trials that the budget is expected to allow."""

    begin_with: tuple[Settings, ...] = ()
    """Values to try first: those that won earlier sweeps."""

    objectives: tuple[Objective, ...] = ()
    """What trials are compared by, if by more than the deciding metric; empty otherwise."""

    pick: Pick | None = None
    """Rule that chooses the winner when there are several objectives."""

    tensorboard: bool = False
    """Whether trials write TensorBoard event files."""

    @property
    def workers(self) -> int:
        """Processes that one trial uses."""
        return max(1, self.arms[0].workers)


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupedBy:
    """Resample whole groups of rows."""

    column: str
    """Rows with the same value in this column are drawn together."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluateStage:
    """Score candidate, champion and baseline on the test window and compare them."""

    metric: str
    """The deciding metric."""

    also: tuple[str, ...]
    """Further metrics to report."""

    baseline: Settings
    """The baseline's rule and its columns."""

    resample: Literal["day", "hour", "week", "row"] | GroupedBy
    """What is drawn as a whole for the intervals."""

    num_resamples: int
    """Bootstrap draws for each interval."""

    seed: int
    """Seed of the draws."""

    quantile: float | None = None
    """The quantile the model predicts; None if it predicts none."""

    slices: tuple[str, ...] = ()
    """Columns whose values divide the test window into slices, each scored by itself."""

    latency_rows: int = 0
    """Rows in one timed prediction; 0 if no gate needs the latency."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GateConfig:
    """One gate and its settings."""

    name: str
    """Name of the gate plug-in."""

    settings: Settings
    """The gate's thresholds and other options."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GovernStage:
    """Judge the evidence."""

    gates: tuple[GateConfig, ...]
    """The gates that judge the candidate."""

    promotion: Literal["automatic", "manual"]
    """Whether an approved candidate is promoted at once or waits for a person."""

    skips: tuple[str, ...] = ()
    """Gates already known to be skipped or not to pass, each with the reason."""

    promotable: bool = True
    """Whether the variant may be promoted; if not, the verdict is only shown."""

    holds: tuple[str, ...] = ()
    """Reasons already known to leave the decision to a person."""

    risk: Literal["low", "high"] = "low"
    """How much harm a wrong model does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PromoteStage:
    """Move the head, if the verdict allows it."""

    model: str
    """Name of the registered model."""

    promotion: Literal["automatic", "manual"]
    """Whether an approved candidate is promoted at once or waits for a person."""

    tracking_uri: str
    """The MLflow server or database."""

    experiment: str
    """MLflow experiment that holds the run."""

    storage: str = ""
    """Folder or URI where a cluster leaves the files that are judged; "" if none is set."""

    site: str = ""
    """Folder or URI of the site that is brought up to date after the run; "" if none is set."""

    openlineage: str = ""
    """File, URL or reference to a URL that OpenLineage events of the run go to; "" if none is set."""


Stage = IngestStage | SweepStage | FitStage | EvaluateStage | GovernStage | PromoteStage


@dataclass(frozen=True, kw_only=True, slots=True)
class StageEstimate:
    """How long one stage is expected to take."""

    stage: StageName

    seconds: float
    """Expected seconds."""

    work: float
    """Amount of work behind the estimate: rows; for fit rows x epochs; for sweep trials."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """What a run is expected to take and cost."""

    stages: tuple[StageEstimate, ...]
    """One estimate for each stage, in order."""

    start_s: float
    """Seconds before the first stage: imports and Ray."""

    low_s: float
    """Seconds the whole run is expected to take at least."""

    high_s: float
    """Seconds the whole run is expected to take at most."""

    cost_usd: float
    """Expected US dollars for the whole run."""

    runs_seen: int
    """Earlier runs that corrected the estimate."""

    @property
    def seconds(self) -> float:
        """Seconds from the command to its end."""
        return self.start_s + sum(s.seconds for s in self.stages)

    def stage_s(self, stage: StageName) -> float:
        """Seconds of one stage; 0 if it has no estimate."""
        return next((s.seconds for s in self.stages if s.stage == stage), 0.0)


LEAST_JUDGING_S = 30.0
"""Seconds beyond the budget that judging a candidate may always take."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """The budget as ceilings on time and cost, with the rates at which the run is charged."""

    time_s: float
    """Most seconds for the whole run."""

    cost_usd: float
    """Most US dollars for the whole run; infinite if no price is known."""

    reserve_s: float
    """Seconds of `time_s` kept back for the stages after training."""

    usd_per_s: float
    """US dollars a second, charged from the start of the run to its end."""

    held: Settings = field(default_factory=Settings)
    """Stage -> US dollars a second that it is charged in addition."""

    basis: str = "this machine is free"
    """How the run is charged, in words."""

    prices: Settings = field(default_factory=Settings)
    """The prices behind the rates, each with its source and date."""

    def rate(self, stage: StageName) -> float:
        """US dollars a second while a stage is running."""
        return self.usd_per_s + self.held_usd_per_s(stage)

    def held_usd_per_s(self, stage: StageName) -> float:
        """US dollars a second that a stage is charged on top of the run's own rate."""
        return float(self.held.get(stage, 0.0))

    @property
    def judging_s(self) -> float:
        """Seconds beyond the budget that a run may take to judge a candidate: once, however often it is resumed."""
        return max(self.reserve_s, LEAST_JUDGING_S)

    def reserve_usd(self, seconds: float) -> float:
        """US dollars to keep back for the stages after training; at most half of `cost_usd`.

        Args:
            seconds: how long those stages take.
        """
        return min(seconds * self.rate("evaluate"), self.cost_usd / 2)

    def meter(self, earlier: Spent, started: float) -> Meter:
        """The meter that enforces these limits, from `started` on a monotonic clock.

        Earlier seconds whose cost is no longer known are charged at the rate of the most expensive stage.
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
class Reuse:
    """Whether ingest may be, and is expected to be, taken over from an earlier run. The run itself decides it anew."""

    allowed: bool
    """Whether a run may reuse rows that an earlier run has encoded, and keep its own for later ones."""

    run_id: str = ""
    """The run whose rows are expected to be reused; "" if they are read."""

    why: str = ""
    """Why they are reused, or read again; "" if there is nothing that could be reused."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunPlan:
    """A whole run, decided."""

    id: str
    """Six hex digits over everything that changes the result; see `plan_id`."""

    name: str
    """Name of the template, and of its registered model."""

    version: str
    """Version of the template."""

    template: str
    """Path of the template file, for people to read."""

    as_of: datetime
    """The moment the run pretends it is; the windows end here, less the label delay."""

    ingest: IngestStage

    fit: FitStage

    evaluate: EvaluateStage

    govern: GovernStage

    promote: PromoteStage

    limits: Limits

    forecast: Forecast

    machine: str
    """The machine or cluster in words, for people to read."""

    code: CodeRef = field(default_factory=CodeRef)
    """The user's own code, which travels with the run."""

    variant: str = "standard"
    """Variant of the template that was chosen."""

    owner: str = ""
    """Owner of the template."""

    metadata: Settings = field(default_factory=Settings)
    """The template's own metadata."""

    artifacts: tuple[str, ...] = ()
    """Artifacts that the template's contract promises."""

    sweep: SweepStage | None = None
    """The search for field values; None if nothing is searched."""

    set_outside: tuple[str, ...] = ()
    """Fields whose values did not come from a file."""

    left_out: str = ""
    """What the source holds that is not read, in words."""

    changes: tuple[str, ...] = ()
    """What has changed in the columns of the data since the champion was trained, a line each."""

    reuse: Reuse | None = None
    """What is reused of earlier runs; None, as in plans of earlier versions, if nothing may be."""

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages in the order they are executed."""
        sweep = () if self.sweep is None else (self.sweep,)
        return (self.ingest, *sweep, self.fit, self.evaluate, self.govern, self.promote)


def plan_id(plan: RunPlan) -> str:
    """Six hex digits over everything that changes the result, and not over storage, forecast or governance."""
    return id_of(encode(plan))


def id_of(plan: Mapping[str, Any]) -> str:
    """The id of a plan in its written form; a plan of an earlier version lacks the fields added since."""
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
    mask, promises, sweep = ingest.pop("mask", None), ingest.pop("promises", None), plan.get("sweep")
    taken = ingest.pop("taken", None)
    for name in ("name", "row_numbers", "source_columns", "keep", "only_keys"):
        ingest.pop(name, None)
    out = leaving_out(plan["ingest"].get("contract", {}), decode(Promises, promises)) if promises else []
    more = [canonical({"mask": mask["rules"]})] if mask else []
    more += [canonical({"contract": out})] if out else []
    more += [canonical({"taken": [taken["features"], taken["gaps"]]})] if taken else []
    more += [sha256] if (sha256 := plan.get("code", {}).get("sha256")) else []
    more += [variant] if (variant := plan.get("variant", "standard")) != "standard" else []
    more += [canonical(_without(sweep, {"expected_trials": 0}))] if sweep else []
    fit, limits = _without(plan["fit"], {"why": ""}), plan["limits"]
    material = canonical_of_plain([plan["name"], plan["as_of"], ingest, fit, plan["evaluate"], limits["time_s"], *more])
    return hashlib.sha256(material.encode()).hexdigest()[:6]


def _without(record: Mapping[str, Any], blank: Mapping[str, Any]) -> dict[str, Any]:
    """A written record with the fields named in `blank` emptied."""
    return {name: blank.get(name, value) for name, value in record.items()}
