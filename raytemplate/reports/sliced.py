"""The slices of an evaluation as people read them: the worst ones in a line, all of them in tables."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from raytemplate.governance.gates.sliced import MIN_ROWS
from raytemplate.loss import loss
from raytemplate.records.evaluated import Estimate, Evaluation, Slice
from raytemplate.reports.charts import strip
from raytemplate.reports.layout import hanging
from raytemplate.reports.wording import estimate_texts
from raytemplate.units import count


@dataclass(frozen=True, kw_only=True, slots=True)
class SliceRow:
    """One slice in a table."""

    value: str
    """The value that its rows share."""
    num_rows: int
    """Its number of rows."""
    candidate: Estimate
    """The candidate's deciding metric."""
    champion: Estimate | None
    """The champion's deciding metric; None if it was not scored."""
    drawn: Markup
    """Both, drawn on the table's scale."""

    @property
    def interval(self) -> str:
        """ "[9.31, 11.13]"; "" if it is not known."""
        _, low, high = estimate_texts(self.candidate)
        return f"[{low}, {high}]" if math.isfinite(self.candidate.low + self.candidate.high) else ""


def worst_text(evaluation: Evaluation) -> str:
    """ "worst slices: carrier UA 10.22 [9.31, 11.13] of 2,310 rows", one for each column; "" if there is none.

    Slices of few rows are left out, because chance alone makes them look bad.
    """
    enough = [one for one in evaluation.slices if one.num_rows >= MIN_ROWS and _known(one, evaluation.metric)]
    worst = [_worst([one for one in enough if one.by == by], evaluation.metric) for by in _columns(enough)]
    if not worst:
        return ""
    return hanging(
        f"  worst slice{'s' * (len(worst) > 1)}: ", "; ".join(_text(one, evaluation.metric) for one in worst)
    )


def slice_tables(evaluation: Evaluation) -> list[tuple[str, list[SliceRow]]]:
    """Each column by which rows were sliced, with its slices in the order of the record."""
    tables: list[tuple[str, list[SliceRow]]] = []
    for by in _columns(evaluation.slices):
        slices = [one for one in evaluation.slices if one.by == by and evaluation.metric in one.candidate]
        tables.append((by, _rows(slices, evaluation)))
    return tables


def _rows(slices: Sequence[Slice], evaluation: Evaluation) -> list[SliceRow]:
    metric, whole = evaluation.metric, evaluation.metrics[evaluation.metric].value
    scale = _scale(slices, metric, whole)
    return [
        SliceRow(
            value=one.value,
            num_rows=one.num_rows,
            candidate=candidate,
            champion=champion,
            drawn=strip(candidate, champion.value if champion else math.nan, whole, scale),
        )
        for one in slices
        for candidate, champion in [_both(one, metric)]
    ]


def _scale(slices: Sequence[Slice], metric: str, whole: float) -> tuple[float, float]:
    """From the lowest to the highest end. Slices of few rows may exceed it: they would squeeze all the others."""
    enough = [one for one in slices if one.num_rows >= MIN_ROWS] or slices
    estimates = [e for one in enough for e in _both(one, metric) if e is not None]
    numbers = [whole, *(number for e in estimates for number in (e.low, e.value, e.high))]
    known = [number for number in numbers if math.isfinite(number)] or [0.0]
    low, high = min(known), max(known)
    return (low, high) if low < high else (low - 1.0, high + 1.0)


def _both(one: Slice, metric: str) -> tuple[Estimate, Estimate | None]:
    champion = one.champion.get(metric) if one.champion else None
    return one.candidate[metric].estimate, champion.estimate if champion else None


def _columns(slices: Sequence[Slice]) -> list[str]:
    return list(dict.fromkeys(one.by for one in slices))


def _known(one: Slice, metric: str) -> bool:
    return metric in one.candidate and math.isfinite(one.candidate[metric].estimate.value)


def _worst(slices: Sequence[Slice], metric: str) -> Slice:
    higher = slices[0].candidate[metric].higher_is_better
    return max(slices, key=lambda one: loss(one.candidate[metric].estimate.value, higher_is_better=higher))


def _text(one: Slice, metric: str) -> str:
    value, low, high = estimate_texts(one.candidate[metric].estimate)
    return f"{one.by} {one.value} {value} [{low}, {high}] of {count(one.num_rows, 'row')}"
