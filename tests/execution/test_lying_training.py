"""What training says of itself decides nothing: a candidate is judged by its predictions on rows that it never saw."""

from fake_runs import FakeRun

from raytemplate.records.evaluated import Evaluation
from raytemplate.records.fitted import FitResult
from raytemplate.records.judged import Rejected, VerdictRecord
from raytemplate.testing.fakes import FakeEngine


def test_training_that_tells_a_good_metric_is_rejected_for_its_predictions(tmp_path):
    run = FakeRun(tmp_path)
    run.execute(FakeEngine(candidate_error=99.0))
    told, found = run.journal.need(FitResult).candidate.validation, run.journal.need(Evaluation).metrics["mae"].value
    assert told < 12 < found == 99.0
    assert isinstance(run.journal.need(VerdictRecord).verdict, Rejected) and run.ledger.models() == ()
