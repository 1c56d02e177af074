"""All that a gate may look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from raytemplate.records.codec import Settings
from raytemplate.records.evaluated import Evaluation


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """The evaluation, and rows by window ("train", "validation", "test"). Gates see nothing else."""

    evaluation: Evaluation
    rows: Mapping[str, int]


def evidence_of(evaluation: Evaluation, rows: Mapping[str, int]) -> Evidence:
    """Evidence that no gate can change."""
    return Evidence(evaluation=evaluation, rows=Settings(rows))
