"""A run tells how many labels have changed since the champion was trained."""

from dataclasses import dataclass, replace

import pyarrow as pa
import pytest
from fake_runs import FakeRun

from raytemplate.data.labels import LABELS, Labels, labels_of
from raytemplate.history.runs import Run
from raytemplate.records.ingested import Snapshot
from raytemplate.records.labelled import LabelChanges
from raytemplate.reports.run_shown import RunView, show_run
from raytemplate.testing.fakes import FakeEngine
from raytemplate.testing.samples import sample_start


@dataclass
class Labelled(FakeEngine):
    """An engine whose rows have these targets."""

    labels: Labels | None = None

    def ingest(self, stage, expected):
        return replace(super().ingest(stage, expected), labels=self.labels)


def run_of(folder, targets, error=1.0):
    rows = pa.table({"id": list(range(len(targets))), "air_time": targets})
    run = FakeRun(folder)
    labels = labels_of(rows, ("id",), "air_time") if targets else None
    run.execute(Labelled(candidate_error=error, weights=str(error), labels=labels))
    return run


def test_a_run_tells_whose_target_has_changed(tmp_path):
    first = run_of(tmp_path, [1.0] * 1000)
    second = run_of(tmp_path, [2.0, 3.0] + [1.0] * 1100)
    assert first.journal.read(LabelChanges) is None
    found = Run(second.journal).labels
    text = "labels: 2 of 1,000 rows that version 1 has seen have another air_time now (0.2 %)"
    assert (found.run_id, found.num_seen, found.num_changed, found.text) == (first.journal.run_id, 1000, 2, text)
    assert f"note: {text}" in second.heard.said
    shown = show_run(
        RunView(start=sample_start(), plan=second.plan, snapshot=second.journal.need(Snapshot), labels=found)
    )
    assert "  labels       2 of 1,000 rows that version 1 has seen have another air_time now" in shown


@pytest.mark.parametrize("why", ["none before", "edited", "none now"])
def test_nothing_is_said_if_it_is_not_known(tmp_path, why):
    first = run_of(tmp_path, [1.0] * 10 if why != "none before" else [])
    if why == "edited":
        (first.journal.folder / LABELS).write_bytes(b"PAR1")
    second = run_of(tmp_path, [2.0] * 10 if why != "none now" else [])
    assert Run(second.journal).labels is None and "labels" not in " ".join(second.heard.said)


WORDS = {
    (0, 7, False, "y"): "labels: none of 7 rows that version 4 has seen has another y now",
    (3, 61204, True, "y"): "labels: 3 of a sample of 61,204 rows that version 4 has seen have another y now (0.005 %)",
    (1, 4, False, "y > 1"): "labels: 1 of 4 rows that version 4 has seen have another value of y > 1 now (25.0 %)",
    (1, 900_000, False, "y"): "labels: 1 of 900,000 rows that version 4 has seen have another y now (under 0.001 %)",
}


@pytest.mark.parametrize(("counts", "text"), WORDS.items(), ids=[str(key[0]) for key in WORDS])
def test_it_is_told_in_a_sentence(counts, text):
    num_changed, num_seen, is_sample, target = counts
    found = LabelChanges(
        run_id="k7q2", version=4, target=target, num_seen=num_seen, num_changed=num_changed, is_sample=is_sample
    )
    assert found.text == text
