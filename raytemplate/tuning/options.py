"""The `tuning` namespace: what a template searches, and how."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from raytemplate.data.options import Share
from raytemplate.options import Options, YesNo
from raytemplate.tuning.draws import parse_draw
from raytemplate.units import show

Scheduler = Literal["asha", "hyperband", "median", "none"]
_DRAW_SCHEMA = {
    "type": "string", "pattern": r"^\s*(uniform|loguniform|quniform|int|choice|grid)\s*\(.*\)\s*$",
    "examples": ["loguniform(1e-4, 1e-1)", "int(50, 400)", "choice(64, 128, 256)"],
}  # fmt: skip


def _draw(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError(f"got {show(value)}, expected a draw such as loguniform(1e-4, 1e-1)")
    parse_draw(value)
    return value


class Drawn(Options):
    """One field that a trial draws."""

    draw: Annotated[str, BeforeValidator(_draw), WithJsonSchema(_DRAW_SCHEMA)]
    """Where from: `loguniform(1e-4, 1e-1)`, `uniform(0, 1)`, `quniform(0, 1, 0.25)`, `int(50, 400)`,
    `choice(64, 128)`, `grid(64, 128)`."""

    when: Mapping[str, str | bool | int | float] = {}
    """Other drawn fields and the value that each must have for this one to be drawn, such as
    `{model.kind: lightgbm}`. Default: always."""


class PickSpec(Options):
    """Which of the trials that no other beats in every objective is the candidate."""

    best: str
    """The objective that decides, one after the first, such as `seconds`."""

    within: Share
    """How much worse than the best the first objective may be for it, such as `5 %`."""


_SPACE_SCHEMA: dict[str, Any] = {
    "type": "object", "additionalProperties": {"anyOf": [_DRAW_SCHEMA, {"type": "object"}]},
}  # fmt: skip


class TuningSpec(Options):
    """A search for better values of some fields, in one run; without `space` there is none."""

    space: Annotated[Mapping[str, Drawn], WithJsonSchema(_SPACE_SCHEMA)] = {}
    """Fields of `model` and `training` and settings of `features.columns`, and what each trial draws for them, such as
    `{training.lr: loguniform(1e-4, 1e-1), features.columns.precip.transform: choice(log, none)}`; with a condition
    `{draw: int(50, 400), when: {model.kind: lightgbm}}`. Default: nothing is searched."""

    search: str = "tpe"
    """How values are chosen: `random`, `grid`, `tpe`, `gp`, `cma-es`, or one of a package. It sees the validation
    window only. Default: tpe, which learns from earlier trials and takes every kind of draw."""

    scheduler: Scheduler = "asha"
    """Which trials end early: `asha`, `hyperband` and `median` compare trials of one family after the same epochs (or
    rounds), from a tenth of the most that one may have; `none` trains all to their end. Default: asha."""

    objectives: tuple[str, ...] = ()
    """What trials are compared by, where it is more than one thing: `evaluation.metric` first, then others of
    `evaluation.also` or `seconds` of training, such as `[mae, seconds]`. Needs `pick`. Default: `evaluation.metric`."""

    pick: PickSpec | None = None
    """Of several objectives, which trial is the candidate: `{best: seconds, within: 5 %}` is the one with the fewest
    seconds whose first objective is at most 5 % worse than the best. Default: none."""

    refit: YesNo = True
    """Whether the best values are trained again on train and validation together, for their best number of epochs; else
    the trial's own model is the candidate. Default: yes."""

    warm_start: YesNo = True
    """Whether values that won earlier sweeps of this template in this workspace are tried first, where they can still
    be drawn. Default: yes."""

    max_failed: Share = 0.5
    """Share of the trials that may fail, such as `50 %`, before the sweep does. Default: 50 %."""

    slots: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """Trials at once. Default: as many as fit."""
