"""A sweep with a simulated clock: what is admitted, ended, kept and chosen, and that it never passes its budget."""

import statistics
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from raytemplate.budget import Meter, Spent
from raytemplate.errors import BudgetSpent, TrainingFailed, Unavailable
from raytemplate.execution.advisor import Advisor
from raytemplate.planning.stages import SweepStage
from raytemplate.records.codec import Settings
from raytemplate.records.fitted import EpochRecord
from raytemplate.records.swept import TrialBegun
from raytemplate.testing.sample_plans import sample_fit_stage
from raytemplate.testing.simulated_slots import Course, SimulatedSlots, TrialLoop
from raytemplate.tuning.front import Objective, Pick
from raytemplate.tuning.space import Knob

EPOCHS = 3
ROWS = 1000
GRACE_S = 1.0


def stage(**changes):
    fit = sample_fit_stage(num_epochs=EPOCHS, training=Settings({"epochs": EPOCHS, "lr": 0.1, "seed": 7}))
    space = (
        Knob(name="training.lr", draw="loguniform(1e-4, 1)"),
        Knob(name="model.hidden", draw="choice(8, 16, 32)"),
    )
    given = {
        "search": "random", "scheduler": "none", "space": space, "arms": (fit,), "rows_per_s": (ROWS,),
        "num_trials": 0, "per_trial_s": 0.0, "slots": 2, "refit": True, "max_failed": 0.5, "seed": 7,
    }  # fmt: skip
    return SweepStage(**{**given, **changes})


def steady(trial):
    """Better with a higher rate; one second per epoch."""
    lr = trial.stage.training["lr"]
    return Course(validations=tuple(10.0 - lr - epoch / 10 for epoch in range(EPOCHS)))


@dataclass
class Sweep:
    """An advisor whose trials run in simulated slots."""

    advisor: Advisor
    slots: SimulatedSlots
    meter: Meter
    on_news: Callable = lambda now: None

    def run(self):
        began = self.slots.now
        TrialLoop(
            slots=self.slots,
            advisor=self.advisor,
            meter=self.meter,
            on_news=lambda now: self.on_news(now),
            clock=self.slots.clock,
        ).run()
        return self.advisor.result(self.meter, self.slots.now - began)


def sweep(budget_s=1000.0, course=steady, reserve_s=0.0, known=(), begun=(), encoding_s=0.0, **changes):
    asked = stage(**changes)
    slots = SimulatedSlots(num=asked.slots, course=course)
    meter = Meter(limit_s=budget_s, limit_usd=1.0, reserve_s=reserve_s, clock=slots.clock, started=0.0)
    heard = []
    advisor = Advisor(
        stage=asked,
        num_rows=ROWS,
        refit_rows=ROWS,
        budget_s=budget_s,
        known=known,
        begun=begun,
        encoding_s=encoding_s,
        on_trial=lambda record, best, left_s: heard.append(record),
    )
    return Sweep(advisor, slots, meter), slots, heard


def values(result):
    return [dict(record.values) for record in result.trials]


def test_a_trial_that_waited_for_its_features_until_its_time_was_up_says_nothing_of_epochs():
    made, _, heard = sweep(
        num_trials=6,
        slots=1,
        per_trial_s=50.0,
        budget_s=120.0,
        course=lambda trial: replace(steady(trial), waits=trial.number == 2),
    )
    result = made.run()
    assert [(one.number, one.state, one.problem) for one in heard if one.problem] == [(2, "cut", "late")]
    assert [one.epochs for one in result.trials] == [EPOCHS, 0, *[EPOCHS] * 4]


def test_as_many_trials_as_asked_for_and_the_best_of_them():
    made, slots, heard = sweep(num_trials=7)
    result = made.run()
    assert (len(result.trials), result.ended, result.sampler) == (7, "trials", "RandomSampler")
    assert result.trials == tuple(heard)
    assert sorted(record.number for record in result.trials) == [1, 2, 3, 4, 5, 6, 7]
    assert result.best.validation == min(record.validation for record in result.trials)
    assert result.best.values["training.lr"] == max(each["training.lr"] for each in values(result))
    assert {(r.state, r.epochs, r.best_epoch, r.planned_s, r.actual_s) for r in result.trials} == {
        ("finished", EPOCHS, EPOCHS, 3.0, 3.0)
    }
    assert (slots.now, result.usage.wall_clock_s, result.usage.cpu_s) == (12.0, 12.0, 21.0)


