"""How good the candidate is, what the gates say and how the run ended, in words."""

import math

from raytemplate.planning.stages import RunPlan
from raytemplate.records.evaluated import Difference, Estimate, Evaluation, Scored
from raytemplate.records.judged import AUTOMATIC, Approved, Finding, Held, Rejected, Verdict
from raytemplate.records.promoted import PromotionRecord
from raytemplate.reports.layout import hanging, sentences, table
from raytemplate.reports.waiver_shown import expired_text, waiver_text
from raytemplate.reports.wording import about_seconds, decimals, fixed
from raytemplate.units import show_limit, show_usd, show_usd_limit


def metric_table(evaluation: Evaluation, baseline_name: str) -> str:
    """The deciding metric of candidate, champion and baseline, with the paired differences."""
    num_decimals = _num_decimals(evaluation)
    rows = [(evaluation.metric, "value", _difference_title(evaluation))]
    for name, scored in compared(evaluation, baseline_name):
        metric = scored.metrics.get(evaluation.metric) if scored else None
        text = "-" if metric is None else fixed(metric.estimate.value, num_decimals)
        rows.append((name, text, _difference(scored, evaluation, num_decimals)))
    return table(rows, gaps=(3, 4), right={1}, most={2: 60})


def compared(evaluation: Evaluation, baseline_name: str) -> list[tuple[str, Scored | None]]:
    """Candidate and, if they exist, champion and baseline, with the names that a person reads."""
    found: list[tuple[str, Scored | None]] = [("candidate", evaluation.candidate)]
    if evaluation.champion_ref is not None:
        found.append((f"champion (version {evaluation.champion_ref.version})", evaluation.champion))
    if evaluation.baseline is not None:
        found.append((baseline_name, evaluation.baseline))
    return found


def _num_decimals(evaluation: Evaluation) -> int:
    models = (evaluation.candidate, evaluation.champion, evaluation.baseline)
    found = [model.metrics.get(evaluation.metric) for model in models if model is not None]
    values = [metric.estimate.value if metric is not None else 0.0 for metric in found]
    return decimals(values, apart=values[:1])


def _difference_title(evaluation: Evaluation) -> str:
    if evaluation.champion_ref is None and evaluation.baseline is None:
        return ""
    if not evaluation.num_resamples:
        return "difference, not resampled"
    return f"difference, 95 % interval, {evaluation.resample}s resampled"


def _difference(scored: Scored | None, evaluation: Evaluation, num_decimals: int) -> str:
    if scored is None:
        return f"not compared: {evaluation.champion_problem or 'it could not be scored'}"
    if scored.difference is None:
        return ""
    shown = [_signed(d, num_decimals) for d in _differences(evaluation)]
    value = _signed(scored.difference, num_decimals).rjust(max(len(text) for text in shown))
    return f"{value}  {interval(scored.difference.estimate, num_decimals)}" if evaluation.num_resamples else value


def _differences(evaluation: Evaluation) -> list[Difference]:
    models = (evaluation.champion, evaluation.baseline)
    return [model.difference for model in models if model is not None and model.difference is not None]


def _signed(difference: Difference, num_decimals: int) -> str:
    return fixed(difference.estimate.value, num_decimals, "+")


def interval(estimate: Estimate, num_decimals: int) -> str:
    """ "[-2.61, -0.83]" """
    return f"[{fixed(estimate.low, num_decimals)}, {fixed(estimate.high, num_decimals)}]"


def gate_table(verdict: Verdict) -> str:
    """What each gate found and required; below the table, what to do about those that did not pass, and the waivers."""
    rows = [("gate", "outcome", "found", "required")]
    rows += [(f.gate, f.outcome, f.found, f.required) for f in verdict.findings]
    text = table(rows, gaps=(3, 2, 3), least={2: 30}, most={2: 44, 3: 28})
    waived = {waiver.gate for waiver in verdict.waivers}
    failed = [f for f in verdict.findings if f.outcome != "pass" and f.gate not in waived]
    notes = [hanging(f"  {f.gate}: ", f.hint) for f in failed if f.hint]
    for waiver in verdict.waivers:
        notes.append(hanging(f"  {waiver.gate}: ", waiver_text(waiver)))
    notes += [hanging(f"  {waiver.gate}: ", expired_text(waiver)) for waiver in verdict.expired]
    return "\n".join([text, "", *notes]) if notes else text


def outcome_text(
    name: str, verdict: Verdict, promotion: PromotionRecord | None, *, champion_version: int | None
) -> str:
    """One or two sentences: the verdict, and which version is the champion.

    Args:
        champion_version: the champion after the run, 0 if there is none; None leaves it out, because what a run's own
            records tell may be out of date.
    """
    if promotion is not None and promotion.outcome == "shown":
        return sentences(_shown(verdict, promotion) + _still(champion_version))
    if promotion is not None and promotion.outcome == "unchanged":
        version = promotion.version
        return sentences(
            f"Unchanged: the candidate is byte for byte the champion (version {version}); nothing to promote."
        )
    ledger = f" Ledger: {promotion.ledger_warning}." if promotion is not None and promotion.ledger_warning else ""
    match verdict:
        case Approved():
            became = "is" if champion_version is not None else "became"
            return sentences(_approved(name, verdict, promotion, became) + ledger)
        case Held():
            return sentences(_held(name, verdict, promotion) + _still(champion_version) + ledger)
        case Rejected():
            return sentences(f"Rejected: {_failures(verdict)}.{_still(champion_version)}")


