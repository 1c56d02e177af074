"""Rules on trying again: they hold whatever gates a template has, so that nothing is tried until luck lets one pass."""

from raytemplate.governance.evidence import Evidence
from raytemplate.records.judged import Finding, Precedents

RULES = ("same-again", "test-rows")
"""What findings of these rules are called, in place of a gate."""

MOST_CANDIDATES = 4
"""Candidates that may be judged on the same test rows; of twenty equal ones a 95 % interval lets one pass."""


def repeated(evidence: Evidence) -> tuple[Finding, ...]:
    """What is to be said of a candidate that was made as the champion was, or judged on rows that others were."""
    found = evidence.precedents
    if found is None or evidence.evaluation.candidate_digest == found.champion_digest:
        return ()
    return (*_same_again(found, evidence), *_test_rows(found))


def same_again_text(version: int, run_id: str) -> str:
    """What candidate and champion have in common."""
    return (
        f"the same rows, features, code and settings as the champion (version {version}, run {run_id}), only the seed "
        "or chance differs"
    )


def _same_again(found: Precedents, evidence: Evidence) -> tuple[Finding, ...]:
    champion = evidence.evaluation.champion_ref
    if not found.same_as_champion or champion is None:
        return ()
    hint = "what is better by chance alone is luck: promote it with a reason, or keep the champion"
    text = same_again_text(champion.version, champion.run_id)
    return (Finding(gate="same-again", outcome="hold", found=text, required="something else", hint=hint),)


def _test_rows(found: Precedents) -> tuple[Finding, ...]:
    if found.nth < 2:
        return ()
    text = f"the {_ordinal(found.nth)} candidate judged on these test rows"
    required = f"at most {MOST_CANDIDATES}"
    if found.nth <= MOST_CANDIDATES:
        return (Finding(gate="test-rows", outcome="pass", found=text, required=required),)
    hint = "luck alone lets one of twenty pass: judge it on later rows, or promote it with a reason"
    return (Finding(gate="test-rows", outcome="hold", found=text, required=required, hint=hint),)


def _ordinal(number: int) -> str:
    """ "2nd", "11th", "23rd" """
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{ending}"
