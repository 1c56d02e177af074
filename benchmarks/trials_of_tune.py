"""Runs real trials that train nothing on a Ray of their own, to measure a trial's overhead. For `sweep.py`.

    python benchmarks/trials_of_tune.py DIR [--trials 100] [--epochs 1] [--epoch-s 0]

DIR was made by `raytemplate init DIR --example flights`. The last line of stdout is one JSON object, in seconds: the
sweep, from a trial's end to the next one's start (median), from the last trial's end to the sweep's, CPU time of this
process for each trial, the longest trial, and the same epochs in this process alone, with the same checkpoints and
records.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

HERE = Path(__file__).resolve().parent
TEMPLATE, AS_OF, SLOTS = "flights-air-time.yaml", "2013-02-15", 2
SETTINGS = {
    "model": {"kind": "tabular-mlp"}, "training.lr_schedule": "constant", "training.early_stopping": None,
    "tuning.space": {"training.lr": "uniform(0.1, 0.9)"}, "tuning.search": "random", "tuning.scheduler": "none",
    "tuning.slots": SLOTS, "tuning.refit": False, "budget.time": "1h",
}  # fmt: skip


def train(context, options, training) -> None:
    """Epochs that take `training.weight_decay` seconds and learn nothing."""
    for epoch in range(1, training.epochs + 1):
        time.sleep(training.weight_decay)
        context.report(
            epoch=epoch,
            train_loss=1.0,
            validation=training.lr,
            loop_s=0.0,
            num_rows=1,
            save=lambda folder: (folder / "nothing").write_text(""),
        )


def measure(options: argparse.Namespace, run: Path) -> dict[str, float]:
    from raytemplate import api
    from raytemplate.budget import Meter
    from raytemplate.code.load import code_in
    from raytemplate.engines.ray.data.ingest import open_data
    from raytemplate.engines.ray.training.context import Ranks
    from raytemplate.engines.ray.training.rank import feed_of, run_loop
    from raytemplate.engines.ray.training.train import lower_trial
    from raytemplate.engines.ray.trials.tuner import run_sweep
    from raytemplate.execution.advisor import Advisor
    from raytemplate.execution.journal import Journal
    from raytemplate.execution.trials import Trial

    sized = {
        "budget.trials": options.trials,
        "training.epochs": options.epochs,
        "training.weight_decay": options.epoch_s,
    }
    plan = api.plan(api.load(options.folder / TEMPLATE, set=SETTINGS | sized), AS_OF).plan
    stage = replace(plan.sweep, arms=tuple(replace(arm, loop="trials_of_tune:train") for arm in plan.sweep.arms))
    data, journal, began, ended = open_data(plan.ingest, None), Journal(run), [], []
    handed: list[Trial] = []

    class Timed(Advisor):
        def next_trial(self, left_s, now):
            if isinstance(found := super().next_trial(left_s, now), Trial):
                handed.append(found)
            return found

        def began(self, number, left_s, now):
            began.append(time.monotonic())
            return super().began(number, left_s, now)

    took: list[float] = []

    def on_trial(record, best, left_s):
        ended.append(time.monotonic())
        took.append(record.actual_s)

    advisor = Timed(
        stage=stage,
        num_rows=1,
        refit_rows=1,
        budget_s=3600.0,
        on_trial=on_trial,
        on_begin=lambda begun: journal.trial(begun.number).folder.mkdir(parents=True),
    )
    started, cpu = time.monotonic(), time.process_time()
    run_sweep(stage, data, journal, advisor, Meter(limit_s=3600.0, limit_usd=1.0), lambda news: None, ours=True)
    whole, cpu = time.monotonic() - started, time.process_time() - cpu
    turnarounds = [start - end for end, start in zip(ended, began[SLOTS:], strict=False)]
    found = {
        "sweep_s": whole, "turnaround_s": statistics.median(turnarounds) if turnarounds else 0.0,
        "return_s": started + whole - ended[-1], "cpu_a_trial_s": cpu / options.trials, "longest_s": max(took),
    }  # fmt: skip
    alone = replace(handed[0], number=options.trials + 1)
    request = lower_trial(alone, stage, data.ingested.features, journal)
    request.epochs_file.parent.mkdir(parents=True)
    kept = Journal(request.epochs_file.parent)
    began_alone = time.monotonic()
    with code_in(HERE):
        run_loop(request, feed_of(request, data.refs, {}, Ranks()), Ranks(), kept.add_epoch)
    return found | {"alone_s": time.monotonic() - began_alone}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--epoch-s", type=float, default=0.0)
    options = parser.parse_args()
    os.environ["PYTHONPATH"] = str(HERE)  # where workers find the loop

    from raytemplate.engines.ray.clusters.cluster import LocalRay

    with tempfile.TemporaryDirectory() as run, LocalRay(num_cpus=SLOTS, object_store_bytes=500_000_000) as ray:
        ray.wait()
        found = measure(options, Path(run))
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
