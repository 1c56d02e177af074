"""The contract of a first template: what the data holds today, with some tolerance."""

import math

from raytemplate.starting.draft.draft import Draft
from raytemplate.starting.draft.yaml_words import sequence, word
from raytemplate.starting.survey.facts import ColumnFacts

RULE = "The columns in use, as they are today. A broken promise ends the run: loosen it if the world may change."
LIMITS = "min and max: today's range, widened by its own width on both sides; a column without negatives keeps min 0."
VALUES = "values: listed if there are at most 20, each in at least 20 rows."
_MOST_VALUES, _LEAST_ROWS_OF_A_VALUE = 20, 20
_LARGEST = 2.0**53
_MOST_WITH_LIMITS, _MOST_WITH_TYPES = 300, 1_500
"""Beyond the first number of columns only types and nulls are promised; beyond the second, only those of the target,
the time and the keys, because a template has at most 10,000 values."""


def promises(draft: Draft) -> list[str]:
    """A line for each column that is used."""
    used = [role for role in draft.roles if role.use != "left out"]
    if len(used) > _MOST_WITH_TYPES:
        used = [role for role in used if role.use in ("target", "time", "key")]
    brief = len(used) > _MOST_WITH_LIMITS
    return [f"    {word(role.column.name)}: {{{_terms(role.column, role.use, brief)}}}" for role in used]


def _terms(column: ColumnFacts, use: str, brief: bool) -> str:
    terms = [f"type: {column.unmasked or column.type}"]
    if column.num_null == 0 or use == "target":  # rows without a target are dropped
        terms.append("nullable: false")
    if brief or column.unmasked:  # promises are about the values in the data, of which none may be shown
        return ", ".join(terms)
    counts = column.values
    if counts and set(counts) == {0, 1} and column.type in ("number", "integer"):
        return ", ".join((*terms, "values: [0, 1]"))
    if column.type in ("number", "integer") and use != "key":
        terms += _limits(column)
    few = column.type == "text" and counts and len(counts) <= _MOST_VALUES
    if few and counts and min(counts.values()) >= _LEAST_ROWS_OF_A_VALUE:
        terms.append(f"values: {sequence(sorted(counts, key=str))}")
    return ", ".join(terms)


def _limits(column: ColumnFacts) -> list[str]:
    low, high = column.min, column.max
    if not isinstance(low, float) or not isinstance(high, float) or not math.isfinite(high - low):
        return []
    width = high - low or max(1.0, abs(high))
    step = 10.0 ** math.floor(math.log10(width))
    if column.type == "integer":
        step = max(1.0, step)
    least = 0.0 if 0 <= low < 2 * width else math.floor((low - width) / step) * step
    most = math.ceil((high + width) / step) * step
    if max(abs(least), abs(most)) > _LARGEST:
        return []
    return [f"min: {_number(least)}", f"max: {_number(most)}"]


def _number(value: float) -> str:
    """A limit as YAML reads it back: ten digits are enough, and 1e-05 would be text while 1.0e-05 is a number."""
    text = f"{value:.10g}"
    mantissa, exponent, power = text.partition("e")
    return text if not exponent else f"{mantissa if '.' in mantissa else mantissa + '.0'}e{power}"
