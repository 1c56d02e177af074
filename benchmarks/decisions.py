"""Are the decisions right? Retrains with the shipped gates on streams whose truth is known.

    python benchmarks/decisions.py [--seeds 20] [--only NAME ...] [--retrains 8] [--quick]

Each stream is generated from a seed: 40 rows a day, four weeks between retrains, twelve weeks to train on. Each run's
decision is compared with the truth: fresh rows of the days of its test window, which no model has seen. The model that
serves is scored on fresh rows of the next four weeks. Each is a whole run on Ray, without MLflow, with the gates of
`raytemplate:tabular-regression`.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import mean

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from one_machine import Target, machine, table, versions, write_report
from streams import BREAK_DAY, EVERY, START, STREAMS, TEST, TRAIN, VALIDATION, Stream, World

from raytemplate.budget import Meter
from raytemplate.engines.mlflow.flavor import package
from raytemplate.engines.ray.clusters import cluster
from raytemplate.engines.ray.engine import RayEngine
from raytemplate.execution.begin import begin
from raytemplate.execution.execute import Execution
from raytemplate.execution.in_turn import turn_of
from raytemplate.history.runs import Run
from raytemplate.ledger.head import Ledger
from raytemplate.models.saved import SavedModel
from raytemplate.planning.compile import compile as compile_plan
from raytemplate.planning.look import champion_of, look
from raytemplate.records.judged import Held
from raytemplate.spec.load import load
from raytemplate.store.content_store import ContentStore
from raytemplate.store.workspace import Workspace, create, new_run
from raytemplate.testing.fakes import Heard, LedgerPromoter

NAME = "stream"
ROWS_A_DAY, FUTURE_ROWS_A_DAY = 40, 150
PLAINLY, HARM = 0.05, -0.01
"""Shares of the champion's true loss: a candidate that is better by more than `PLAINLY` must not be rejected, one that
is worse by more than `HARM` must not be promoted. In between, both decisions are right."""
AT_LEAST_RIGHT, MOST_HELD, MOST_WITHOUT_NEWS = 0.95, 0.10, 0.05

EXPLAINED = f"""\
A decision is wrong if a candidate is rejected whose true loss is more than {PLAINLY:.0%} below the champion's (and
not beyond the mean's or its metric-limit), or promoted although its loss is more than {-HARM:.0%} above.
`regretted` were promoted, and then more than {-HARM:.0%} worse than the model before in the next {EVERY} days.
`always` promotes every candidate, `never` only the first; `of the best` is the loss of what served over the lower of
these two. Losses are RMSE on fresh rows; noise alone is 0.52.
"""

TEMPLATE = """\
name: {name}
version: 1.0.0
owner: benchmarks
extends: raytemplate:tabular-regression
data:
  source: rows.parquet
  time: at
  target: y
  keys: [id]
  windows: {{train: {train}d, validation: {validation}d, test: {test}d}}
features: {{numeric: [x1, x2, x3, x4], categorical: [shop]}}
model: {{kind: lightgbm, num_trees: 120, num_leaves: 15}}
training: {{lr: 0.1, seed: {seed}}}
evaluation: {{metric: rmse, also: [mae, r2], baseline: {{mean_by: []}}}}
governance: {{promotion: automatic{limit}}}
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What one retrain decided, and what was true."""

    retrain: int
    """Number of the retrain."""
    state: str
    """How the run ended."""
    gain: float
    """True relative reduction of the champion's loss by the candidate, on the days of the test window."""
    gain_next: float
    """The same, on the next four weeks."""
    good_enough: bool
    """Whether the candidate is truly better than the mean, and within its metric-limit."""
    reasons: tuple[str, ...]
    """Gates that held the candidate."""
    flagged: bool
    """Whether the run reported that the champion fails."""

    @property
    def is_plain(self) -> bool:
        """Whether the candidate is clearly better, and good enough."""
        return self.gain > PLAINLY and self.good_enough

    @property
    def kind(self) -> str:
        """ "right", "wrong" or "held"."""
        if self.state == "held":
            return "held"
        if self.state == "approved":
            return "wrong" if self.gain < HARM else "right"
        return "wrong" if self.is_plain else "right"


