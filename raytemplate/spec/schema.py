"""`TemplateSpec`, a template with every layer merged and validated, and the namespaces that no other room owns."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from raytemplate.data.contract_options import ColumnContract, KeyRuleField, RowRuleField, ShareOrCount
from raytemplate.data.options import DataSpec, FeaturesSpec
from raytemplate.data.sources.storage import uri_fault
from raytemplate.evaluation.options import EvaluationSpec
from raytemplate.governance.options import GateOptions, GovernanceSpec
from raytemplate.models.options import TrainingSpec
from raytemplate.options import Options, YesNo
from raytemplate.quantities import Duration, Money, Size
from raytemplate.secret import is_reference, text_or_reference
from raytemplate.tuning.options import TuningSpec
from raytemplate.units import parse_money, show


def _workers(value: object) -> object:
    if value == "auto" or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    bounds = worker_bounds(value)
    if bounds is not None and 1 <= bounds[0] <= bounds[1]:
        return value
    expected = "expected auto, a whole number, 0 (this process) or more, or a range such as 2..8"
    raise ValueError(f"got {value!r}, {expected}".replace("'", '"'))


def worker_bounds(value: object) -> tuple[int, int] | None:
    """The two numbers of a range such as "2..8"; None if `value` is not a range."""
    found = re.fullmatch(r"(\d+)\.\.(\d+)", value) if isinstance(value, str) else None
    return (int(found[1]), int(found[2])) if found else None


def _name(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"[a-z0-9-]+", value):
        return value
    raise ValueError(f'got {show(value)}, expected lower-case letters, digits and dashes such as "flights-air-time"')


def _version(value: object) -> object:
    if isinstance(value, str) or (isinstance(value, int | float) and not isinstance(value, bool)):
        return str(value)
    raise ValueError(f'got {show(value)}, expected a version such as "1.0.0"')


def _site(value: str) -> str:
    if "://" in value and (fault := uri_fault(value)):
        raise ValueError(fault)
    return value


def _events_to(value: str) -> str:
    if "://" in value and not is_reference(value) and not value.startswith(("http://", "https://")):
        raise ValueError("expected a file, or a URL that begins with http:// or https://")
    return value


_WORKERS_SCHEMA: dict[str, Any] = {
    "anyOf": [{"const": "auto"}, {"type": "integer", "minimum": 0}, {"type": "string", "pattern": r"^\d+\.\.\d+$"}],
    "examples": ["auto", 2, "2..8"],
}
_NAME_SCHEMA = {"type": "string", "pattern": "^[a-z0-9-]+$", "examples": ["flights-air-time"]}
_VERSION_SCHEMA = {"type": ["string", "number"], "examples": ["1.0.0"]}
_PLACES = {
    "env": {"type": "string", "description": "Environment variable that holds the secret."},
    "file": {"type": "string", "description": "File that holds the secret, relative to the template."},
}
_REFERENCE = {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": False}
MaybeSecret = Annotated[
    str,
    BeforeValidator(text_or_reference),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {**_REFERENCE, "properties": _PLACES},
            ]
        }
    ),
]


MetadataValue = str | bool | int | float | tuple[str, ...]
Artifact = Literal["model", "model-card", "evaluation", "verdict", "snapshot", "profile", "plan"]


class HeaderSpec(Options):
    """Name, version and owner of the template."""

    name: Annotated[str, BeforeValidator(_name), WithJsonSchema(_NAME_SCHEMA)]
    """Name of the template and of the registered model: lower-case letters, digits and dashes."""

    version: Annotated[str, BeforeValidator(_version), WithJsonSchema(_VERSION_SCHEMA)] = "0"
    """Version of the template, such as `1.0.0`. Default: 0."""

    owner: str = ""
    """Person or team responsible for the template. Default: nobody."""

    metadata: Mapping[str, MetadataValue] = {}
    """Anything else people should know about the template, under names of your choice, such as
    `{intended-use: staffing of gates}`; the model card shows it. Default: nothing."""


class PerWorkerSpec(Options):
    """What one training worker holds."""

    cpus: Annotated[float, Field(gt=0)] = 1.0
    """CPUs of one worker; workers with a fraction such as 0.5 share a core. Default: 1."""

    gpus: Annotated[float, Field(ge=0)] = 0.0
    """GPUs of one worker. Default: 0."""

    accelerator: str = ""
    """Type of the worker's GPUs as Ray names it, such as `A100`. Default: any."""

    memory: Size | None = None
    """Memory of one worker, such as `2 GB`. Default: not reserved."""


