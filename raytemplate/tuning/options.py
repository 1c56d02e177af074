"""The `tuning` namespace: which fields a template searches, and how."""

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
    """What to draw from: `loguniform(1e-4, 1e-1)`, `uniform(0, 1)`, `quniform(0, 1, 0.25)`, `int(50, 400)`,
    `choice(64, 128)`, `grid(64, 128)`."""

    when: Mapping[str, str | bool | int | float] = {}
    """Condition: other drawn fields, with the value that each must have for this one to be drawn, such as
    `{model.kind: lightgbm}`. Default: always drawn."""


class PickSpec(Options):
    """Which trial becomes the candidate, of those that no other beats in all objectives."""

    best: str
    """The objective that decides, other than the first, such as `seconds`."""

    within: Share
    """How much worse than the best trial's the first objective may be, such as `5 %`."""


_SPACE_SCHEMA: dict[str, Any] = {
    "type": "object", "additionalProperties": {"anyOf": [_DRAW_SCHEMA, {"type": "object"}]},
}  # fmt: skip


class TuningSpec(Options):
    """A search for better values of some fields, within one run; without `space` nothing is searched."""

    space: Annotated[Mapping[str, Drawn], WithJsonSchema(_SPACE_SCHEMA)] = {}
    """Fields of `model` and `training` and settings of `features.columns`, and what each trial draws for them, such as
    `{training.lr: loguniform(1e-4, 1e-1), features.columns.precip.transform: choice(log, none)}`; with a condition
    `{draw: int(50, 400), when: {model.kind: lightgbm}}`. Default: nothing is searched."""

    search: str = "tpe"
    """How values are chosen: `random`, `grid`, `tpe`, `gp`, `cma-es`, or the search of a plug-in. It sees the
    validation window only. Default: tpe, which learns from earlier trials and supports every kind of draw."""

    scheduler: Scheduler = "asha"
    """Which trials end early: `asha`, `hyperband` and `median` compare trials of one family after the same number of
    epochs (or rounds), from a tenth of the most epochs on; `none` trains all trials to their end. Default: asha."""

    objectives: tuple[str, ...] = ()
    """Several objectives by which trials are compared: `evaluation.metric` first, then others of `evaluation.also` or
    `seconds` of training, such as `[mae, seconds]`. Needs `pick`. Default: `evaluation.metric` alone."""

    pick: PickSpec | None = None
    """Which trial becomes the candidate if there are several objectives: `{best: seconds, within: 5 %}` takes the one
    with the fewest seconds whose first objective is at most 5 % worse than the best. Default: none."""

    refit: YesNo = True
    """Whether the best values are trained again on train and validation together, for their best number of epochs;
    otherwise the trial's own model is the candidate. Default: yes."""

    warm_start: YesNo = True
    """Whether values that won earlier sweeps of this template in this workspace are tried first, if they can still be
    drawn. Default: yes."""

    max_failed: Share = 0.5
    """Share of the trials that may fail, such as `50 %`, before the sweep does. Default: 50 %."""

    slots: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """Number of trials that run at the same time. Default: as many as fit."""