@dataclass(kw_only=True)
class Walk:
    """One world, retrained repeatedly."""

    world: World
    folder: Path
    decisions: list[Decision] = field(default_factory=list[Decision])
    losses: list[list[float]] = field(default_factory=list[list[float]])
    """For each period of four weeks, the loss of every model made before it."""
    in_service: list[int] = field(default_factory=list[int])
    """For each period of four weeks, the number of the model that served."""

    def go(self, retrains: int) -> None:
        """Train the first model, then retrain it `retrains` times."""
        workspace = Workspace(self.folder / ".raytemplate")
        create(workspace)
        template = self.folder / f"{NAME}.yaml"
        limit = self.world.stream.limit
        template.write_text(
            TEMPLATE.format(
                name=NAME,
                train=TRAIN,
                validation=VALIDATION,
                test=TEST,
                seed=self.world.seed,
                limit=f", gates: {{metric-limit: {{rmse: {limit}}}}}" if limit else "",
            )
        )
        made: list[SavedModel] = []
        for number in range(retrains + 1):
            until = TRAIN + VALIDATION + TEST + number * EVERY
            pq.write_table(self.world.rows(0, until, ROWS_A_DAY, 0), self.folder / "rows.parquet")
            run = retrain(template, workspace, START + timedelta(days=until))
            made.append(SavedModel.load(ContentStore(workspace.models).open(run.fit.candidate.digest)))
            self._weigh(made, until, run, number)

    def _weigh(self, made: list[SavedModel], until: int, run: Run, number: int) -> None:
        then = self.world.rows(until - TEST, until, FUTURE_ROWS_A_DAY, 1)
        losses = [loss(model, self.world.rows(until, until + EVERY, FUTURE_ROWS_A_DAY, 1)) for model in made]
        champion = self.in_service[-1] if self.in_service else 0
        promoted = run.state == "approved"
        if number:
            held = run.verdict.findings if isinstance(run.verdict, Held) else ()
            candidate, limit = loss(made[-1], then), self.world.stream.limit or np.inf
            self.decisions.append(
                Decision(
                    retrain=number,
                    state=run.state,
                    gain=1 - candidate / loss(made[champion], then),
                    gain_next=1 - losses[-1] / losses[champion],
                    good_enough=candidate < 0.95 * min(limit, float(np.std(then.column("y").to_numpy()))),
                    reasons=tuple(one.gate for one in held if one.outcome == "hold"),
                    flagged=any(one.outcome in ("hold", "block") for one in run.champion_findings),
                )
            )
        self.losses.append(losses)
        self.in_service.append(number if promoted or not number else champion)

    def policy(self, name: str) -> float:
        """Mean loss of the model that served: "always" the newest, "never" another than the first, or as decided."""
        serves: dict[str, Callable[[int], int]] = {
            "always": lambda period: period,
            "never": lambda period: 0,
            "decided": lambda period: self.in_service[period],
        }
        return mean(losses[serves[name](period)] for period, losses in enumerate(self.losses))

    @property
    def flagged_in_time(self) -> bool:
        """Whether the first run whose test window is entirely after the break reported that the champion fails."""
        first = -(-(BREAK_DAY - TRAIN - VALIDATION) // EVERY)
        return any(one.flagged for one in self.decisions if one.retrain == first)


class Shared(RayEngine):
    """The engine on the Ray that already runs."""

    def ready(self) -> None:
        """Ray already runs."""

    def release(self) -> None:
        """Ends nothing."""


def retrain(template: Path, workspace: Workspace, as_of: datetime) -> Run:
    """One run, decided by the same rules as every run."""
    spec = load(template, environ={})
    plan = compile_plan(spec, look(spec, workspace), f"{as_of:%Y-%m-%d}")
    journal = begin(new_run(workspace)[1], plan, spec, "")
    store, ledger = ContentStore(workspace.models), Ledger(workspace.governance_db)
    engine = Shared(cluster.LocalRay(num_cpus=2, object_store_bytes=0), plan, journal.folder)
    Execution(
        plan=plan,
        journal=journal,
        engine=engine,
        promoter=LedgerPromoter(ledger, store),
        store=store,
        meter=Meter(limit_s=600.0, limit_usd=1.0),
        listener=Heard(),
        package=package,
        champion_now=lambda: champion_of(plan.name, workspace),
        turn=turn_of(workspace, plan.name),
    ).run()
    return Run(journal)


def loss(model: SavedModel, rows: pa.Table) -> float:
    """RMSE."""
    return float(np.sqrt(np.mean((model.predict(rows)[0] - rows.column("y").to_numpy()) ** 2)))


def start_ray() -> None:
    """One Ray for all runs."""
    for name, value in cluster._ENVIRONMENT.items():  # pyright: ignore[reportPrivateUsage]
        os.environ.setdefault(name, value)
    import ray

    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=40,
        object_store_memory=500_000_000,
    )


