"""The documents that people need about a candidate, from records alone: model card, data card, evaluation report.

Each is Markdown for people and JSON for programs, named MODEL/VERSION/WHAT. None of them quotes a row, and no figure is
about fewer than `LEAST_ROWS` rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from raytemplate.planning.stages import RunPlan
from raytemplate.records.codec import encode
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.fitted import FitResult
from raytemplate.records.ingested import Snapshot
from raytemplate.records.judged import VerdictRecord
from raytemplate.records.profiled import DataProfile
from raytemplate.records.promoted import PromotionRecord
from raytemplate.reports.data_card import data_card, data_facts
from raytemplate.reports.evaluation_report import evaluation_facts, evaluation_report
from raytemplate.reports.model_card import features_of, limits_of, model_card

SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """One document."""

    name: str
    """Such as "flights-air-time/3/data-card"; the run's id takes the place of the version if it has none."""

    markdown: str
    """For people."""

    data: Mapping[str, Any]
    """For programs: plain JSON values."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CardRecords:
    """The records that the cards are made from."""

    plan: RunPlan
    """The run's plan."""
    run_id: str
    """The run's id."""
    snapshot: Snapshot
    """What it read."""
    fit: FitResult
    """What came of its training."""
    evaluation: Evaluation
    """How good its candidate is."""
    verdict: VerdictRecord
    """What was found of it."""
    promotion: PromotionRecord | None
    """What became of it."""
    profile: DataProfile | None
    """What the raw columns held; None for runs of earlier versions."""

    @property
    def version(self) -> str:
        """The candidate's version or, if it is not registered, the run's id."""
        return str(self.promotion.version) if self.promotion and self.promotion.version else self.run_id


def cards_of(records: CardRecords) -> tuple[Card, ...]:
    """Model card, data card and evaluation report of a run that has been judged."""
    plan, version, made_by = records.plan, records.version, (records.plan, records.run_id)
    card = model_card(*made_by, records.snapshot, records.fit, records.evaluation, records.verdict, records.promotion)
    profile, evaluation = records.profile, records.evaluation
    return (
        _card("ModelCard", f"{plan.name}/{version}/model-card", card, _model_facts(records)),
        _card(
            "DataCard",
            f"{plan.name}/{version}/data-card",
            data_card(*made_by, version, records.snapshot, profile),
            data_facts(*made_by, records.snapshot, profile),
        ),
        _card(
            "EvaluationReport",
            f"{plan.name}/{version}/evaluation-report",
            evaluation_report(*made_by, version, evaluation, records.verdict),
            evaluation_facts(*made_by, evaluation, records.verdict),
        ),
    )


def _card(kind: str, name: str, markdown: str, data: Mapping[str, Any]) -> Card:
    about = {"schema": SCHEMA_VERSION, "kind": kind, "name": name}
    return Card(name=name, markdown=markdown, data={**about, **encode(data)})


def _model_facts(records: CardRecords) -> dict[str, Any]:
    plan, candidate = records.plan, records.fit.candidate
    return {
        "run": records.run_id,
        "plan": plan.id,
        "version": records.promotion.version if records.promotion else 0,
        "outcome": records.promotion.outcome if records.promotion else "rejected",
        "owner": plan.owner,
        "metadata": plan.metadata,
        "as_of": plan.as_of,
        "target": plan.ingest.target,
        "task": plan.ingest.task,
        "family": candidate.family,
        "settings": candidate.settings,
        "features": features_of(plan),
        "digest": candidate.digest,
        "num_bytes": candidate.num_bytes,
        "snapshot": records.snapshot.digest,
        "metrics": records.evaluation.candidate.metrics,
        "gates": records.verdict.verdict.findings,
        "limits": list(limits_of(plan, records.fit, records.evaluation)),
    }
