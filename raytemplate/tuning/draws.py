"""Draws: how a template describes the values of a searched field, and how a trial draws one."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, cast

from raytemplate.document import parse_value
from raytemplate.errors import SpecError
from raytemplate.units import show

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import BaseTrial

Scalar = str | bool | int | float
_CALL = re.compile(r"\s*([a-z]+)\s*\((.*)\)\s*", re.DOTALL)
_EXAMPLES = {
    "uniform": "uniform(0.1, 0.9)",
    "loguniform": "loguniform(1e-4, 1e-1)",
    "quniform": "quniform(0, 1, 0.25)",
    "int": "int(50, 400)",
    "choice": "choice(64, 128, 256)",
    "grid": "grid(64, 128, 256)",
}
_GOLDEN = 0.6180339887
_Kind = Literal["uniform", "loguniform", "quniform", "int", "choice", "grid"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Draw:
    """A range or a list of values."""

    kind: _Kind
    """The word that the template uses."""

    low: float = 0.0
    """Lower end of a range, included."""

    high: float = 0.0
    """Upper end of a range, included."""

    step: float | None = None
    """Distance between two values of a range; None allows any number in it."""

    values: tuple[Scalar, ...] = ()
    """The values of `choice` and `grid`; empty for a range."""

    @property
    def is_finite(self) -> bool:
        """Whether the number of values is finite, so that all can be tried."""
        return bool(self.values) or self.step is not None

    @property
    def count(self) -> float:
        """Number of values; may be infinite."""
        if self.values:
            return float(len(self.values))
        return math.floor((self.high - self.low) / self.step + 1e-9) + 1.0 if self.step else math.inf

    @property
    def highest(self) -> float:
        """The largest number that can be drawn; NaN for a list without numbers."""
        if self.values:
            numbers = [value for value in self.values if _is_number(value, whole=False)]
            return max(map(float, numbers), default=math.nan)
        return self.low + (self.count - 1) * self.step if self.step else self.high

    def tried(self) -> tuple[Scalar, ...]:
        """Values whose validity implies that of all: the ends of a range and one between them, or the whole list."""
        if self.values:
            return self.values
        if self.kind == "int":
            return (int(self.low), int(self.high))
        inside = self.low + (self.step or _GOLDEN * (self.high - self.low))
        return (float(self.low), float(self.high), inside)

    def every(self) -> tuple[Scalar, ...]:
        """All values, if their number is finite; else ()."""
        if self.values or self.step is None:
            return self.values
        found = (self.low + n * self.step for n in range(int(self.count)))
        return tuple(int(value) if self.kind == "int" else value for value in found)

    def holds(self, value: object) -> bool:
        """Whether this value can be drawn."""
        if self.values:
            return (type(value), value) in {(type(one), one) for one in self.values}
        if not _is_number(value, whole=self.kind == "int"):
            return False
        number = cast("float", value)
        steps = (number - self.low) / self.step if self.step else 0.0
        return self.low <= number <= self.high and abs(steps - round(steps)) < 1e-9

    def draw(self, name: str, trial: BaseTrial) -> Scalar:
        """Draws a value for an Optuna trial."""
        if self.values:
            return cast("Scalar", trial.suggest_categorical(name, self.values))
        if self.kind == "int":
            return trial.suggest_int(name, int(self.low), int(self.high), step=int(self.step or 1))
        return trial.suggest_float(name, self.low, self.high, log=self.kind == "loguniform", step=self.step)

    def distribution(self) -> BaseDistribution:
        """The Optuna distribution that `draw` draws from."""
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        if self.values:
            return CategoricalDistribution(self.values)
        if self.kind == "int":
            return IntDistribution(int(self.low), int(self.high), step=int(self.step or 1))
        return FloatDistribution(self.low, self.high, log=self.kind == "loguniform", step=self.step)


@cache
def parse_draw(text: str) -> Draw:
    """The draw that a text such as "loguniform(1e-4, 1e-1)" describes.

    Raises:
        ValueError: it does not describe a draw; the message says what was expected.
    """
    found = _CALL.fullmatch(text)
    if found is None or found[1] not in _EXAMPLES:
        raise ValueError(f"got {show(text)}, expected a draw such as {', '.join(_EXAMPLES.values())}")
    kind = cast("_Kind", found[1])
    expected = f"got {show(text)}, expected"
    try:
        values = parse_value(f"[{found[2]}]", text)
    except SpecError:
        raise ValueError(f"{expected} values between commas such as {_EXAMPLES[kind]}") from None
    if kind in ("choice", "grid"):
        return _listed(kind, values, expected)
    return _range(kind, values, expected)


def _listed(kind: _Kind, values: Sequence[Any], expected: str) -> Draw:
    if not values or not all(isinstance(value, str | bool | int | float) for value in values):
        raise ValueError(f"{expected} single values such as {_EXAMPLES[kind]}")
    if len({(type(value), value) for value in values}) < len(values):
        raise ValueError(f"{expected} each value once")
    return Draw(kind=kind, values=tuple(values))


def _range(kind: _Kind, values: Sequence[Any], expected: str) -> Draw:
    counts = {"quniform": (3,), "int": (2, 3)}.get(kind, (2,))
    if len(values) not in counts or not all(_is_number(value, whole=kind == "int") for value in values):
        number = "whole numbers" if kind == "int" else "numbers"
        raise ValueError(f"{expected} {' or '.join(map(str, counts))} {number} such as {_EXAMPLES[kind]}")
    low, high = values[0], values[1]
    if not low < high:
        raise ValueError(f"{expected} the lower end first, such as {_EXAMPLES[kind]}")
    if kind == "loguniform" and low <= 0:
        raise ValueError(f"{expected} ends above 0, as a logarithm needs; or uniform({low}, {high})")
    step = values[2] if len(values) == 3 else (1 if kind == "int" else None)
    if step is not None and step <= 0:
        raise ValueError(f"{expected} a step above 0")
    return Draw(kind=kind, low=low, high=high, step=step)


def _is_number(value: object, *, whole: bool) -> bool:
    return isinstance(value, int if whole else int | float) and not isinstance(value, bool)
