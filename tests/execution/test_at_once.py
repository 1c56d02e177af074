"""If several processes finish runs of one model at the same moment, the best run becomes the champion."""

import json
import multiprocessing
import time
from dataclasses import replace

import pytest
from fake_runs import FakeRun

from raytemplate.errors import ChampionMoved
from raytemplate.execution.in_turn import turn_of
from raytemplate.execution.journal import Journal
from raytemplate.ledger.head import Ledger
from raytemplate.records.evaluated import Evaluation
from raytemplate.store.locks import FileLock
from raytemplate.store.workspace import Workspace
from raytemplate.testing.fakes import FakeEngine

MODEL = "flights-air-time"
IMPORTED = ["raytemplate.execution.execute", "raytemplate.planning.look", "raytemplate.testing.fakes"]


class AsGoodAsItsWeights(FakeEngine):
    """Takes a moment, and predicts with the error that each model's files name."""

    def score(self, stage, ingest, ingested, models, columns_s):
        scores = super().score(stage, ingest, ingested, models, columns_s)
        errors = {
            name: float(json.loads((folder / "weights.safetensors").read_text())) for name, folder in models.items()
        }
        time.sleep(0.02)
        target = scores.target + self.candidate_error  # on test rows of its own, as runs of other months are
        made = {name: target + error for name, error in errors.items()}
        return replace(scores, target=target, predictions={**scores.predictions, **made})


def one(folder, error, start_at):
    """The run's exit code, or that of its failure."""
    run = FakeRun(folder)
    time.sleep(max(0.0, start_at - time.time()))
    try:
        code = run.execute(AsGoodAsItsWeights(weights=str(error), candidate_error=error)).exit_code
    except ChampionMoved as moved:
        code = moved.exit_code
    return run.journal.run_id, error, code


EIGHT = (8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0)


@pytest.mark.slow
@pytest.mark.parametrize("errors", [EIGHT, (3.0,) * 4 + (2.0,) * 4], ids=["8", "2"])
def test_of_eight_that_end_at_once_none_has_lost_a_race_and_the_best_is_the_champion(tmp_path, errors):
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(IMPORTED)  # once for them all
    with processes.Pool(len(errors)) as pool:
        pool.map(time.sleep, [0.1] * len(errors))  # every process is there
        ends = pool.starmap(one, [(tmp_path, error, time.time() + 1) for error in errors], chunksize=1)
    assert {code for *_, code in ends} <= {0, 5}
    ledger = Ledger(Workspace(tmp_path).governance_db)
    assert ledger.faults() == ()
    made = {run_id: error for run_id, error, _ in ends}
    champions = [made[head.run_id] for head in ledger.history(MODEL).heads]
    assert champions == sorted(set(champions), reverse=True) and champions[-1] == min(errors)
    for head in ledger.history(MODEL).heads:  # each on evidence against the one that it replaced
        assert Journal(Workspace(tmp_path).runs / head.run_id).need(Evaluation).term == head.term - 1


def test_one_that_has_waited_too_long_for_its_turn_goes_ahead(tmp_path):
    run = FakeRun(tmp_path)

    class TakesAllThereIs(FakeEngine):
        def score(self, *arguments):
            run.clock.pass_s(run.plan.limits.time_s + 30)
            return super().score(*arguments)

    with FileLock(turn_of(run.workspace, MODEL), 0.0):
        run.execute(TakesAllThereIs())
    assert run.ledger.head(MODEL).version == 1