class ResourcesSpec(Options):
    """What the run may hold."""

    workers: Annotated[int | str, BeforeValidator(_workers), WithJsonSchema(_WORKERS_SCHEMA)] = "auto"
    """Training workers: `auto` leaves the number to the plan, `0` trains in this process, `2` starts two, `2..8` starts
    as many in that range as fit. Default: auto."""

    per_worker: PerWorkerSpec = PerWorkerSpec()
    """What each worker holds."""

    max_failures: Annotated[int, Field(ge=0, le=100)] = 3
    """How many times training is restarted from its last checkpoint after workers or their machines are lost; the same
    number again applies to drained machines. An error in the model's own code is never retried. Default: 3."""


def _dollars(value: object) -> object:
    """A plain number, or an amount of money such as "0.3 USD"."""
    return parse_money(value) if isinstance(value, str) else value


class PriceSpec(Options):
    """A price with its source and date: without them the figure cannot be checked."""

    per_hour: Money
    """US dollars an hour, such as `0.05 USD`."""

    source: Annotated[str, Field(min_length=1)]
    """Where the figure comes from, such as the address of a price list."""

    date: datetime.date
    """When it was looked up, such as `2026-01-31`."""


class PricesSpec(Options):
    """What machines cost. A run is charged for what it holds, whether it uses it or not."""

    local: Annotated[float, BeforeValidator(_dollars), Field(ge=0)] = 0.0
    """US dollars an hour for this machine, such as `0.3`. Default: 0."""

    cpu: PriceSpec | None = None
    """Price of one CPU of a cluster. Default: unknown."""

    gpu: Mapping[str, PriceSpec] = {}
    """Price of one GPU of a cluster, by type as Ray names it, such as `A100`. Default: unknown."""

    node: Mapping[str, PriceSpec] = {}
    """Price of a whole node, by its type, which is its Ray label `ray.io/node-group`. Default: unknown."""


class BudgetSpec(Options):
    """What a whole run may spend, evaluation included."""

    time: Duration = 3600.0
    """Longest time from the command to its verdict, such as `10m`. Default: one hour, so that nothing runs for ever."""

    cost: Money = 1.0
    """Most US dollars to spend, such as `5 USD`, at the prices in `budget.prices`. Default: one dollar."""

    prices: PricesSpec = PricesSpec()
    """What machines cost."""

    trials: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Most trials of a sweep. Default: as many as there is time for."""

    per_trial: Annotated[Duration, Field(gt=0)] | None = None
    """Longest time of one trial, such as `5m`. Default: no such limit."""


class TrackingSpec(Options):
    """Where runs and models are tracked."""

    uri: MaybeSecret = ""
    """MLflow tracking URI. If it contains a password, give it by reference: `{env: NAME}` or `{file: PATH}`. Default: a
    database in the workspace, `.raytemplate/mlflow.db`."""

    experiment: str = ""
    """MLflow experiment. Default: the template's name."""

    site: Annotated[str, AfterValidator(_site)] = ""
    """Folder, or URI such as `s3://bucket/prefix`, of the site of all models (`raytemplate site`) that each run brings
    up to date when it ends; a site that cannot be written is a warning. Default: none."""

    openlineage: Annotated[MaybeSecret, AfterValidator(_events_to)] = ""
    """File that [OpenLineage](lineage.md#openlineage) events are added to, one a line, or URL of a server that takes
    them; by reference, `{env: NAME}` or `{file: PATH}`, if the URL contains a password. Events that cannot be sent are
    a warning. Needs `raytemplate[lineage]`. Default: none."""

    storage: str = ""
    """Folder visible to this machine and the cluster, through which `submit` sends and receives files.
    Default: none."""

    tensorboard: YesNo = False
    """Whether the trials of a sweep write TensorBoard events, below `tune` in the run's folder. Default: no."""


