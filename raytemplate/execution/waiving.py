"""Whether a gate of a judged run may be waived."""

from datetime import datetime

from raytemplate.errors import Refused, UsageError
from raytemplate.execution.decide import is_champion, need_judged, refuse_for_show, refuse_if_stale
from raytemplate.execution.journal import Journal
from raytemplate.governance.gates.gate import build_gates
from raytemplate.governance.judge import is_waivable
from raytemplate.governance.repeats import RULES
from raytemplate.governance.revoked import RULE as REVOKED
from raytemplate.ledger.bodies import Waived
from raytemplate.ledger.head import Ledger
from raytemplate.planning.stages import RunPlan
from raytemplate.plugins import suggest
from raytemplate.records.fitted import FitResult
from raytemplate.records.judged import Actor, Verdict, VerdictRecord


def new_waiver(journal: Journal, plan: RunPlan, ledger: Ledger, gate: str, expires: datetime, actor: Actor) -> Waived:
    """A waiver of a gate for a run's candidate, once it is known that it may be granted.

    Raises:
        ChampionMoved: the champion has moved since the run was judged.
        Refused: nobody may waive the gate, or it could not judge.
        UsageError: no such gate; it passed; the run has no verdict, is the champion, or was made for show.
    """
    refuse_for_show(journal, plan)
    _refuse_other_gate(journal, plan, gate)
    record = journal.read(VerdictRecord)
    if record is None:
        raise UsageError(
            f"run {journal.run_id} has no verdict yet; there is nothing to waive",
            next_step=f"raytemplate resume {journal.run_id}",
        )
    need_judged(journal, FitResult)
    refuse_if_stale(journal, ledger, plan.name)
    if is_champion(journal, ledger, plan.name):
        raise UsageError(
            f"the candidate of run {journal.run_id} is the champion of {plan.name} already; there is nothing to waive",
            next_step=f"raytemplate show {plan.name}",
        )
    _refuse_finding(journal, plan, record.verdict, gate)
    digest = journal.need(FitResult).candidate.digest
    return Waived(run_id=journal.run_id, digest=digest, gate=gate, expires=expires, actor=actor)


def _refuse_other_gate(journal: Journal, plan: RunPlan, gate: str) -> None:
    run, names = journal.run_id, tuple(config.name for config in plan.govern.gates)
    if gate == REVOKED:
        raise Refused("what has seen a revoked snapshot is never promoted", next_step=f"raytemplate show {run}")
    if gate in RULES:
        raise UsageError(
            f"{gate} is a rule, not a gate; if it holds a candidate, a person accepts that with a reason",
            next_step=f'raytemplate promote {run} --reason "..."',
        )
    if gate not in names:
        told = suggest(gate, names) if names else "it has none"
        raise UsageError(f'run {run} has no gate "{gate}"; {told}', next_step=f"raytemplate show {run}")


def _refuse_finding(journal: Journal, plan: RunPlan, verdict: Verdict, gate: str) -> None:
    show = f"raytemplate show {journal.run_id}"
    found = next((finding for finding in verdict.findings if finding.gate == gate), None)
    if found is None or found.outcome not in ("block", "hold", "error"):
        outcome = f"{_SAID[found.outcome]} ({found.found})" if found else "found nothing"
        raise UsageError(f"{gate} {outcome} in run {journal.run_id}; there is nothing to waive", next_step=show)
    if found.outcome == "error":
        raise Refused(
            f"{gate} could not judge run {journal.run_id} ({found.found}); a gate that has not judged is never waived",
            next_step=show,
        )
    if not is_waivable(build_gates(plan.govern.gates)[gate], found):
        raise Refused(f"{gate} guards integrity or privacy, and is never waived", next_step=show)


_SAID = {"pass": "passed", "warn": "only warned", "skip": "was skipped"}
