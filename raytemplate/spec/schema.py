"""A template with every layer merged and validated: `TemplateSpec`, and the namespaces no other room owns."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from raytemplate.data.contract_options import ColumnContract
from raytemplate.data.options import DataSpec, FeaturesSpec
from raytemplate.evaluation.options import EvaluationSpec
from raytemplate.governance.options import GateOptions, GovernanceSpec
from raytemplate.models.options import TrainingSpec
from raytemplate.options import Options, YesNo
from raytemplate.quantities import Duration, Money, Size
from raytemplate.secret import text_or_reference
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
    """The two numbers of a range such as "2..8"; None if it is none."""
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
    """Whose template this is."""

    name: Annotated[str, BeforeValidator(_name), WithJsonSchema(_NAME_SCHEMA)]
    """Name of the template and of the registered model: lower-case letters, digits and dashes."""

    version: Annotated[str, BeforeValidator(_version), WithJsonSchema(_VERSION_SCHEMA)] = "0"
    """Version of the template, such as `1.0.0`. Default: 0."""

    owner: str = ""
    """Who answers for it: a person or a team. Default: nobody."""

    metadata: Mapping[str, MetadataValue] = {}
    """What else people should know of it, by names of their own, such as `{intended-use: staffing of gates}`; the model
    card shows it. Default: nothing."""


class PerWorkerSpec(Options):
    """What one training worker holds."""

    cpus: Annotated[float, Field(gt=0)] = 1.0
    """CPUs of one worker; parts such as 0.5 share a core. Default: 1."""

    gpus: Annotated[float, Field(ge=0)] = 0.0
    """GPUs of one worker. Default: 0."""

    accelerator: str = ""
    """Type of its GPUs as Ray names it, such as `A100`. Default: any."""

    memory: Size | None = None
    """Memory of one worker, such as `2 GB`. Default: not reserved."""


class ResourcesSpec(Options):
    """What the run may hold."""

    workers: Annotated[int | str, BeforeValidator(_workers), WithJsonSchema(_WORKERS_SCHEMA)] = "auto"
    """Training workers: `auto` lets compile choose, `0` trains in this process, `2` starts two, `2..8` as many of these
    as fit. Default: auto."""

    per_worker: PerWorkerSpec = PerWorkerSpec()
    """What each worker holds."""

    max_failures: Annotated[int, Field(ge=0, le=100)] = 3
    """How often training is started again, from its last checkpoint, when workers or their machines are lost; as often
    again when machines are drained. Nothing is started again after an error of the model's own code. Default: 3."""


def _dollars(value: object) -> object:
    """A plain number, or an amount of money such as "0.3 USD"."""
    return parse_money(value) if isinstance(value, str) else value


class PriceSpec(Options):
    """A price, with where it stands and since when it holds: a figure without them cannot be checked."""

    per_hour: Money
    """US dollars an hour, such as `0.05 USD`."""

    source: Annotated[str, Field(min_length=1)]
    """Where the figure comes from, such as the address of a price list."""

    date: datetime.date
    """When it was looked up, such as `2026-01-31`."""


class PricesSpec(Options):
    """What machines cost. Charged is what a run holds, whether it uses it or not."""

    local: Annotated[float, BeforeValidator(_dollars), Field(ge=0)] = 0.0
    """US dollars an hour of this machine, such as `0.3`. Default: 0."""

    cpu: PriceSpec | None = None
    """An hour of one CPU of a cluster. Default: not known."""

    gpu: Mapping[str, PriceSpec] = {}
    """An hour of one GPU of a cluster, by type as Ray names it, such as `A100`. Default: not known."""

    node: Mapping[str, PriceSpec] = {}
    """An hour of a whole node, by its type, which is its Ray label `ray.io/node-group`. Default: not known."""