def share(decisions: Sequence[Decision], test: Callable[[Decision], bool]) -> float:
    """Summary of these decisions."""
    return sum(map(test, decisions)) / len(decisions)


def row(stream: Stream, walks: Sequence[Walk]) -> tuple[str, ...]:
    """The table's row for one stream."""
    decisions = [one for walk in walks for one in walk.decisions]
    kinds = [one.kind for one in decisions]
    states = [one.state for one in decisions]
    means = {name: mean(walk.policy(name) for walk in walks) for name in ("decided", "always", "never")}
    best = min(means["always"], means["never"])
    reasons = sorted({reason for one in decisions for reason in one.reasons})
    return (
        stream.name,
        str(len(decisions)),
        *(str(states.count(state)) for state in ("approved", "rejected", "held")),
        *(str(kinds.count(kind)) for kind in ("right", "wrong")),
        ", ".join(reasons) or "-",
        str(sum(one.state == "approved" and one.gain_next < HARM for one in decisions)),
        *(f"{means[name]:.3f}" for name in ("decided", "always", "never")),
        f"{means['decided'] / best:.3f}",
        f"{sum(walk.flagged_in_time for walk in walks)} of {len(walks)}" if stream.must_be_flagged else "-",
    )


def targets(found: dict[Stream, list[Walk]]) -> list[Target]:
    """The targets for all streams together."""
    every = [one for walks in found.values() for walk in walks for one in walk.decisions]
    plain = [one for one in every if one.is_plain]
    quiet = [one for stream, walks in found.items() if stream.name == "no change" for w in walks for one in w.decisions]
    flagged = [walk.flagged_in_time for stream, walks in found.items() if stream.must_be_flagged for walk in walks]
    rows = [
        Target(name="right or held", found=share(every, lambda one: one.kind != "wrong"), low=AT_LEAST_RIGHT, unit=""),
        Target(name="held", found=share(every, lambda one: one.kind == "held"), high=MOST_HELD, unit=""),
    ]
    if plain:
        rows.append(
            Target(
                name="plainly better and held", found=share(plain, lambda one: one.kind == "held"), high=0.0, unit=""
            )
        )
    if quiet:
        promoted = share(quiet, lambda one: one.state == "approved")
        rows.append(Target(name="promoted where nothing changed", found=promoted, high=MOST_WITHOUT_NEWS, unit=""))
    if flagged:
        rows.append(Target(name="failed champions flagged at once", found=mean(flagged), low=1.0, unit=""))
    return rows