def test_how_it_stands_is_told_while_it_goes_on():
    made, _, _ = sweep(num_trials=7)
    told = []
    made.on_news = told.append
    made.run()
    first, last = told[0], told[-1]
    assert (first.counts, first.best, first.more) == ((), None, 5)
    assert [(one.number, one.epoch, one.num_epochs, one.step) for one in first.running] == [
        (1, 0, EPOCHS, "epoch"),
        (2, 0, EPOCHS, "epoch"),
    ]
    assert {one.epoch for now in told for one in now.running if one.number == 3} >= {*range(EPOCHS)}
    assert (dict(last.counts), last.more, [one.number for one in last.running]) == ({"finished": 6}, 0, [7])
    assert last.best.validation == min(record.validation for record in made.run().trials[:6])


def test_how_many_more_fit_is_what_then_happens():
    made, _, _ = sweep(budget_s=103.0, refit=False)
    told = []
    made.on_news = told.append
    number = len(made.run().trials)
    halfway = told[len(told) // 2]
    ended = sum(number for _, number in halfway.counts)
    assert 20 < ended < number - 20
    assert abs(ended + len(halfway.running) + halfway.more - number) <= 2


def test_no_more_fit_than_there_are_values():
    space = (Knob(name="training.lr", draw="grid(0.1, 0.2, 0.3)"),)
    made, _, _ = sweep(search="grid", space=space)
    told = []
    made.on_news = told.append
    made.run()
    assert told[0].more == 1


def test_news_come_a_few_times_a_second_at_most():
    made, slots, _ = sweep(num_trials=50, course=lambda trial: Course(validations=(1.0,) * EPOCHS, epoch_s=0.01))
    times = []
    made.on_news = lambda now: times.append(slots.now)
    made.run()
    assert len(times) >= 3 and min(b - a for a, b in pairwise(times)) >= 0.2


@pytest.mark.slow
def test_time_is_kept_for_the_copies_of_the_trials():
    def last_end(budget_s, epoch_s):
        made, slots, _ = sweep(
            budget_s=budget_s, refit=False, course=lambda trial: Course(validations=(1.0,) * EPOCHS, epoch_s=epoch_s)
        )
        return len(made.run().trials), slots.now

    number, ended = last_end(1000.0, 1.0)
    assert number > 200 and ended == pytest.approx(995.0, abs=3.1)
    number, ended = last_end(20.0, 0.01)
    assert number > 200 and ended == pytest.approx(19.0, abs=0.1), "of a short run a twentieth"


def test_time_is_kept_for_encoding_the_data_with_the_winners_features():
    made, slots, _ = sweep(budget_s=31.0, reserve_s=4.0, encoding_s=6.0)
    assert (made.run().ended, slots.now) == ("budget.time", 17.0)


def test_a_trial_is_told_all_that_it_drew():
    space = (
        Knob(name="training.lr", draw="choice(0.5)"),
        Knob(name="features.columns.a.transform", draw="choice(log)"),
    )
    made, slots, _ = sweep(num_trials=1, space=space)
    made.run()
    (trial,) = slots.started
    assert trial.values == Settings({"training.lr": 0.5, "features.columns.a.transform": "log"})
    assert trial.stage.training["lr"] == 0.5


def test_what_won_before_is_tried_first_and_once():
    winners = tuple(Settings({"training.lr": lr, "model.hidden": 8}) for lr in (0.03, 0.02))
    made, _, _ = sweep(num_trials=4, begin_with=winners)
    result = made.run()
    tried = [dict(r.values) for r in sorted(result.trials, key=lambda r: r.number)]
    assert tried[:2] == [dict(one) for one in winners]
    known = tuple(r for r in result.trials if r.number < 3)
    again, _, heard = sweep(num_trials=4, begin_with=winners, known=known)
    again.run()
    assert not {r.values for r in heard} & set(winners)


def test_the_time_is_used_up_and_what_follows_is_left_its_share():
    made, slots, _ = sweep(budget_s=31.0, reserve_s=4.0)
    result = made.run()
    # 31 less 4 to judge, 3.6 to train the winner again, a fifth of it spare, and 0.4 to copy 16 trials: 23 seconds.
    assert (result.ended, slots.now) == ("budget.time", 23.0)
    assert slots.held_s / (2 * 23.0) > 0.95
    assert [r.num_epochs for r in result.trials].count(EPOCHS) == len(result.trials) - 2  # the last two were shortened
    assert all(r.state == "finished" for r in result.trials)


def test_without_a_last_training_its_time_goes_to_trials():
    made, slots, _ = sweep(budget_s=30.0, reserve_s=4.0, refit=False)
    made.run()
    assert slots.now == 25.0, "26 less 0.4 to copy 16 trials"


def test_a_trial_has_no_more_than_its_own_limit():
    made, _, _ = sweep(num_trials=3, per_trial_s=2.0, slots=1)
    result = made.run()
    assert [(r.state, r.epochs, r.num_epochs) for r in result.trials] == [
        ("cut", 2, 3),
        ("finished", 2, 2),
        ("finished", 2, 2),
    ]


def test_a_trial_that_hangs_or_is_deaf_is_killed_and_the_others_go_on():
    def course(trial):
        hangs = trial.number == 2
        return Course(validations=(5.0,), hangs_after=1 if hangs else None, deaf=hangs)

    made, slots, _ = sweep(num_trials=4, per_trial_s=10.0, course=course)
    result = made.run()
    assert slots.killed == [2]
    states = {r.number: (r.state, r.problem) for r in result.trials}
    assert states[2] == ("cut", "did not end when its time was up")
    assert [states[n][0] for n in (1, 3, 4)] == ["finished"] * 3


def test_a_slot_whose_machine_was_lost_takes_no_trial_until_there_is_room_again():
    def course(trial):
        slots.closed = {2: {1}, 6: set()}.get(trial.number, slots.closed)
        return Course(validations=(5.0,), fails_after=0 if trial.number == 2 else None)

    made, slots, _ = sweep(num_trials=8, course=course)
    result = made.run()
    assert len(result.trials) == 8 and [r.number for r in result.trials if r.state != "finished"] == [2]
    assert slots.taken == [0, 1, 0, 0, 0, 0, 1, 0]
    assert slots.now == 6 * EPOCHS  # of 1, 3, 4, 5, then 6 and 7 at once, and 8


def test_a_sweep_without_any_room_waits_for_it_within_its_budget():
    made, slots, _ = sweep(num_trials=2, budget_s=60.0, course=lambda trial: Course(validations=(5.0,), hangs_after=0))
    slots.closed = {0, 1}
    with pytest.raises(BudgetSpent, match="before one trial had an epoch"):
        made.run()
    assert len(slots.started) == 1 and slots.now <= 60.0 + GRACE_S


def every_second_fails(trial):
    return Course(validations=(5.0,), fails_after=0 if trial.number % 2 else None)


def test_a_sweep_whose_trials_fail_does_not_go_on_for_ever():
    assert len(sweep(num_trials=40, max_failed=0.8, course=every_second_fails)[0].run().trials) == 40
    made, slots, _ = sweep(num_trials=40, max_failed=0.4, course=every_second_fails)
    with pytest.raises(TrainingFailed, match=r"^3 of 5 trials failed, the last: made up"):
        made.run()
    assert len(slots.started) < 10


def test_trials_whose_machines_were_lost_say_nothing_of_the_space():
    def course(trial):
        return replace(every_second_fails(trial), lost=True)

    fails = Course(validations=(5.0,), fails_after=0, lost=True)
    made, _, _ = sweep(num_trials=40, max_failed=0.0, course=course)
    assert len(made.run().trials) == 40
    made, _, _ = sweep(num_trials=3, course=lambda trial: fails)
    with pytest.raises(Unavailable, match="no trial of 3 could be used, the last: made up"):
        made.run()
    made, _, _ = sweep(
        num_trials=4, course=lambda trial: Course(validations=(5.0,), fails_after=0, lost=trial.number > 1)
    )
    with pytest.raises(TrainingFailed, match="no trial of 4 could be used"):
        made.run()


def test_all_failed():
    made, _, _ = sweep(num_trials=3, course=lambda trial: Course(validations=(5.0,), fails_after=0))
    with pytest.raises(TrainingFailed, match="no trial of 3 could be used, the last: made up"):
        made.run()


def test_a_budget_that_ends_before_the_first_epoch():
    made, slots, _ = sweep(budget_s=10.0, course=lambda trial: Course(validations=(5.0,), epoch_s=60.0))
    with pytest.raises(BudgetSpent, match="before one trial had an epoch"):
        made.run()
    assert slots.now <= 10.0 + GRACE_S


def test_asha_ends_the_worse_trials_early():
    made, _, _ = sweep(num_trials=30, scheduler="asha", slots=1)
    result = made.run()
    pruned = [r for r in result.trials if r.state == "pruned"]
    assert len(pruned) >= 10 and all(r.epochs < EPOCHS for r in pruned)
    assert result.best.state == "finished"


@pytest.mark.parametrize("scheduler", ["hyperband", "median", "none"])
def test_every_scheduler_ends_with_a_winner(scheduler):
    made, _, _ = sweep(num_trials=20, scheduler=scheduler)
    assert len(made.run().trials) == 20


def test_what_an_earlier_process_tried_is_neither_tried_again_nor_forgotten():
    first, _, _ = sweep(num_trials=4, search="tpe", slots=1)
    known = first.run().trials
    whole = sweep(num_trials=8, search="tpe", slots=1)[0].run()
    made, slots, _ = sweep(num_trials=8, search="tpe", slots=1, known=known)
    result = made.run()
    assert (result.trials[:4], len(result.trials), len(slots.started)) == (known, 8, 4)
    assert [r.number for r in result.trials] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert whole.trials[:4] == known


def begun_with(validations, number=7):
    """A trial of an earlier process, with its epochs."""
    epochs = tuple(
        EpochRecord(epoch=n, train_loss=1.0, validation=each, num_rows=1, loop_s=5.0, wall_clock_s=5.0 * n)
        for n, each in enumerate(validations, 1)
    )
    values = Settings({"training.lr": 0.5, "model.hidden": 8})
    return TrialBegun(number=number, values=values, num_epochs=EPOCHS), epochs


def gone_on_with(begun, **changes):
    """After six trials that ended in an earlier process, in a sweep of seven."""
    asked = {"scheduler": "median", "slots": 1, **changes}
    known = sweep(num_trials=6, **asked)[0].run().trials
    course = Course(validations=(5.0,), done=len(begun[1]))
    made, slots, heard = sweep(num_trials=7, begun=(begun,), known=known, course=lambda trial: course, **asked)
    made.run()
    return slots, heard[-1]


def test_a_trial_that_was_running_is_gone_on_with():
    begun = begun_with([6.0, 5.5])
    slots, record = gone_on_with(begun)
    assert [(t.number, t.stage.training["lr"], t.stage.num_epochs) for t in slots.started] == [(7, 0.5, EPOCHS)]
    assert (record.number, record.values, record.epochs, record.state) == (7, begun[0].values, EPOCHS, "finished")
    assert record.actual_s == 1.0 and dict(record.rungs) == {"1": 6.0, "2": 5.5}


def test_what_was_running_is_compared_with_trials_of_earlier_processes():
    slots, record = gone_on_with(begun_with([60.0, 55.0]))
    assert (slots.started, record.state, record.epochs) == ([], "pruned", 2)


def test_a_trial_that_was_running_has_no_second_limit_of_its_own():
    slots, _ = gone_on_with(begun_with([6.0, 5.5]), per_trial_s=12.0)
    assert [trial.limit_s for trial in slots.started] == [2.0]


def test_a_sweep_whose_trials_were_all_killed_draws_no_value_twice():
    first = sweep(num_trials=2, slots=1)[0].run()
    begun = tuple(
        (TrialBegun(number=r.number, values=r.values, num_epochs=EPOCHS), ())
        for r in sorted(first.trials, key=lambda r: r.number)
    )
    result = sweep(num_trials=4, slots=1, begun=begun)[0].run()
    assert len({tuple(each.items()) for each in values(result)}) == 4


def test_a_trial_that_had_no_epoch_left_is_kept_as_it_was():
    made, slots, heard = sweep(begun=(begun_with([8.0, 7.0, 6.0], number=1),), num_trials=1)
    result = made.run()
    assert (slots.started, [(r.number, r.validation, r.state) for r in heard]) == ([], [(1, 6.0, "finished")])
    assert result.best == heard[0]


@pytest.mark.parametrize("search", ["random", "tpe", "gp", "cma-es"])
def test_the_same_seed_and_one_slot_give_the_same_trials(search):
    first, second = (sweep(num_trials=12, search=search, slots=1)[0].run() for _ in range(2))
    other = sweep(num_trials=12, search=search, slots=1, seed=8)[0].run()
    assert first.trials == second.trials != other.trials


def test_a_grid_tries_every_point_once_also_when_gone_on_with():
    space = (Knob(name="training.lr", draw="grid(0.1, 0.2)"), Knob(name="model.hidden", draw="int(8, 10)"))
    result = sweep(search="grid", space=space)[0].run()
    expected = [{"training.lr": lr, "model.hidden": hidden} for lr in (0.1, 0.2) for hidden in (8, 9, 10)]
    assert (values(result), result.ended) == (expected, "all values tried")
    made, slots, _ = sweep(search="grid", space=space, known=result.trials[1:3])
    assert (len(made.run().trials), len(slots.started)) == (6, 4)


@pytest.mark.parametrize("search", ["random", "tpe", "gp", "grid"])
def test_several_objectives_end_with_the_one_that_the_rule_names(search):
    """A higher rate is better but slower: the fastest trial within a tenth of the best is not the best one."""

    def course(trial):
        lr = trial.stage.training["lr"]
        return Course(validations=(10.0 - 4 * lr,), epoch_s=1.0 + 10 * lr)

    draw = "grid(0.1, 0.4, 0.7, 1.0)" if search == "grid" else "choice(0.1, 0.4, 0.7, 1.0)"
    asked = {
        "space": (Knob(name="training.lr", draw=draw),), "search": search, "num_trials": 8, "slots": 1,
        "objectives": (Objective(name="mae"), Objective(name="seconds")), "pick": Pick(best="seconds", within=0.25),
    }  # fmt: skip
    made, _, _ = sweep(course=course, **asked)
    result = made.run()
    assert {r.values["training.lr"] for r in result.trials} >= {0.7, 1.0}
    assert result.best.values["training.lr"] == 0.7  # 7.2 is within a quarter of 6.0, and 8.4 is not
    assert result.best.also["seconds"] == pytest.approx(8.0)
    again, slots, _ = sweep(course=course, known=result.trials, **asked)
    assert (again.run().best.values, slots.started) == (result.best.values, [])


COURSES = st.builds(
    Course,
    validations=st.tuples(st.floats(1, 9), st.floats(1, 9)),
    epoch_s=st.floats(0.05, 40.0),
    fails_after=st.none() | st.integers(0, 2),
    hangs_after=st.none() | st.integers(0, 2),
    deaf=st.booleans(),
    lost=st.booleans(),
)


@settings(max_examples=150, deadline=None)
@given(
    courses=st.lists(COURSES, min_size=1, max_size=8),
    budget_s=st.floats(1, 200),
    reserve_s=st.floats(0, 50),
    slots=st.integers(1, 4),
    scheduler=st.sampled_from(["asha", "median", "none"]),
    usd_per_h=st.floats(0, 400),
    spent_s=st.floats(0, 60),
    per_trial_s=st.sampled_from([0.0, 5.0]),
    refit=st.booleans(),
)
def test_no_course_of_trials_passes_the_budget(
    courses, budget_s, reserve_s, slots, scheduler, usd_per_h, spent_s, per_trial_s, refit
):
    asked = stage(slots=slots, scheduler=scheduler, per_trial_s=per_trial_s, refit=refit, num_trials=60)
    simulated = SimulatedSlots(num=slots, course=lambda trial: courses[trial.number % len(courses)])
    meter = Meter(
        limit_s=budget_s,
        limit_usd=1.0,
        reserve_s=reserve_s,
        usd_per_s=usd_per_h / 3600,
        earlier=Spent(seconds=spent_s, usd=spent_s * usd_per_h / 3600),
        clock=simulated.clock,
        started=0.0,
    )
    begun = meter.training_remaining_s()
    with suppress(BudgetSpent, TrainingFailed, Unavailable):
        Sweep(Advisor(stage=asked, num_rows=ROWS, refit_rows=ROWS, budget_s=budget_s), simulated, meter).run()
    late_s = GRACE_S + 0.02
    assert meter.spent_usd() <= max(meter.limit_usd, meter.earlier.usd) + late_s * meter.rate
    assert simulated.now <= max(0.0, begun) + late_s


@pytest.mark.slow
@pytest.mark.parametrize(("search", "num_seeds", "num_trials"), [("tpe", 10, 30), ("gp", 3, 18), ("cma-es", 10, 30)])
def test_a_search_that_learns_beats_random_on_a_quadratic(search, num_seeds, num_trials):
    space = (Knob(name="training.lr", draw="uniform(0, 1)"), Knob(name="model.dropout", draw="uniform(0, 1)"))

    def course(trial):
        x, y = trial.stage.training["lr"], trial.stage.model["dropout"]
        return Course(validations=((x - 0.3) ** 2 + (y - 0.7) ** 2,))

    def median_best(name):
        changes = {"space": space, "search": name, "slots": 1, "course": course, "budget_s": 1e6}
        made = [sweep(seed=seed, num_trials=num_trials, **changes)[0] for seed in range(num_seeds)]
        return statistics.median(one.run().best.validation for one in made)

    assert median_best(search) < median_best("random")


class Killed(BaseException):
    """The process is gone: nothing after it happens."""


class Mortal(SimulatedSlots):
    """Slots whose process is killed at a given time."""

    dies_at = 0.0

    def wait(self, timeout_s):
        if self.now >= self.dies_at:
            raise Killed
        return super().wait(timeout_s)

    def kill(self, slot):
        """Does nothing: the process that would do it is dead."""
        if self.now < self.dies_at:
            super().kill(slot)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(
    courses=st.lists(COURSES, min_size=1, max_size=5),
    budget_s=st.floats(5, 200),
    slots=st.integers(1, 3),
    lives=st.lists(st.tuples(st.floats(0, 400), st.floats(0.1, 90)), min_size=1, max_size=4),
    last=st.floats(0, 400),
)
def test_neither_kills_nor_new_prices_grant_a_second_budget(courses, budget_s, slots, lives, last):
    asked, spent, known, begun = stage(slots=slots, num_trials=60), Spent(), [], {}
    for usd_per_h, dies_at in [*lives, (last, float("inf"))]:
        simulated = Mortal(num=slots, course=lambda trial: courses[trial.number % len(courses)])
        simulated.dies_at = dies_at
        meter = Meter(
            limit_s=budget_s,
            limit_usd=1.0,
            usd_per_s=usd_per_h / 3600,
            earlier=spent,
            clock=simulated.clock,
            started=0.0,
        )
        ended = {record.number for record in known}
        advisor = Advisor(
            stage=asked,
            num_rows=ROWS,
            refit_rows=ROWS,
            budget_s=budget_s,
            known=tuple(known),
            begun=tuple((one, ()) for number, one in begun.items() if number not in ended),
            on_begin=lambda one: begun.update({one.number: one}),
            on_trial=lambda record, best, left_s: known.append(record),
        )
        left_s = meter.remaining_s()
        with suppress(Killed, BudgetSpent, TrainingFailed, Unavailable):
            Sweep(advisor, simulated, meter).run()
        assert simulated.now <= max(0.0, left_s) + GRACE_S + 0.52  # a process may die between two looks
        spent = Spent(seconds=meter.elapsed_s(), usd=meter.spent_usd())
    dearest = max(price for price, _ in [*lives, (last, 0.0)]) / 3600
    assert spent.seconds <= budget_s + GRACE_S + 0.52
    assert spent.usd <= 1.0 + (GRACE_S + 0.52) * dearest
    assert len({record.number for record in known}) == len(known)
