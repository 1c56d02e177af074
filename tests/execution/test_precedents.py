"""Which candidates count as judged on the same test rows, and what is the same as the champion's run."""

import shutil
import time
from dataclasses import dataclass, replace
from functools import partial

import pytest
from fake_runs import ADA, FakeRun

from raytemplate.data.masking import Mask
from raytemplate.errors import EngineError
from raytemplate.execution.decide import decide
from raytemplate.execution.journal import Journal
from raytemplate.execution.lock import write_lock
from raytemplate.execution.precedents import take_precedents
from raytemplate.planning.look import champion_of
from raytemplate.planning.made_from import made_from
from raytemplate.records.codec import Settings
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.ingested import FileRead
from raytemplate.records.judged import Precedents, VerdictRecord
from raytemplate.records.run import RunEnd
from raytemplate.store.workspace import new_run
from raytemplate.testing.fakes import FakeEngine

MODEL = "flights-air-time"


def judged(folder, weights, error=5.0, *, engine=FakeEngine, change=None, **run):
    """A run that was judged; every error but the least is worse than the champion's 2."""
    made = FakeRun(folder, **run)
    if change:
        made.plan = change(made.plan)
        write_lock(made.journal, made.plan, None)
    end = made.execute(engine(weights=weights, candidate_error=error))
    return made, end.state


def nth(run):
    return run.journal.need(Precedents).nth


def outcomes(run):
    return {f.gate: f.outcome for f in run.journal.need(VerdictRecord).verdict.findings}


def test_different_candidates_on_the_same_rows_are_counted_the_rejected_among_them(tmp_path):
    runs = [judged(tmp_path, str(number)) for number in range(4)]
    assert [state for _, state in runs] == ["approved", "rejected", "rejected", "rejected"]
    assert [nth(run) for run, _ in runs] == [1, 2, 3, 4]
    lucky, state = judged(tmp_path, "lucky", 0.5)
    assert (nth(lucky), state, outcomes(lucky)["test-rows"]) == (5, "held", "hold")
    assert outcomes(lucky)["beats-champion"] == "pass"


def test_a_person_may_accept_the_fifth_with_a_reason(tmp_path):
    for number in range(4):
        judged(tmp_path, str(number))
    lucky, _ = judged(tmp_path, "lucky", 0.5)
    who = replace(ADA, reason="the window is the only one there is")
    decide(lucky.journal, lucky.plan, lucky.ledger, lucky.store, actor=who)
    assert lucky.ledger.head(MODEL).run_id == lucky.journal.run_id
    assert (nth(lucky), lucky.journal.need(VerdictRecord).verdict.accepted) == (5, ("test-rows",))


def test_the_same_bytes_again_keep_their_number(tmp_path):
    judged(tmp_path, "first")
    second, third = judged(tmp_path, "second")[0], judged(tmp_path, "third")[0]
    again = judged(tmp_path, "second")[0]
    assert [nth(run) for run in (second, third, again)] == [2, 3, 2]


def other_model(plan):
    return replace(plan, name="other")


def for_show(plan):
    return replace(plan, variant="smoke", govern=replace(plan.govern, promotable=False))


class OnOtherRows(FakeEngine):
    def score(self, *arguments):
        found = super().score(*arguments)
        return replace(found, target=found.target + 1)


@dataclass
class HashedWith(FakeEngine):
    """Reads a file whose values are hashed with a key of this id."""

    key: str = ""
    sha256: str = "a" * 64

    def ingest(self, stage, expected):
        found, read = super().ingest(stage, expected), {"size_bytes": 9, "row_groups": (0,), "bytes_read": 9}
        file = FileRead(path="1.parquet", sha256=self.sha256, mask_key=self.key, **read)
        return replace(found, snapshot=replace(found.snapshot, files=(file,)))


class Fails(FakeEngine):
    def score(self, *arguments):
        raise EngineError("evaluate", "the machine is gone", next_step="")


@pytest.mark.parametrize(
    "other",
    [{"change": other_model}, {"change": for_show}, {"engine": OnOtherRows}],
    ids=["of another model", "for show", "on other rows"],
)
def test_what_does_not_count(tmp_path, other):
    judged(tmp_path, "first")
    judged(tmp_path, "other", **other)
    assert nth(judged(tmp_path, "second")[0]) == 2


