"""Evidence from few units of resampling: only a person may approve on it."""

from dataclasses import replace

from raytemplate.records.evaluated import Evaluation
from raytemplate.records.judged import Finding

LEAST_UNITS = 10
"""Fewest days, hours or groups: fewer tell too little about the spread between them, however wide the interval."""

_FINER = {"week": "day", "day": "hour", "hour": "row"}


def held_if_thin(finding: Finding, evaluation: Evaluation) -> Finding:
    """The finding of a gate on intervals, a hold instead of a pass if fewer than `LEAST_UNITS` were resampled."""
    if finding.outcome != "pass" or evaluation.num_groups >= LEAST_UNITS:
        return finding
    units = units_text(evaluation.num_groups, evaluation.resample)
    window = "data.split.test" if evaluation.split else "data.windows.test"
    hint = f"fewer than {LEAST_UNITS}: {more_units(evaluation.resample, f'a longer {window}')}"
    return replace(finding, outcome="hold", found=f"{finding.found}, on {units} only", hint=hint)


def units_text(number: int, unit: str) -> str:
    """ "7 days" """
    return f"{number:,} {unit}{'s' * (number != 1)}"


def more_units(unit: str, longer: str) -> str:
    """Advice on how to get enough units: more of the same, or smaller ones if those are independent."""
    finer = _FINER.get(unit)
    return f"{longer}, or evaluation.resample: {finer} if {finer}s are independent" if finer else longer