def measure(streams: Iterable[Stream], seeds: int, retrains: int) -> dict[Stream, list[Walk]]:
    """Every stream with every seed."""
    found: dict[Stream, list[Walk]] = {}
    for stream in streams:
        for seed in range(1, seeds + 1):
            with tempfile.TemporaryDirectory() as folder:
                walk = Walk(world=World(stream=stream, seed=seed), folder=Path(folder))
                walk.go(retrains)
            found.setdefault(stream, []).append(walk)
            wrong = [one for one in walk.decisions if one.kind == "wrong"]
            print(f"{stream.name}, seed {seed}: {[one.state for one in walk.decisions]} {wrong or ''}", file=sys.stderr)
    return found


def months(template: Path) -> list[tuple[str, ...]]:
    """A shipped example, retrained for every month of 2013 that has enough rows before it."""
    workspace = Workspace(Path(tempfile.mkdtemp(prefix="decisions-")) / ".raytemplate")
    create(workspace)
    found: list[tuple[str, ...]] = []
    for month in range(2, 14):
        run = retrain(template, workspace, datetime(2013 + month // 13, month % 13 + month // 13, 1, tzinfo=UTC))
        evaluation, metric = run.evaluation, run.evaluation.metric
        scored = (evaluation.candidate, evaluation.champion, evaluation.baseline)
        values = [f"{one.metrics[metric].estimate.value:.3f}" if one else "-" for one in scored]
        failed = [
            f"{one.gate}: {one.found}" for one in run.verdict.findings if one.outcome in ("block", "hold", "error")
        ]
        found.append((f"{run.plan.as_of:%Y-%m-%d}", run.state, *values, "; ".join(failed) or "-"))
        print(template.stem, *found[-1], file=sys.stderr)
    return found


def report(
    found: dict[Stream, list[Walk]], examples: dict[str, list[tuple[str, ...]]], began: datetime, command: str
) -> str:
    """The tables."""
    facts = {"date": f"{began:%Y-%m-%d %H:%M} UTC", **machine(), "command": command,
             "versions": ", ".join(f"{name} {number}" for name, number in versions().items())}  # fmt: skip
    header = ("stream", "retrains", "promoted", "rejected", "held", "right", "wrong", "held by", "regretted",
              "loss as decided", "always", "never", "of the best", "failed champion flagged")  # fmt: skip
    asked = [target.row() for target in targets(found)]
    head = [f"- {name}: {value}" for name, value in facts.items()]
    return "\n".join(
        [
            "# Are the decisions right?",
            "",
            *head,
            "",
            "## Targets",
            "",
            table(("figure", "found", "target", ""), asked),
            "",
            "## Streams",
            "",
            table(header, [row(stream, walks) for stream, walks in found.items()]),
            "",
            EXPLAINED,
            *(
                line
                for name, rows in examples.items()
                for line in (
                    f"## {name}, month by month",
                    "",
                    table(("as of", "verdict", "candidate", "champion", "baseline", "did not pass"), rows),
                    "",
                )
            ),
        ]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    names = [stream.name for stream in STREAMS]
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--retrains", type=int, default=8)
    parser.add_argument(
        "--examples", type=Path, help="what init --example flights made: its templates are retrained too"
    )
    parser.add_argument("--quick", action="store_true", help="one seed, two retrains: does it run at all?")
    parser.add_argument("--out", type=Path, default=None, help="where the report is written")
    options = parser.parse_args()
    seeds, retrains = (1, 2) if options.quick else (options.seeds, options.retrains)
    began = datetime.now(UTC)
    start_ray()
    found = measure([stream for stream in STREAMS if stream.name in options.only], seeds, retrains)
    templates = sorted(options.examples.glob("flights-*.yaml")) if options.examples else []
    examples = {path.stem: months(path) for path in templates if "sweep" not in path.stem}
    write_report(report(found, examples, began, "decisions.py " + " ".join(sys.argv[1:])), options.out)
    return 0 if all(target.row()[-1] == "met" for target in targets(found)) or options.quick else 1


if __name__ == "__main__":
    sys.exit(main())
