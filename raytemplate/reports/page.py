"""One run as one self-contained HTML page: no scripts, no requests, inline styles and charts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from raytemplate.data.features.feature_statistics import FeatureStatistics
from raytemplate.records.evaluated import Estimate, Scored
from raytemplate.records.profiled import DataProfile
from raytemplate.reports.charts import curve, intervals_chart, reliability_curve, stages_chart
from raytemplate.reports.columns_shown import MOST_DRAWN, column_rows, leant_on, profile_rows
from raytemplate.reports.contract_shown import broken_rows
from raytemplate.reports.history import EventRow
from raytemplate.reports.prediction_charts import against_chart, residual_chart
from raytemplate.reports.profile_charts import columns_drawn, drawn_classes, target_by_time
from raytemplate.reports.resolved import leaves, value_text
from raytemplate.reports.run_shown import RunView
from raytemplate.reports.sliced import slice_tables
from raytemplate.reports.sweep_shown import sweep_section
from raytemplate.reports.templates import templates
from raytemplate.reports.verdict import compared, outcome_text
from raytemplate.reports.wording import baseline_name, head_line


@dataclass(frozen=True, kw_only=True, slots=True)
class MadeFrom:
    """What a run's lock adds to its records."""

    code_sha256: str
    """Digest of this package's code."""
    environment: Mapping[str, str]
    """Package -> version."""
    resolved: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The template with every layer merged."""
    origins: Mapping[str, str] = field(default_factory=dict[str, str])
    """Path of a template value -> its location."""
    reasons: Mapping[str, str] = field(default_factory=dict[str, str])
    """Path of a template value -> the comment beside it."""

    def said(self) -> list[tuple[str, str, str, str]]:
        """Path, value, reason and location of every value that a layer sets; defaults are left out."""
        return [
            (path, value_text(value), self.reasons.get(path, ""), self.origins[path])
            for path, value in leaves(self.resolved)
            if path in self.origins
        ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Around:
    """The pages of a site that a run's page leads to, as relative links."""

    home: str
    """The page of all models."""
    model: str
    """The page of the run's model."""


def report_page(
    view: RunView,
    made: MadeFrom,
    events: Sequence[EventRow],
    train: FeatureStatistics | None = None,
    around: Around | None = None,
    profile: DataProfile | None = None,
) -> str:
    """The page of a run so far, with the history of its model's champions. All text is escaped.

    Args:
        events: the model's events, oldest first.
        train: statistics of the training rows.
        profile: the raw profile of its windows; None if none was kept.
        around: the links of a page in a site; a page of its own has none.
    """
    return (
        templates()
        .get_template("run.html")
        .render(
            view=view,
            made=made,
            around=around,
            events=events,
            head=head_line(view.plan, view.start.run_id),
            health=_health(view),
            models=_models(view),
            comparison=intervals_chart(_estimates(view)),
            slices=slice_tables(view.evaluation) if view.evaluation else (),
            calibration=reliability_curve(view.evaluation.calibration if view.evaluation else ()),
            sweep=sweep_section(view),
            stages=stages_chart(view.end.timings if view.end else ()),
            loss=curve(view.fit.epochs if view.fit else (), "train_loss", view.fit.step if view.fit else ""),
            validation=curve(view.fit.epochs if view.fit else (), "validation", view.fit.step if view.fit else ""),
            importance=_importance(view),
            columns=column_rows(view.evaluation) if view.evaluation else (),
            against=against_chart(view.evaluation.by_prediction if view.evaluation else ()),
            residuals=residual_chart(view.evaluation.by_prediction if view.evaluation else ()),
            broken=broken_rows(view.snapshot.contract if view.snapshot else None),
            used=profile_rows(train),
            profile=profile,
            raw=columns_drawn(profile) if profile else (),
            by_time=target_by_time(profile) if profile else "",
            classes=drawn_classes(profile) if profile else (),
            train=train,
        )
    )


def _health(view: RunView) -> tuple[str, str]:
    """The run's state in one word, and a sentence that explains it."""
    state = view.end.state if view.end else "unfinished"
    if view.verdict is not None:
        return state, outcome_text(view.plan.name, view.verdict, view.promotion, champion_version=None)
    return state, (view.end.message if view.end else "") or "The run has not ended."


def _importance(view: RunView) -> Markup:
    found = leant_on(view.evaluation)[:MOST_DRAWN] if view.evaluation else []
    return intervals_chart(found, "what the metric loses without each column", same=True)


def _models(view: RunView) -> list[tuple[str, Scored | None]]:
    if view.evaluation is None:
        return []
    return compared(view.evaluation, baseline_name(view.plan.evaluate.baseline))


def _estimates(view: RunView) -> list[tuple[str, Estimate]]:
    metric = view.plan.evaluate.metric
    return [(name, m.metrics[metric].estimate) for name, m in _models(view) if m is not None and metric in m.metrics]
