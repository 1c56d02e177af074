"""What a template promises exists at the end, or the run fails; the model card matches the records."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fake_runs import FakeRun

from raytemplate.errors import PromiseBroken
from raytemplate.execution.artifacts import MODEL_CARD
from raytemplate.execution.lock import write_lock
from raytemplate.records.codec import Settings
from raytemplate.records.fitted import FitResult
from raytemplate.records.judged import VerdictRecord
from raytemplate.records.run import RunEnd
from raytemplate.testing.fakes import FakeEngine, LedgerPromoter

ALL = ("model", "model-card", "evaluation", "verdict", "snapshot", "profile", "plan")


def promising(folder, *artifacts, **about):
    run = FakeRun(folder)
    run.plan = replace(run.plan, artifacts=artifacts, **about)
    write_lock(run.journal, run.plan, None)
    return run


def test_every_artifact_that_can_be_promised_is_there(tmp_path):
    run = promising(tmp_path, *ALL)
    assert run.execute(FakeEngine()).state == "approved"


def test_a_promise_that_cannot_be_kept_promotes_nothing(tmp_path):
    run = promising(tmp_path, "profile", "model-card")

    class LosesItsProfile(FakeEngine):
        def score(self, *arguments):
            (run.journal.folder / "profile.json").unlink()
            return super().score(*arguments)

    with pytest.raises(PromiseBroken) as broken:
        run.execute(LosesItsProfile())
    assert broken.value.what == (
        f"contract.artifacts: promised but missing: profile ({run.journal.folder / 'profile.json'}); "
        "nothing was promoted"
    )
    assert broken.value.exit_code == 9
    assert run.ledger.head("flights-air-time") is None
    assert run.journal.read(VerdictRecord) is None and run.journal.read(RunEnd) is None


def test_a_model_that_is_gone_at_the_end_fails_the_run(tmp_path):
    run = promising(tmp_path, "model")

    class TakesTheModelAway(LedgerPromoter):
        def decide(self, journal):
            super().decide(journal)
            place = self.store.path(journal.need(FitResult).candidate.digest)
            place.rename(tmp_path / "elsewhere")

    with pytest.raises(PromiseBroken, match="version 1 of flights-air-time is the champion all the same"):
        run.execute(FakeEngine(), promoter=TakesTheModelAway(run.ledger, run.store))
    assert run.journal.read(RunEnd) is None


def test_a_run_that_promises_nothing_leaves_its_card_all_the_same(tmp_path):
    run = promising(tmp_path, owner="flight-ops", metadata=Settings({"intended-use": "crews | gates"}))
    run.execute(FakeEngine())
    card = (run.journal.folder / MODEL_CARD).read_text()
    assert card.startswith("# flights-air-time 1.0.0\n\nApproved: version 1 became the champion of flights-air-time")
    assert "| intended-use | crews \\| gates |" in card
    assert "| owner | flight-ops |" in card
    assert run.journal.need(FitResult).candidate.digest in card
    assert "| metric-limit | pass |" in card


def test_the_card_of_a_run_that_resumes_is_written_again(tmp_path):
    run = promising(tmp_path, "model-card")
    run.execute(FakeEngine())
    (run.journal.folder / MODEL_CARD).unlink()
    run.execute(FakeEngine())
    assert (run.journal.folder / MODEL_CARD).stat().st_size > 500