def _shown(verdict: Verdict, promotion: PromotionRecord) -> str:
    """What the gates would say about a candidate that may not be promoted."""
    would = "its gates would let it pass"
    if isinstance(verdict, Rejected):
        would = f"its gates would reject it: {_failures(verdict)}"
    elif held := _held_by(verdict):
        would = f"{', '.join(held)} would leave it to a person"
    return f"For show: variant {promotion.variant} promotes nothing; {would}."


def _approved(name: str, verdict: Approved, promotion: PromotionRecord | None, became: str) -> str:
    person = f" by {verdict.by}" if verdict.by != AUTOMATIC else ""
    word = f"Approved{person}{f': {verdict.reason}' if verdict.reason else ''}"
    but = [f"although {', '.join(verdict.accepted)} held"] if verdict.accepted else []
    but += [f"{', '.join(waiver.gate for waiver in verdict.waivers)} waived"] if verdict.waivers else []
    word += f" ({'; '.join(but)})" if but else ""
    if promotion is None or promotion.outcome != "promoted":
        return f"{word}: the candidate may become the champion of {name}, but was not promoted."
    was = f"was version {promotion.previous_version}" if promotion.previous_version else "the first"
    why = promotion.warning or "raytemplate resume RUN updates it"
    late = f" MLflow's copy is not up to date: {why}." if not promotion.projected else _told(promotion.warning)
    return f"{word}: version {promotion.version} {became} the champion of {name} ({was}).{late}"


def _told(warning: str) -> str:
    """What a person should know about MLflow's copy even though it is up to date."""
    return f" MLflow: {warning}." if warning else ""


def _held(name: str, verdict: Held, promotion: PromotionRecord | None) -> str:
    who = f"version {promotion.version} of {name}" if promotion and promotion.version else f"the candidate for {name}"
    passed = "" if _held_by(verdict) else "passed its gates and "
    if promotion is not None and promotion.outcome == "asked":
        then = f", and then for a person: {verdict.missing}" if verdict.missing else ""
        waits = (
            f"was refused by the promoter: {promotion.warning}"
            if promotion.warning
            else f"waits for the promoter{then}"
        )
        return f"Held: {who} {passed}{waits}."
    why = verdict.missing.removeprefix("a person: ")  # earlier versions wrote this prefix
    return f"Held: {who} {passed}waits for a person: {why}."


def _held_by(verdict: Verdict) -> tuple[str, ...]:
    """The gates that hold and are not waived."""
    waived = {waiver.gate for waiver in verdict.waivers}
    return tuple(f.gate for f in verdict.findings if f.outcome == "hold" and f.gate not in waived)


def _failures(verdict: Rejected) -> str:
    waived = {waiver.gate for waiver in verdict.waivers}
    stopped = [f for f in verdict.findings if f.outcome in ("block", "error") and f.gate not in waived]
    return "; ".join(_failure(f) for f in stopped) or verdict.reason or "no gate ran"


def _failure(finding: Finding) -> str:
    if finding.outcome == "error":
        return f"{finding.gate} could not judge ({finding.found})"
    required = f", required {finding.required}" if finding.required else ""
    return f"{finding.gate} ({finding.found}{required})"


def _still(champion_version: int | None) -> str:
    if champion_version is None:
        return ""
    return f" The champion is still version {champion_version}." if champion_version else " There is still no champion."


def next_command(name: str, run_id: str, verdict: Verdict, promotion: PromotionRecord | None) -> str:
    """The last lines of a run: the command that a person would want next."""
    if promotion is not None and promotion.outcome in ("shown", "asked"):
        return f"  raytemplate {'resume' if promotion.outcome == 'asked' and promotion.warning else 'show'} {run_id}"
    if promotion is not None and promotion.outcome in ("promoted", "unchanged"):
        return f"  raytemplate predict {name} NEW.parquet OUT.parquet"
    if isinstance(verdict, Rejected):
        return f"  raytemplate show {run_id}"
    reason = ' --reason "..."' if _held_by(verdict) else ""
    return f"To promote it:\n  raytemplate promote {run_id}{reason}"


def closing(
    plan: RunPlan,
    verdict: Verdict,
    promotion: PromotionRecord | None,
    *,
    run_id: str,
    champion_version: int,
    wall_clock_s: float,
    cost_usd: float,
    records: str,
    champion_says: str = "",
) -> str:
    """How the run ended, what it took of its budget, where its records are, and the next command.

    Args:
        champion_version: the champion after the run, 0 if there is none.
        records: the run's folder, as a person would type it.
        champion_says: a line about a champion that stays although it would not pass its gates; "" otherwise.
    """
    limits = plan.limits
    took = f"{about_seconds(wall_clock_s)} of {show_limit(limits.time_s)}"
    if not math.isinf(limits.cost_usd):
        took += f", {show_usd(cost_usd)} of {show_usd_limit(limits.cost_usd)} USD"
    spent = f"{took} (planned {about_seconds(plan.forecast.seconds)}). Records: {records}"
    outcome = outcome_text(plan.name, verdict, promotion, champion_version=champion_version)
    says = [sentences(champion_says)] if champion_says else []
    return "\n".join([outcome, *says, spent, next_command(plan.name, run_id, verdict, promotion)])
