"""What a run has spent is charged to it however its processes end: killed, stopped, their records torn or missing."""

import json
import os
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raytemplate.budget import Spent
from raytemplate.execution import attempts
from raytemplate.execution.attempts import HEARTBEAT_S, Charge, charged, saw, spent_in
from raytemplate.execution.journal import Journal
from raytemplate.execution.time_left import left_s
from raytemplate.planning.stages import Limits
from raytemplate.records.codec import Settings
from raytemplate.testing.fakes import FakeClock

HARD_S = 2.0
LIVES = st.lists(
    st.fixed_dictionaries(
        {
            "works_s": st.floats(0, 40),  # then it is killed, unless its time is over first
            "ends": st.sampled_from(["by itself", "killed", "killed with its watchdog", "stopped"]),
            "beats_lost": st.booleans(),  # as of a process that is stopped, or whose interpreter is held
            "candidate_after_s": st.sampled_from([None, 0.0, 5.0]),
            "holds_usd_per_s": st.sampled_from([0.0, 0.001, 0.05]),
            "wall_clock_step_s": st.sampled_from([0, -3600, 86_400]),
        }
    ),
    min_size=1,
    max_size=6,
)


@contextmanager
def a_folder():
    """A new one for each example."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def live(folder, limits, life, clock):
    """One process's work on the run; returns the seconds and US dollars that it really held."""
    meter = limits.meter(spent_in(folder), clock())
    meter.clock = clock
    journal = Journal(folder)
    if left_s(journal, meter) <= 0:
        return 0.0, 0.0
    charge, worked, usd = Charge(folder, meter), 0.0, 0.0
    charge.beat()
    meter.on_change = charge.beat
    with meter.holding(life["holds_usd_per_s"]):
        while worked < life["works_s"] - 1e-6:
            if life["candidate_after_s"] is not None and worked >= life["candidate_after_s"]:
                (folder / "fit.json").touch()
            left = left_s(journal, meter) + (HARD_S if life["ends"] == "stopped" else 0.0)
            if left <= 1e-6:
                break
            step = min(HEARTBEAT_S, left, life["works_s"] - worked)
            usd += step * meter.rate
            clock.pass_s(step)
            worked += step
            if step == HEARTBEAT_S and not (life["beats_lost"] and life["ends"] != "killed with its watchdog"):
                charge.beat()
        if life["ends"] == "by itself":
            charge.beat(ahead_s=0.0)
        elif life["ends"] != "killed with its watchdog":
            saw(charge.path, worked)
    return worked, usd


@settings(max_examples=60, deadline=None)
@given(
    lives=LIVES,
    time_s=st.floats(1, 40),
    cost_usd=st.floats(0.001, 1),
    reserve_s=st.floats(0, 40),
    usd_per_s=st.sampled_from([0.0, 0.0005, 0.02]),
)
def test_no_course_of_kills_stops_lost_beats_and_resumes_passes_the_budget(
    lives, time_s, cost_usd, reserve_s, usd_per_s
):
    held = Settings({"fit": 0.05, "evaluate": 0.05})
    limits = Limits(time_s=time_s, cost_usd=cost_usd, reserve_s=reserve_s, usd_per_s=usd_per_s, held=held)
    clock, total_s, total_usd = FakeClock(), 0.0, 0.0
    with a_folder() as folder:
        for life in lives:
            seconds, usd = live(folder, limits, life, clock)
            total_s, total_usd = total_s + seconds, total_usd + usd
            # The charge is never less than what was held, except for rounding to a thousandth in records.
            assert spent_in(folder).seconds >= total_s - 0.001 * len(lives)
            assert spent_in(folder).usd >= total_usd - 0.001 * len(lives)
            clock.pass_s(abs(life["wall_clock_step_s"]))  # the machine sleeps, or is started again
    assert total_s <= time_s + limits.judging_s + HARD_S + 0.1
    assert total_usd <= cost_usd + limits.judging_s * limits.rate("evaluate") + HARD_S * limits.rate("fit") + 0.01


def test_a_clock_that_is_set_while_a_process_works_changes_nothing(tmp_path):
    clock = FakeClock()
    meter = Limits(time_s=60.0, cost_usd=1.0, reserve_s=1.0, usd_per_s=0.0).meter(Spent(), clock())
    meter.clock = clock
    charge = Charge(tmp_path, meter)
    for moment in (datetime(2013, 1, 1, tzinfo=UTC), datetime(2044, 1, 1, tzinfo=UTC)):
        clock.pass_s(5.0)
        charge.beat(ahead_s=0.0)
        os.utime(charge.path, (moment.timestamp(), moment.timestamp()))
    assert spent_in(tmp_path).seconds == 10.0


def begun(folder, ago_s):
    """A run that began the given number of seconds ago, by the times of its files."""
    (folder / "run.json").write_text("{}")
    touch(folder / "run.json", ago_s)


def touch(path, ago_s):
    """Date a file back by the given number of seconds."""
    moment = time.time() - ago_s
    os.utime(path, (moment, moment))


