"""What a person sees during a run: live display on a terminal, plain lines elsewhere."""

import os
import pty
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

# A run as its listener sees it, in a separate process because fd 2 is diverted.
HEARD = """
import sys, time
from pathlib import Path
import click
from raytemplate.cli import progress
from raytemplate.records.fitted import EpochRecord
from raytemplate.records.swept import RunningTrial, SweepNow
from raytemplate.testing import sample_plans, samples

@click.command()
@click.argument("folder")
@click.argument("end")
def command(folder, end):
    (Path(folder) / "k7q2").mkdir()
    heard = progress.listener(Path(folder))
    plan = sample_plans.sample_plan(sweep=sample_plans.sample_sweep_stage() if end == "sweep" else None)
    heard.started(plan, "k7q2")
    heard.stage_started("ingest")
    heard.stage_ended("ingest", samples.sample_snapshot(), 1.0)
    if end == "sweep":
        heard.stage_started("sweep")
        running = (RunningTrial(number=6, epoch=3, num_epochs=6, step="epoch", running_s=2.0),)
        for record in samples.sample_trials()[:5]:
            heard.trial(record, record, 60.0)
            heard.searching(SweepNow(counts=(("finished", record.number),), running=running, best=record, more=7,
                                     left_s=60.0))
        time.sleep(0.5)
        heard.stage_ended("sweep", samples.sample_sweep(), 17.0)
    heard.stage_started("fit")
    record = EpochRecord(epoch=2, train_loss=1.0, validation=8.6, num_rows=100_000, loop_s=0.2, wall_clock_s=1.0)
    heard.epoch(record, plan, 30.0)
    time.sleep(0.5)
    if end == "interrupt":
        raise KeyboardInterrupt
    heard.stage_ended("fit", samples.sample_fit(), 6.0)

try:
    command.main(standalone_mode=False)
except click.Abort:
    print("interrupted", file=progress.stream())
"""
HEAD = "flights-air-time 1.0.0   as of 2013-06-01 UTC   plan 3f9c2a   run k7q2"
INGEST = "  ✓ ingest     166,054 rows; 5,464 dropped: air_time is null    1.0 s"
SWEEP = "  ✓ sweep      12 trials (3 pruned, 1 cut, 1 diverged, 1 failed), best mae 7.31 in trial 5    17 s"
FIT = "  ✓ fit        tabular-mlp, 6 epochs, validation mae 7.31       6.0 s"


def on_terminal(folder: Path, end: str, **environment: str) -> str:
    """Everything that a terminal was sent."""
    ours, theirs = pty.openpty()
    sent: list[bytes] = []

    def read() -> None:
        try:
            while piece := os.read(ours, 4096):
                sent.append(piece)
        except OSError:  # what Linux raises once there is no writer any more
            pass

    reader = threading.Thread(target=read)
    reader.start()
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30", **environment}
    subprocess.run([sys.executable, "-c", HEARD, str(folder), end], stderr=theirs, env=env, check=True, timeout=60)
    os.close(theirs)
    reader.join()
    os.close(ours)
    return b"".join(sent).decode()


def without_codes(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


@pytest.mark.parametrize(("end", "last"), [("well", ""), ("interrupt", "interrupted")])
def test_terminal_is_left_clean_however_a_run_ends(tmp_path: Path, end: str, last: str) -> None:
    sent = on_terminal(tmp_path, end)
    seen = without_codes(sent)
    assert HEAD in seen and INGEST in seen
    assert "fit        epoch 2 of 6, validation mae 8.60, 500,000 rows/s, 2 s left ━━━━━━" in seen
    assert re.search(r"\d s \(planned 9 s\); 9m 5\ds of 10m and 1\.00 of 1 USD left", seen)
    assert max(map(len, seen.splitlines())) <= 96, "a ^C at its end would break the line"
    assert sent.rindex("\x1b[?25h") > sent.rindex("\x1b[?25l"), "the cursor stays hidden"
    assert (FIT in seen) == (end == "well")
    cleared = sent.rindex("\x1b[1A\x1b[2K")
    assert without_codes(sent[cleared:]).strip() == last, "of the two live lines nothing is left"


def test_a_sweep_is_a_table_that_goes_when_it_ends(tmp_path: Path) -> None:
    sent = on_terminal(tmp_path, "sweep")
    seen = without_codes(sent)
    assert "sweep      5 trials ended: 5 finished; about 7 more fit" in seen
    assert "trial 6    ━━━━━━━━━━╺━━━━━━━━━ epoch 3 of 6, 2 s" in seen
    assert re.search(r"time       ━+ \d s of 10m \(planned 9 s\)", seen) and "money" not in seen
    assert max(len(line) for line in seen.splitlines() if line != SWEEP) <= 96
    assert SWEEP in seen and seen.rindex("trials ended") < seen.rindex("fit        epoch 2 of 6")


@pytest.mark.slow
def test_elsewhere_a_sweep_has_no_table(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HEARD, str(tmp_path), "sweep"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stderr.splitlines()
    assert said[said.index("  … sweep      searching") + 1 :][:2] == [SWEEP, "  … fit        training"]


def test_terminal_that_cannot_draw_gets_plain_lines(tmp_path: Path) -> None:
    sent = on_terminal(tmp_path, "well", TERM="dumb")
    assert "\x1b" not in sent and "  … fit        training" in sent


def test_elsewhere_a_line_says_where_each_stage_begins_and_ends(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HEARD, str(tmp_path), "well"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    expected = [HEAD, "", "  … waiting for Ray", "  … ingest     reading", INGEST, "  … fit        training", FIT]
    assert said.stderr.splitlines() == expected
    assert (tmp_path / "k7q2" / "ray.log").read_text() == ""


def test_run_goes_on_when_nobody_reads_any_more(tmp_path: Path) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    subprocess.run([sys.executable, "-c", HEARD, str(tmp_path), "well"], stderr=theirs, check=True, timeout=60)
    os.close(theirs)