class BudgetSpec(Options):
    """What a whole run may spend, evaluation included."""

    time: Duration = 3600.0
    """Longest time from the command to its verdict, such as `10m`. Default: one hour, so that nothing runs for ever."""

    cost: Money = 1.0
    """Most US dollars, such as `5 USD`, at `budget.prices`. Default: one dollar."""

    prices: PricesSpec = PricesSpec()
    """What machines cost."""

    trials: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Most trials of a sweep. Default: as many as there is time for."""

    per_trial: Annotated[Duration, Field(gt=0)] | None = None
    """Longest time of one trial, such as `5m`. Default: no limit of its own."""


class TrackingSpec(Options):
    """Where runs and models are tracked."""

    uri: MaybeSecret = ""
    """An MLflow tracking URI; one with a password in it by reference: `{env: NAME}` or `{file: PATH}`. Default: a
    database in the workspace, `.raytemplate/mlflow.db`."""

    experiment: str = ""
    """MLflow experiment. Default: the template's name."""

    storage: str = ""
    """Folder that this machine and a cluster both see, for what `submit` sends and gets back. Default: none."""

    tensorboard: YesNo = False
    """Whether the trials of a sweep leave events for TensorBoard, below `tune` in the run's folder. Default: no."""


class ContractSpec(Options):
    """What the template promises."""

    columns: Mapping[str, ColumnContract] = {}
    """Columns of the data with their `type`, and whether they are `nullable`, their `min`, `max` and `values`. Rows
    that `data.drop` leaves are checked at ingest; a broken promise ends the run. Default: none."""

    artifacts: tuple[Artifact, ...] = ()
    """What each run must leave behind: `model`, `model-card` (a page for people), `evaluation`, `verdict`, `snapshot`,
    `profile`, `plan`. A run that does not fails; nothing is promoted where it shows before. Default: none."""

    metadata: tuple[str, ...] = ()
    """Keys that `metadata` must have, such as `[intended-use]`: a parent may ask its children for them.
    Default: none."""


class CodeSpec(Options):
    """Own code a template may use."""

    modules: tuple[str, ...] = ()
    """Own modules that may be named elsewhere, such as `[my_pkg]`: those beside the template, in its project, or
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
"""Namespaces with one model of their own. `model` has one a family."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Where a value came from. `layer`: "FILE", "environment NAME", "--set ..."; `line` counts from 1, 0 if none;
    `comment` is what the person wrote at its end.
    """

    layer: str
    line: int = 0
    comment: str = ""

    @property
    def where(self) -> str:
        """ "FILE:LINE" or the layer alone."""
        return f"{self.layer}:{self.line}" if self.line else self.layer


@dataclass(frozen=True, kw_only=True)
class TemplateSpec:
    """A whole template: frozen, typed, complete.

    Args:
        path: the file it was loaded from; paths in it are relative to its folder.
        model: the chosen family's own options.
        gates: each gate's validated settings, in the order of the file.
        origins: dotted path of every value that some layer set -> where.
        resolved: the merged document as plain data, as `run.lock` keeps it.
        dropped: dotted paths that a lower layer set for another family, and are not used.
        variant: the variant that was applied; "standard" is the file as written.
        arms: the template without its sweep, once for each family that the sweep may draw; empty where there is none.
    """

    path: Path
    name: str
    version: str
    owner: str
    metadata: Mapping[str, MetadataValue]
    data: DataSpec
    features: FeaturesSpec
    model: Options
    training: TrainingSpec
    tuning: TuningSpec
    resources: ResourcesSpec
    budget: BudgetSpec
    evaluation: EvaluationSpec
    governance: GovernanceSpec
    gates: Mapping[str, GateOptions]
    tracking: TrackingSpec
    contract: ContractSpec
    code: CodeSpec
    origins: Mapping[str, Origin]
    resolved: Mapping[str, Any]
    dropped: tuple[str, ...] = ()
    variant: str = "standard"
    arms: tuple[TemplateSpec, ...] = field(default=(), compare=False)

    @property
    def folder(self) -> Path:
        """The template's folder: what its paths are relative to."""
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
