"""Rules on repeated attempts, whatever gates a template has: nobody may retry until one passes by luck."""

from raytemplate.governance.evidence import Evidence
from raytemplate.governance.revoked import RULE as REVOKED
from raytemplate.records.judged import Finding, Precedents

RULES = ("same-again", "test-rows", REVOKED)
"""Names of all rules in findings, where others name their gate."""

MOST_CANDIDATES = 4
"""Most candidates that may be judged on the same test rows; a 95 % interval passes one of twenty equal candidates."""


def repeated(evidence: Evidence) -> tuple[Finding, ...]:
    """Findings about a candidate that was made like the champion, or judged on the same rows as others before it."""
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