def test_a_run_that_failed_does_not_count_and_one_that_is_resumed_counts_once(tmp_path):
    judged(tmp_path, "first")
    failed = FakeRun(tmp_path)
    with pytest.raises(EngineError):
        failed.execute(Fails(weights="second"))
    assert nth(judged(tmp_path, "third")[0]) == 2
    failed.execute(FakeEngine(weights="second", candidate_error=5.0))
    assert nth(failed) == 3
    failed.journal.supersede(VerdictRecord)
    failed.journal.supersede(RunEnd)
    failed.execute(FakeEngine(weights="second", candidate_error=5.0))
    assert nth(failed) == 3


def test_only_another_seed_is_held_and_other_settings_are_not(tmp_path):
    judged(tmp_path, "first", lr=0.1)
    same, state = judged(tmp_path, "second", 0.5, lr=0.1, change=lambda plan: seeded(plan, 8))
    assert (state, outcomes(same)["same-again"]) == ("held", "hold")
    assert "same-again" not in outcomes(judged(tmp_path, "third", 0.5, lr=0.2)[0])


@pytest.mark.parametrize(("column", "state"), [("carrier", "approved"), ("tailnum", "held")])
def test_another_key_makes_another_model_if_a_feature_is_hashed(tmp_path, column, state):
    mask = Mask(rules=Settings({column: "hash"}), key="secret:env:K")
    change = {"lr": 0.1, "change": lambda plan: replace(plan, ingest=replace(plan.ingest, mask=mask))}
    judged(tmp_path, "first", engine=partial(HashedWith, key="one"), **change)
    same, found = judged(tmp_path, "second", 0.5, engine=partial(HashedWith, key="two"), **change)
    assert (found, "same-again" in outcomes(same)) == (state, state == "held")


@pytest.mark.parametrize(("source", "state"), [("sql", "approved"), ("parquet", "held")])
def test_what_a_query_gave_tells_whether_its_rows_are_the_same(tmp_path, source, state):
    change = {"lr": 0.1, "change": lambda plan: replace(plan, ingest=replace(plan.ingest, source=source))}
    judged(tmp_path, "first", engine=partial(HashedWith, sha256="a" * 64), **change)
    same, found = judged(tmp_path, "second", 0.5, engine=partial(HashedWith, sha256="b" * 64), **change)
    assert (found, "same-again" in outcomes(same)) == (state, state == "held")
    again, _ = judged(tmp_path, "third", 0.2, engine=partial(HashedWith, sha256="b" * 64), **change)
    assert outcomes(again)["same-again"] == "hold"


def seeded(plan, seed):
    return replace(plan, ingest=replace(plan.ingest, seed=seed), evaluate=replace(plan.evaluate, seed=seed))


def test_the_champions_own_bytes_stay_unchanged(tmp_path):
    judged(tmp_path, "first", lr=0.1)
    same, state = judged(tmp_path, "first", lr=0.1)
    assert (state, set(outcomes(same))) == ("unchanged", {"metric-limit", "beats-champion"})


def test_look_finds_what_the_champion_was_made_from_as_long_as_its_run_is_there(tmp_path):
    first, _ = judged(tmp_path, "first")
    assert champion_of(MODEL, first.workspace).made_from == made_from(first.plan)
    shutil.rmtree(first.journal.folder)
    assert champion_of(MODEL, first.workspace).made_from == ""


def test_a_damaged_record_of_another_run_keeps_nobody_from_being_judged(tmp_path):
    first, _ = judged(tmp_path, "first")
    (first.journal.folder / "precedents.json").write_text("{")
    assert nth(judged(tmp_path, "second")[0]) == 1


def test_a_thousand_runs_are_looked_through_in_a_moment(tmp_path):
    first, _ = judged(tmp_path, "first")
    evaluation = first.journal.need(Evaluation)
    record = first.journal.need(Precedents)
    for number in range(1_000):
        run = Journal(new_run(first.workspace)[1])
        run.write(replace(record, candidate_digest=str(number)))
    last = Journal(new_run(first.workspace)[1])
    began = time.perf_counter()
    found = take_precedents(last, first.plan, replace(evaluation, candidate_digest="last"))
    took_s = time.perf_counter() - began
    print(f"{took_s:.3f} s")
    assert found.nth == 1_002
    assert took_s < 1.0
