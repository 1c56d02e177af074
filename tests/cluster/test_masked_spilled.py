"""Markers are planted in masked columns, and searched for in every object that Ray spills to disk during a run."""

from __future__ import annotations

import random
import threading
from datetime import date, timedelta

import pytest
from command_line import only_run, record
from head import running_head

pytestmark = [pytest.mark.cluster, pytest.mark.ray, pytest.mark.slow]

SPILLS_ALL = {"object_spilling_threshold": 0.0001, "min_spilling_size": 1, "max_fused_object_count": 1}
TEMPLATE = """
name: shop
data:
  source: rows/*.csv
  time: day
  target: amount
  task: regression
  mask: {who: hash, zip: {truncate: 3}, ssn: drop}
  mask_key: {file: mask.key}
  windows: {train: all, validation: 10d, test: 10d}
features: {numeric: [x], categorical: [who, zip]}
model: {kind: lightgbm, num_trees: 10}
budget: {time: 5m}
evaluation: {metric: rmse, baseline: {mean_by: []}}
governance: {promotion: automatic, gates: {beats-baseline: {min_gain: 0}}}
"""


def write_rows(folder, num_rows, num_files=4):
    draw = random.Random(0)
    folder.mkdir()
    for number in range(num_files):
        with (folder / f"{number}.csv").open("w") as file:
            file.write("day,who,zip,ssn,x,amount,clear\n")
            for n in range(num_rows):
                x, day = draw.random(), date(2024, 1, 1) + timedelta(days=15 * number + n * 15 // num_rows)
                who = f"WHO-MARK-{draw.randrange(500)}"
                file.write(f"{day},{who},941-MARK-{n},SSN-MARK-{n},{x:.4f},{10 * x + draw.random():.3f},VISIBLE-{n}\n")


class Watch(threading.Thread):
    """Reads each spilled file as soon as it is there: it is gone when its object is no longer needed."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.folder, self.over, self.names, self.with_rows, self.marked = folder, threading.Event(), set(), set(), set()

    def run(self):
        while not self.over.wait(0.01):
            for path in self.folder.glob("ray/session_*/ray_spilled_objects*/*"):
                try:
                    content = path.read_bytes()
                except OSError:
                    continue
                self.names.add(path.name)
                if b"VISIBLE-" in content:
                    self.with_rows.add(path.name)
                if b"MARK-" in content:
                    self.marked.add(path.name)


@pytest.mark.parametrize(("mode", "num_rows"), [("memory", 100_000), ("stream", 15_000)])
def test_no_marker_is_in_what_ray_spills(tmp_path, mode, num_rows):
    write_rows(tmp_path / "rows", num_rows)
    (tmp_path / "shop.yaml").write_text(TEMPLATE)
    (tmp_path / "mask.key").write_text("a key of 16 or more characters")
    with running_head(system=SPILLS_ALL) as head:
        watch = Watch(head.folder)
        watch.start()
        sets = ("--set", f"data.ingest={mode}", "--set", "data.keys=[clear]")
        ran = head.raytemplate("run", "shop.yaml", "--as-of", "latest", "--address", head.address, *sets, cwd=tmp_path)
        watch.over.set()
        watch.join()
    assert ran.returncode == 0, ran.stderr
    assert sum(window["num_rows"] for window in record(only_run(tmp_path), "snapshot")["windows"]) == 4 * num_rows
    assert watch.with_rows if mode == "memory" else watch.names  # blocks that are streamed are encoded: only numbers
    assert watch.marked == set()
