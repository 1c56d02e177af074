"""Scores -> Evaluation: candidate, champion and baseline on the same rows, and whether the comparison is fair."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from raytemplate.errors import DataError, TrainingFailed
from raytemplate.evaluation.compare import compare
from raytemplate.evaluation.confusion import confusion
from raytemplate.evaluation.grouped import groups_of
from raytemplate.evaluation.intervals import group_ids
from raytemplate.evaluation.metrics.calibration import reliability
from raytemplate.evaluation.metrics.formula import Groups
from raytemplate.evaluation.residuals import residuals
from raytemplate.evaluation.rows import rows_digest
from raytemplate.evaluation.slices import score_slices
from raytemplate.execution.ports import TestScores
from raytemplate.planning.inventory import Champion
from raytemplate.planning.stages import EvaluateStage, GroupedBy, RunPlan
from raytemplate.records.evaluated import ChampionRef, Evaluation, Scored
from raytemplate.records.fitted import Candidate
from raytemplate.records.ingested import Snapshot


def appraise(
    plan: RunPlan,
    stage: EvaluateStage,
    scores: TestScores,
    *,
    candidate: Candidate,
    champion: Champion | None,
    snapshot: Snapshot,
    problems: Mapping[str, str],
    classes: tuple[str, ...] = (),
) -> Evaluation:
    """The evaluation of one run, from predictions on its test window.

    Args:
        champion: the head when the evidence was taken.
        problems: name -> why a model could not be opened.
        classes: class names in the order of their index; empty for a regression.
    """
    groups, unit = _groups(scores, stage)
    predictions, unusable = _usable(scores.predictions)
    problems = {**unusable, **problems}
    try:
        scored = compare(
            target=scores.target,
            groups=groups,
            predictions=predictions,
            candidate="candidate",
            baseline="baseline",
            metric=stage.metric,
            also=stage.also,
            num_resamples=stage.num_resamples,
            seed=stage.seed,
            quantile=stage.quantile,
        )
    except ValueError as error:
        raise DataError(f"the test window cannot be scored: {error}") from error
    slices = score_slices(
        target=scores.target,
        groups=groups,
        predictions=predictions,
        columns=scores.slices,
        metrics=tuple(dict.fromkeys((stage.metric, *stage.also))),
        num_resamples=stage.num_resamples,
        seed=stage.seed,
        quantile=stage.quantile,
    )
    test, split = plan.ingest.window("test"), plan.ingest.split.id if plan.ingest.split else ""
    return Evaluation(
        metric=stage.metric,
        test_snapshot=snapshot.digest,
        test_start=test.start,
        test_end=test.end,
        candidate_seen_until=plan.ingest.seen_until,
        num_rows=len(scores.target),
        num_train_rows=snapshot.window("train").num_rows,
        resample=unit,
        num_groups=int(groups.max()) + 1 if len(groups) else 0,
        num_resamples=stage.num_resamples,
        term=champion.term if champion else 0,
        candidate_digest=candidate.digest,
        candidate=_with_unknown(scored["candidate"], scores),
        baseline=scored.get("baseline"),
        champion_ref=_ref(champion),
        champion=scored.get("champion"),
        champion_problem=_problem(champion, {**scores.problems, **problems}),
        split=split,
        slices=slices,
        calibration=reliability(scores.target, predictions["candidate"]) if classes else (),
        latency=scores.latency,
        candidate_bytes=candidate.num_bytes,
        confusion=confusion(scores.target, predictions["candidate"], classes),
        columns=scores.columns,
        by_prediction=() if classes else residuals(scores.target, predictions["candidate"]),
        champion_latency=scores.champion_latency,
        test_rows=rows_digest(scores.target, scores.times, split),
    )


def _groups(scores: TestScores, stage: EvaluateStage) -> tuple[Groups, str]:
    """The resampling unit that each row belongs to, and the unit's name."""
    if not isinstance(stage.resample, GroupedBy):
        return group_ids(scores.times, stage.resample), stage.resample
    assert scores.units is not None
    return groups_of(scores.units), f"{stage.resample.column} group"


def _usable(
    predictions: Mapping[str, NDArray[np.float64]],
) -> tuple[dict[str, NDArray[np.float64]], dict[str, str]]:
    """The predictions that are finite throughout, and what is wrong with the others. The candidate's must be finite.

    Raises:
        TrainingFailed: the candidate predicts NaN or infinity.
    """
    bad = {name: int((~np.isfinite(values)).sum()) for name, values in predictions.items()}
    words = {name: f"{count:,} of its predictions are NaN or infinite" for name, count in bad.items() if count}
    if "candidate" in words:
        raise TrainingFailed(
            f"the candidate cannot be judged: {words['candidate']}", next_step="look for extreme values in the features"
        )
    return {name: values for name, values in predictions.items() if name not in words}, words


def _with_unknown(scored: Scored, scores: TestScores) -> Scored:
    return replace(scored, num_unknown_categories=scores.num_unknown.get(scored.name, 0))


def _ref(champion: Champion | None) -> ChampionRef | None:
    if champion is None:
        return None
    return ChampionRef(
        version=champion.version,
        digest=champion.digest,
        term=champion.term,
        run_id=champion.run_id,
        seen_until=champion.seen_until,
        split=champion.split,
    )


def _problem(champion: Champion | None, problems: Mapping[str, str]) -> str:
    """Why the champion could not be scored; "" if it was."""
    if champion is None:
        return ""
    if "champion" in problems:
        return f"version {champion.version} cannot be scored: {problems['champion']}"
    return ""
