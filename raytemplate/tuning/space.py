"""The space of a sweep: the fields that a trial draws, with their conditions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from raytemplate.document import split_path
from raytemplate.records.codec import Settings
from raytemplate.tuning.draws import Scalar, parse_draw
from raytemplate.tuning.options import Drawn

if TYPE_CHECKING:
    from optuna.trial import BaseTrial


KIND = "model.kind"
"""The one field that decides which others exist."""
COLUMNS = "features.columns."
"""Prefix of the names of searched column settings."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Knob:
    """One searched field."""

    name: str
    """Its dotted name."""

    draw: str
    """The draw as the template writes it."""

    when: Settings = field(default_factory=Settings)
    """Values that other drawn fields must have for it to be drawn."""


def knobs(space: Mapping[str, Drawn]) -> tuple[Knob, ...]:
    """The knobs of a space, each after those that it depends on.

    Raises:
        ValueError: some depend on each other in a circle; the message names them.
    """
    left, ordered = dict(space), list[Knob]()
    while left:
        free = [name for name, one in left.items() if not set(one.when) & left.keys()]
        if not free:
            raise ValueError(f"each of {', '.join(left)} depends on another")
        ordered += [Knob(name=name, draw=left[name].draw, when=Settings(left.pop(name).when)) for name in free]
    return tuple(ordered)


def conditions(space: Mapping[str, Drawn], name: str) -> dict[str, Scalar]:
    """The values that other fields have whenever this one is drawn."""
    when = space[name].when
    return {**{k: v for other in when for k, v in conditions(space, other).items()}, **when}


def every_point(space: tuple[Knob, ...]) -> Iterator[dict[str, Scalar]]:
    """All combinations of values, in the order of the file, if each draw is finite."""
    yield from _points(space, {})


def _points(left: tuple[Knob, ...], chosen: dict[str, Scalar]) -> Iterator[dict[str, Scalar]]:
    if not left:
        yield dict(chosen)
        return
    knob, *others = left
    if not _holds(knob, chosen):
        yield from _points(tuple(others), chosen)
        return
    for value in parse_draw(knob.draw).every():
        yield from _points(tuple(others), {**chosen, knob.name: value})


def _holds(knob: Knob, values: Mapping[str, Any]) -> bool:
    return all(values.get(name) == wanted for name, wanted in knob.when.items())


def can_draw(space: tuple[Knob, ...], values: Mapping[str, Any]) -> bool:
    """Whether one trial can have exactly these values."""
    drawn = {knob.name: parse_draw(knob.draw) for knob in space if _holds(knob, values)}
    return drawn.keys() == values.keys() and all(draw.holds(values[name]) for name, draw in drawn.items())


def draw_all(space: tuple[Knob, ...], trial: BaseTrial) -> dict[str, Scalar]:
    """Draws the values of one trial, by field; fields whose condition does not hold are left out."""
    values: dict[str, Scalar] = {}
    for knob in space:
        if _holds(knob, values):
            values[knob.name] = parse_draw(knob.draw).draw(knob.name, trial)
    return values


def drawn_settings(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Column -> the settings that a trial drew for it."""
    by_column: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        if name.startswith(COLUMNS):
            *_, column, setting = split_path(name)
            by_column.setdefault(column, {})[setting] = value
    return by_column