def attempt(folder, number, *, seen_s, ended_ago_s, **more):
    """The record of a process; without `more`, as earlier versions wrote it."""
    started = datetime.now(UTC) - timedelta(seconds=ended_ago_s + seen_s)
    path = folder / f"attempt-{number}.json"
    path.write_text(json.dumps({"started": started.isoformat(), "seen_s": seen_s, "seen_usd": 0.0, **more}))
    touch(path, ended_ago_s)
    return path


def test_a_torn_record_is_charged_from_the_last_sign_of_life_before_it(tmp_path):
    begun(tmp_path, 100)
    attempt(tmp_path, 1, seen_s=10.0, ended_ago_s=90)
    torn = attempt(tmp_path, 2, seen_s=20.0, ended_ago_s=50)
    torn.write_text(torn.read_text()[:30])
    touch(torn, 50)
    spent = spent_in(tmp_path)
    assert spent.seconds == pytest.approx(10 + 40, abs=0.5)
    assert spent.unpriced_s == pytest.approx(40, abs=0.5)


@pytest.mark.parametrize("torn", ["", "{", "[]", "null", '{"started": 3}', '{"started": "2013-01-01T00:00:00+00:00"}'])
def test_a_torn_record_of_whatever_kind_is_no_crash_and_no_gift(tmp_path, torn):
    begun(tmp_path, 60)
    (tmp_path / "attempt-1.json").write_text(torn)
    assert spent_in(tmp_path).seconds == pytest.approx(60, abs=0.5)


def test_a_record_that_is_missing_between_others_is_charged_up_to_the_next(tmp_path):
    begun(tmp_path, 100)
    attempt(tmp_path, 1, seen_s=10.0, ended_ago_s=90)
    attempt(tmp_path, 3, seen_s=5.0, ended_ago_s=15)
    assert spent_in(tmp_path).seconds == pytest.approx(10 + 70 + 5, abs=0.5)


def test_a_record_knows_what_was_spent_before_it(tmp_path):
    begun(tmp_path, 100)
    attempt(tmp_path, 3, seen_s=5.0, ended_ago_s=15, earlier_s=42.0, earlier_usd=0.5)
    spent = spent_in(tmp_path)
    assert (spent.seconds, spent.usd, spent.unpriced_s) == (47.0, 0.5, 0.0)


def test_work_that_no_attempt_owns_up_to_is_charged_until_its_last_record(tmp_path):
    begun(tmp_path, 100)
    (tmp_path / "epochs.jsonl").write_text("")
    touch(tmp_path / "epochs.jsonl", 30)
    assert spent_in(tmp_path).seconds == pytest.approx(70, abs=0.5)


def test_the_end_of_a_run_says_what_was_spent_where_its_attempts_are_gone(tmp_path):
    begun(tmp_path, 1e7)  # as a folder that was copied
    (tmp_path / "epochs.jsonl").write_text("")
    (tmp_path / "end.superseded-1.json").write_text(json.dumps({"wall_clock_s": 22.5, "cost_usd": 0.25}))
    spent = spent_in(tmp_path)
    assert (spent.seconds, spent.usd) == (22.5, 0.25)


def test_the_next_attempt_never_takes_the_name_of_one_that_is_there(tmp_path):
    meter = Limits(time_s=60.0, cost_usd=1.0, reserve_s=1.0, usd_per_s=0.0).meter(Spent(), time.monotonic())
    attempt(tmp_path, 2, seen_s=20.0, ended_ago_s=1)
    attempt(tmp_path, 10, seen_s=30.0, ended_ago_s=1)
    with charged(tmp_path, meter) as path:
        assert path.name == "attempt-11.json"


def test_dollars_that_no_record_names_any_more_are_charged_as_the_dearest_stage():
    limits = Limits(time_s=600.0, cost_usd=5.0, reserve_s=3.0, usd_per_s=0.001, held=Settings({"fit": 0.05}))
    meter = limits.meter(Spent(seconds=100.0, usd=1.0, unpriced_s=40.0), time.monotonic())
    assert meter.earlier.usd == pytest.approx(1.0 + 40 * 0.051)


def test_what_a_watchdog_saw_is_charged_at_the_price_of_what_was_held(tmp_path):
    path = attempt(tmp_path, 1, seen_s=4.0, ended_ago_s=0, seen_usd=0.2, usd_per_s=0.05)
    saw(path, 20.0)
    assert spent_in(tmp_path) == Spent(seconds=20.0, usd=pytest.approx(0.2 + 16 * 0.05))
    saw(path, 10.0)  # it had said more itself
    assert spent_in(tmp_path).seconds == 20.0


def test_a_beat_that_finds_no_room_on_the_disk_is_written_over_the_one_before(tmp_path):
    clock = FakeClock()
    meter = Limits(time_s=60.0, cost_usd=1.0, reserve_s=1.0, usd_per_s=0.0).meter(Spent(), clock())
    meter.clock = clock
    charge = Charge(tmp_path, meter)
    charge.beat()
    (tmp_path / "attempt-1.tmp").mkdir()  # no new file can be written
    clock.pass_s(7.0)
    charge.beat(ahead_s=0.0)
    assert spent_in(tmp_path).seconds == 7.0
    assert attempts.last_word(charge.path) is not None
