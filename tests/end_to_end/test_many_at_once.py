"""Eight people press the button at the same moment in a workspace that does not exist yet."""

from __future__ import annotations

import pytest
from command_line import epochs, record, start
from small_flights import AS_OF, MODEL, SHIPPED, as_sets, write_demo

from raytemplate.execution.journal import RECORDS
from raytemplate.ledger.head import Ledger

pytestmark = [pytest.mark.ray, pytest.mark.alone, pytest.mark.slow, pytest.mark.timeout(900)]
NEEDED = {"run.json", "snapshot.json", "features.json", "fit.json", "evaluation.json", "verdict.json", "end.json"}


@pytest.mark.nightly
def test_f20_eight_runs_at_once_leave_eight_whole_records_and_one_head(tmp_path, flights):
    demo = write_demo(tmp_path / "demo", flights)
    sets = [as_sets({"training.seed": seed // 2, "budget.time": "15m"}) for seed in range(8)]
    processes = [start("run", SHIPPED.name, "--as-of", AS_OF, *each, cwd=demo) for each in sets]
    ends = [(*process.communicate(timeout=800), process.returncode) for process in processes]
    for out, err, code in ends:
        assert code in (0, 5), (code, out, err)
        assert "database" not in err.lower() and "Traceback" not in err, err
    assert sum(code == 0 for *_, code in ends) >= 1

    runs = sorted((demo / ".raytemplate" / "runs").iterdir())
    assert len(runs) == 8
    for run in runs:
        names = {path.name for path in run.iterdir()}
        assert names >= NEEDED, names
        assert [each["epoch"] for each in epochs(run)] == [1, 2]
    digests = {record(run, "fit")["candidate"]["digest"] for run in runs}
    assert len(digests) == 4

    ledger = Ledger(demo / ".raytemplate" / "governance.db")
    assert ledger.faults() == ()
    promoted = [run for run in runs if record(run, "end")["state"] == "approved"]
    term = ledger.history(MODEL).term
    assert (ledger.models(), term) == ((MODEL,), len(promoted))
    assert ledger.head(MODEL).run_id in {run.name for run in promoted}
    assert [v.state for v in ledger.history(MODEL).versions].count("champion") == 1
    # Each champion was compared with its predecessor, even if several runs ended at once.
    for head in ledger.history(MODEL).heads:
        assert record(next(run for run in runs if run.name == head.run_id), "evaluation")["term"] == head.term - 1


def test_the_records_are_named_once():
    assert len(set(RECORDS.values())) == len(RECORDS)