class ContractSpec(Options):
    """What the template promises."""

    columns: Mapping[str, ColumnContract] = {}
    """Columns of the data, each with its `type`, `nullable`, `min`, `max`, `values`, `regex` and `max_missing`. The
    rows that remain after `data.drop` are checked at ingest; a broken promise ends the run, unless `on_breach` says
    otherwise. Default: none."""

    rows: tuple[RowRuleField, ...] = ()
    """Conditions that no row may contradict, such as `["wind_speed <= 120"]`, each as text or as
    `{rule: "wind_speed <= 120", on_breach: quarantine}`. The rows that remain after `data.drop` are checked as they are
    read, before they are masked; a row in which a condition is null breaks nothing. Default: none."""

    unique: KeyRuleField | None = None
    """Columns that together occur only once, such as `[time_hour, carrier, flight, origin]`, or
    `{rule: [time_hour, flight], on_breach: quarantine}`. Of the rows that all other promises leave, those break it
    whose key an earlier row has, in the order of files and rows. Default: none."""

    min_rows: Annotated[int, Field(ge=1)] | None = None
    """Least number of rows in the three windows together, after all that is left out. Default: any."""

    freshness: Duration | None = None
    """Longest time, such as `7d`, between the newest row of the windows and their end, which is as-of less
    `data.windows.label_delay`. Default: any."""

    max_quarantined: ShareOrCount = 0.01
    """Most rows that may be quarantined before the run fails: a share of the rows of any one window, such as `1 %`, or
    a number of rows of all windows. Default: 1 %, because a fault in more rows is no fault of single rows."""

    artifacts: tuple[Artifact, ...] = ()
    """What each run must leave behind: `model`, `model-card` (a page for people), `evaluation`, `verdict`, `snapshot`,
    `profile`, `plan`. A run without one of them fails; if it is missed before promotion, nothing is promoted. Default:
    none."""

    metadata: tuple[str, ...] = ()
    """Keys that `metadata` must have, such as `[intended-use]`: a parent may require them of its children.
    Default: none."""


class CodeSpec(Options):
    """Your own code that the template may use."""

    modules: tuple[str, ...] = ()
    """Your own modules that other fields may name, such as `[my_pkg]`: next to the template, in its project, or
    installed. Their Python files travel with each run and model. Default: none."""


NAMESPACES: Mapping[str, type[Options]] = {
    "data": DataSpec,
    "features": FeaturesSpec,
    "training": TrainingSpec,
    "tuning": TuningSpec,
    "resources": ResourcesSpec,
    "budget": BudgetSpec,
    "evaluation": EvaluationSpec,
    "governance": GovernanceSpec,
    "tracking": TrackingSpec,
    "contract": ContractSpec,
    "code": CodeSpec,
}
"""Namespace -> its model. `model` is not among them: it has one model for each family."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Where a value came from."""

    layer: str
    """Name of the layer: the file, "environment NAME" or "--set ..."."""

    line: int = 0
    """Line in the file, from 1; 0 if the layer is not a file."""

    comment: str = ""
    """The comment at the end of that line."""

    @property
    def where(self) -> str:
        """ "FILE:LINE" or the layer alone."""
        return f"{self.layer}:{self.line}" if self.line else self.layer


@dataclass(frozen=True, kw_only=True, repr=False)
class TemplateSpec:
    """A whole template: frozen, typed, complete. `HeaderSpec` and `NAMESPACES` document the fields of the file."""

    path: Path
    """The file it was loaded from; paths in it are relative to its folder."""

    name: str

    version: str

    owner: str

    metadata: Mapping[str, MetadataValue]

    data: DataSpec

    features: FeaturesSpec

    model: Options
    """The chosen family's own options."""

    training: TrainingSpec

    tuning: TuningSpec

    resources: ResourcesSpec

    budget: BudgetSpec

    evaluation: EvaluationSpec

    governance: GovernanceSpec

    gates: Mapping[str, GateOptions]
    """Each gate's validated settings, in the order of the file."""

    tracking: TrackingSpec

    contract: ContractSpec

    code: CodeSpec

    origins: Mapping[str, Origin]
    """Dotted path of every value that some layer set -> where it was set."""

    resolved: Mapping[str, Any]
    """The merged document with defaults, as plain data; `run.lock` keeps it."""

    dropped: tuple[str, ...] = ()
    """Dotted paths that a lower layer set for another family and that are not used."""

    removed_outside: tuple[str, ...] = ()
    """Dotted paths of entries that the files have and that --set, the environment or Python took out."""

    variant: str = "standard"
    """The variant that was applied; "standard" is the file as written."""

    arms: tuple[TemplateSpec, ...] = field(default=(), compare=False)
    """The template without its sweep, once for each family that the sweep may draw; empty without a sweep."""

    def __repr__(self) -> str:
        variant = f", variant {self.variant}" if self.variant != "standard" else ""
        return f"<template {self.name} {self.version}, {self.family}{variant}, {self.path}>"

    @property
    def folder(self) -> Path:
        """The template's folder, which its paths are relative to."""
        return self.path.parent

    @property
    def family(self) -> str:
        """Name of the model family."""
        return str(getattr(self.model, "kind"))  # noqa: B009

    def where(self, path: str) -> str:
        """Where the value at a dotted path, or the nearest one above it, was set."""
        while path:
            if path in self.origins:
                return self.origins[path].where
            path = path.rpartition(".")[0]
        return str(self.path)
