"""Govern and promote, from a run's records alone: both can be repeated, later and elsewhere."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime

from raytemplate.errors import ChampionMoved, IntegrityError, Refused, UsageError
from raytemplate.execution.ancestry import seen_before
from raytemplate.execution.journal import RECORDS, Journal
from raytemplate.execution.precedents import take_precedents
from raytemplate.governance.evidence import Evidence
from raytemplate.governance.gates.gate import build_gates
from raytemplate.governance.judge import judge
from raytemplate.ledger.bodies import Grounds
from raytemplate.ledger.head import Head, Ledger, Move
from raytemplate.ledger.snapshots import revoked_of
from raytemplate.planning.stages import RunPlan
from raytemplate.records import codec
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.fitted import FitResult
from raytemplate.records.ingested import Snapshot
from raytemplate.records.judged import Actor, Approved, Held, Rejected, Verdict, VerdictRecord
from raytemplate.records.promoted import PromotionRecord
from raytemplate.store.content_store import ContentStore


def evidence_from(journal: Journal) -> Evidence:
    """Everything a gate may look at, read from the records.

    Raises:
        UsageError: the run has not been evaluated.
        IntegrityError: the run was judged, but a record that it was judged on is missing.
    """
    if journal.read(VerdictRecord) is not None:
        for kind in (Snapshot, Evaluation):
            need_judged(journal, kind)
    evaluation, snapshot = journal.read(Evaluation), journal.read(Snapshot)
    if evaluation is None or snapshot is None:
        raise UsageError(
            f"run {journal.run_id} has no evaluation yet; there is nothing to judge",
            next_step=f"raytemplate resume {journal.run_id}",
        )
    return Evidence(evaluation=evaluation, snapshot=snapshot)


def need_judged(journal: Journal, kind: type) -> None:
    """Check that a judged run still has this record.

    Raises:
        IntegrityError: the record is missing.
    """
    if journal.read(kind) is None:
        raise IntegrityError(
            f"{journal.folder / RECORDS[kind]}: missing, and the run was judged on it",
            next_step="restore it from a backup; without it the run's verdict cannot be traced",
        )


def decide(
    journal: Journal, plan: RunPlan, ledger: Ledger, store: ContentStore, *, actor: Actor, evaluation: str = ""
) -> PromotionRecord | None:
    """Judge the evidence, and move the head if the verdict is Approved.

    Args:
        actor: who asks; must be a person if a gate holds or promotion is manual.
        evaluation: the only evaluation that may be judged on, as `digest_of` gives it; "" for whichever is recorded.

    Returns:
        What became of the candidate; None if it was rejected.

    Raises:
        UsageError: a person tries to promote a candidate that a variant made for show, or gives no reason although a
            gate holds.
        ChampionMoved: the head is not the one the evidence was taken against.
        IntegrityError: the candidate's bytes are not those that were evaluated, or the evaluation is another one.
        Refused: what the verdict rests on, such as a waiver, has ended twice while it was given.
    """
    try:
        return _decide(journal, plan, ledger, store, actor, evaluation)
    except Refused:  # the verdict was right when it was given; judged again, it says what has changed
        return _decide(journal, plan, ledger, store, actor, evaluation)


def _decide(
    journal: Journal, plan: RunPlan, ledger: Ledger, store: ContentStore, actor: Actor, expected: str
) -> PromotionRecord | None:
    if not actor.automatic:
        refuse_for_show(journal, plan)
    evidence = evidence_from(journal)
    evaluation, fit = evidence.evaluation, journal.need(FitResult)
    if expected:
        _refuse_other(journal, evidence, fit, expected)
    if plan.govern.promotable:
        evidence = replace(evidence, precedents=take_precedents(journal, plan, evaluation))
    behind = seen_before(journal, plan, ledger)
    revoked = revoked_of(ledger.marks(with_signatures=True), (evaluation.test_snapshot, *behind))
    evidence = replace(evidence, revoked=revoked)
    head = ledger.head(plan.name)
    verdict = judge(
        build_gates(plan.govern.gates),
        evidence,
        promotion=plan.govern.promotion,
        actor=actor,
        waivers=ledger.waivers(plan.name, run_id=journal.run_id, digest=fit.candidate.digest),
        now=ledger.now(),
    )
    _refuse_without_reason(journal, verdict)
    journal.write(VerdictRecord(verdict=verdict, at=datetime.now(UTC), candidate_digest=fit.candidate.digest))
    if not plan.govern.promotable:
        record = _show(plan, head, fit)
    elif head is not None and head.digest == fit.candidate.digest:
        record = _settled(plan, head, evaluation, ours=head.run_id == journal.run_id)
    else:
        record = _act(journal, plan, ledger, store, verdict, evaluation, fit, actor, behind)
    if record is not None:
        journal.write(record)
    elif _is_asked(journal):
        journal.supersede(PromotionRecord)  # a rejected candidate has none, and waits for nobody
    return record


def promote(
    journal: Journal, plan: RunPlan, ledger: Ledger, store: ContentStore, *, actor: Actor, evaluation: str = ""
) -> None:
    """Judge a run's evidence again and promote its candidate, as a person allows; no-op if it is still the champion.

    Raises:
        ChampionMoved, IntegrityError, UsageError: see `decide`; or the run has not been evaluated.
    """
    evidence_from(journal)
    refuse_for_show(journal, plan)
    refuse_if_stale(journal, ledger, plan.name)
    if not is_champion(journal, ledger, plan.name):
        decide(journal, plan, ledger, store, actor=actor, evaluation=evaluation)


def digest_of(evaluation: Evaluation) -> str:
    """The digest of an evaluation, as an event binds it."""
    return hashlib.sha256(codec.canonical(evaluation).encode()).hexdigest()


def roll_back(ledger: Ledger, store: ContentStore, model: str, version: int | None, *, actor: Actor) -> Move:
    """Make the previous champion, or a given version, the champion again. Its bytes are hashed before and afterwards.

    Raises:
        UsageError: no such model or version, or nothing to go back to.
        IntegrityError: the bytes to go back to are not those that were promoted: nothing was moved, or, if they were
            changed at that very moment, the error says that the champion was.
    """
    term = ledger.history(model).term
    target = ledger.rollback_target(model, version)
    store.open(target.digest)
    move = ledger.rollback(model, actor, to_version=target.version, expected_term=term, check=store.need)
    try:
        store.open(move.head.digest)
    except IntegrityError as error:
        done = f"version {move.head.version} is the champion of {model} again, and its files were changed meanwhile"
        raise IntegrityError(f"{done}: {error.what}", next_step=f"raytemplate rollback {model}") from error
    return move


def _refuse_other(journal: Journal, evidence: Evidence, fit: FitResult, expected: str) -> None:
    """Stop before judging on another evaluation than the promoter has computed again, other bytes, or a count of rows
    that is not the one that was evaluated.

    Raises:
        IntegrityError: names the record.
    """
    evaluation, snapshot = evidence.evaluation, evidence.snapshot
    read = (snapshot.digest, snapshot.window("train").num_rows, snapshot.window("test").num_rows)
    same = {
        Evaluation: digest_of(evaluation) == expected,
        FitResult: fit.candidate.digest == evaluation.candidate_digest,
        Snapshot: read == (evaluation.test_snapshot, evaluation.num_train_rows, evaluation.num_rows),
    }
    changed = [RECORDS[kind] for kind, is_same in same.items() if not is_same]
    if changed:
        raise IntegrityError(
            f"run {journal.run_id}: {', '.join(changed)} says something else than the figures that the promoter has "
            "computed again; nothing was promoted",
            next_step=f"raytemplate resume {journal.run_id}",
        )


def _is_asked(journal: Journal) -> bool:
    record = journal.read(PromotionRecord)
    return record is not None and record.outcome == "asked"


def _refuse_without_reason(journal: Journal, verdict: Verdict) -> None:
    """Stop before a person accepts what gates held without giving a reason.

    Raises:
        UsageError: names the gates.
    """
    if isinstance(verdict, Approved) and verdict.accepted and not verdict.reason:
        held = "; ".join(f"{f.gate} ({f.found})" for f in verdict.findings if f.gate in verdict.accepted)
        raise UsageError(
            f"run {journal.run_id} is held by {held}: expected a reason, which the ledger keeps",
            next_step=f'raytemplate promote {journal.run_id} --reason "..."',
        )


def _act(
    journal: Journal,
    plan: RunPlan,
    ledger: Ledger,
    store: ContentStore,
    verdict: Verdict,
    evaluation: Evaluation,
    fit: FitResult,
    actor: Actor,
    behind: tuple[str, ...],
) -> PromotionRecord | None:
    candidate = (plan.name, fit.candidate.digest, journal.run_id, evaluation.candidate_seen_until)
    match verdict:
        case Approved():
            # Hash the evaluated bytes once more at the moment they become the champion.
            store.open(fit.candidate.digest)
            grounds = replace(_grounds(plan, evaluation, verdict.accepted, behind), waivers=verdict.waivers)
            head = ledger.promote(*candidate, evaluation.term, actor, grounds, check=store.need).head
            # Another run with the same bytes may have been faster: this candidate then equals the champion, but this
            # run did not make it.
            return _settled(plan, head, evaluation, ours=head.run_id == journal.run_id)
        case Held():
            version = ledger.wait(*candidate, actor, _grounds(plan, evaluation, behind=behind))
            head = ledger.head(plan.name)
            return PromotionRecord(
                outcome="waiting",
                model=plan.name,
                version=version.version,
                digest=version.digest,
                term=head.term if head else 0,
                previous_version=head.version if head else 0,
                at=version.at,
                projected=False,
            )
        case Rejected():
            return None


def _show(plan: RunPlan, head: Head | None, fit: FitResult) -> PromotionRecord:
    """The record for a candidate whose variant may not be promoted: it is not even registered."""
    return PromotionRecord(
        outcome="shown",
        model=plan.name,
        version=0,
        digest=fit.candidate.digest,
        term=head.term if head else 0,
        previous_version=head.version if head else 0,
        at=datetime.now(UTC),
        projected=False,
        variant=plan.variant,
    )


def _settled(plan: RunPlan, head: Head, evaluation: Evaluation, *, ours: bool) -> PromotionRecord:
    """The record for a candidate whose bytes are the champion's.

    Args:
        ours: whether this run promoted them, now or before its record was written, rather than another run.
    """
    before = evaluation.champion_ref.version if evaluation.champion_ref else 0
    return PromotionRecord(
        outcome="promoted" if ours else "unchanged",
        model=plan.name,
        version=head.version,
        digest=head.digest,
        term=head.term,
        previous_version=before if ours else head.version,
        at=head.at if ours else datetime.now(UTC),
        projected=False,
    )


def _promoted(journal: Journal) -> PromotionRecord | None:
    promotion = journal.read(PromotionRecord)
    return promotion if promotion is not None and promotion.outcome == "promoted" else None


def _grounds(
    plan: RunPlan, evaluation: Evaluation, accepted: tuple[str, ...] = (), behind: tuple[str, ...] = ()
) -> Grounds:
    """What an event binds: the plan, the exact evaluation that allowed it, and governance rules set outside files."""
    return Grounds(
        plan=plan.id,
        snapshot=evaluation.test_snapshot,
        evaluation_sha256=digest_of(evaluation),
        set_outside=tuple(path for path in plan.set_outside if path.startswith("governance.")),
        accepted=accepted,
        made_from=behind,
    )


def is_champion(journal: Journal, ledger: Ledger, model: str) -> bool:
    """Whether the run was promoted and its candidate is the champion, still or again: nothing is left to decide."""
    head, promoted = ledger.head(model), _promoted(journal)
    return head is not None and promoted is not None and head.run_id == journal.run_id


def is_stale(journal: Journal, ledger: Ledger, model: str) -> bool:
    """Whether the champion has moved since the run's evidence was taken.

    A promoted run is history: whether its candidate becomes the champion again is a person's decision, by `rollback`.
    """
    evaluation, fit = journal.read(Evaluation), journal.read(FitResult)
    if evaluation is None or fit is None or _promoted(journal) is not None:
        return False
    head = ledger.head(model)
    if head is not None and head.digest == fit.candidate.digest:
        return False
    return ledger.history(model).term != evaluation.term


def refuse_for_show(journal: Journal, plan: RunPlan) -> None:
    """Stop before a person promotes what a variant made for show.

    Raises:
        UsageError: names the variant, and the command that makes a promotable candidate.
    """
    if not plan.govern.promotable:
        raise UsageError(
            f"run {journal.run_id} is of variant {plan.variant}, which is not in governance.promotable",
            next_step=f"raytemplate run {plan.template}",
        )


def refuse_if_stale(journal: Journal, ledger: Ledger, model: str) -> None:
    """Stop before judging on old evidence.

    Raises:
        ChampionMoved: names the current champion, and how to judge against it.
    """
    head, promoted = ledger.head(model), _promoted(journal)
    if promoted is not None and (head is None or head.digest != promoted.digest):
        raise ChampionMoved(
            f"run {journal.run_id} was promoted already, as version {promoted.version} of {model}, and replaced since",
            next_step=f"raytemplate rollback {model}/{promoted.version}",
        )
    if is_stale(journal, ledger, model):
        now = f"version {head.version} (run {head.run_id})" if head else "gone"
        raise ChampionMoved(
            f"the champion of {model} is now {now}; run {journal.run_id} was judged against an earlier one",
            next_step=f"raytemplate resume {journal.run_id}    # judges it again, without training",
        )
