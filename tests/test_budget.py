"""The meter never grants more than the budget, however often a run is stopped and resumed."""

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raytemplate.budget import Meter, Spent
from raytemplate.testing.fakes import FakeClock

SECONDS = st.floats(0, 1e4, allow_nan=False)


def meter(clock, **changes):
    return Meter(**({"limit_s": 100.0, "limit_usd": 1.0, "clock": clock, "started": clock()} | changes))


def test_time_passes_and_what_was_spent_before_counts():
    clock = FakeClock(1000.0)
    of = meter(clock, earlier=Spent(seconds=30.0), reserve_s=10.0)
    clock.pass_s(20.0)
    assert (of.elapsed_s(), of.remaining_s(), of.training_remaining_s()) == (50.0, 50.0, 40.0)


def test_money_ends_a_run_before_time_does():
    clock = FakeClock()
    of = meter(clock, usd_per_s=0.02)
    clock.pass_s(10.0)
    assert of.spent_usd() == pytest.approx(0.2)
    assert of.remaining_s() == pytest.approx(40.0)


def test_what_is_held_for_a_while_is_charged_for_that_while():
    clock = FakeClock()
    of = meter(clock, usd_per_s=0.001, reserve_s=10.0, reserve_usd=0.05)
    clock.pass_s(10.0)
    with of.holding(0.02):
        clock.pass_s(20.0)
        assert of.spent_usd() == pytest.approx(0.03 + 0.4)
        assert of.remaining_s() == pytest.approx(0.57 / 0.021)
        assert of.training_remaining_s() == pytest.approx(0.52 / 0.021)
        assert (of.ended_by(), of.told()) == ("budget.cost", "budget.cost: 0.4300 USD of 1.0000 USD")
        with pytest.raises(RuntimeError), of.holding(0.1):  # released whatever happens
            raise RuntimeError
    clock.pass_s(5.0)
    assert of.spent_usd() == pytest.approx(0.035 + 0.4)
    assert (of.remaining_s(), of.ended_by()) == (pytest.approx(65.0), "budget.time")


@given(
    holds=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 500)), max_size=20),
    always=st.floats(0, 0.01),
    money=st.floats(0.01, 10),
)
def test_whoever_asks_before_holding_never_passes_the_money(holds, always, money):
    clock = FakeClock()
    of = meter(clock, limit_s=1e9, limit_usd=money, usd_per_s=always)
    for rate, wanted_s in holds:
        with of.holding(rate):
            clock.pass_s(max(0.0, min(wanted_s, of.remaining_s())))
        assert of.spent_usd() <= money * (1 + 1e-6)


def test_what_ended_a_run_is_told_by_one_look_at_a_clock_that_goes_on():
    ticks = count(0.0, 1e-7)
    late = Meter(limit_s=5.0, limit_usd=1.0, reserve_s=1.0, clock=lambda: 6.0 + next(ticks), started=0.0)
    assert (late.ended_by(), late.ended_by(training=True)) == ("budget.time", "budget.time")
    assert late.told() == "budget.time: 6 s of 5 s"
    # The last seconds are reserved for judging: the limit that ends training is not the one that ends the run.
    dear = Meter(
        limit_s=10.0, limit_usd=1.0, reserve_s=4.0, usd_per_s=0.11, clock=lambda: 6.0 + next(ticks), started=0.0
    )
    assert (dear.ended_by(training=True), dear.ended_by()) == ("budget.time", "budget.cost")


def test_what_is_spent_is_spent():
    clock = FakeClock()
    of = meter(clock)
    clock.pass_s(130.0)
    assert of.remaining_s() == -30.0


@given(
    limit=st.floats(1, 1e4),
    reserve=st.floats(0, 100),
    price=st.sampled_from([0.0, 1e-4, 0.1]),
    money=st.floats(0.01, 10),
    wants=st.lists(st.tuples(SECONDS, SECONDS), max_size=8),
)
def test_no_chain_of_resumes_is_ever_granted_more_than_the_budget(limit, reserve, price, money, wants):
    clock, spent, trained = FakeClock(), Spent(), 0.0
    for start_s, wanted_s in wants:
        of = Meter(
            limit_s=limit,
            limit_usd=money,
            reserve_s=reserve,
            usd_per_s=price,
            earlier=spent,
            clock=clock,
            started=clock(),
        )
        clock.pass_s(start_s)
        granted = min(wanted_s, max(0.0, of.training_remaining_s()))
        clock.pass_s(granted)
        trained += granted
        spent = Spent(seconds=of.elapsed_s(), usd=of.spent_usd())
        assert granted == 0.0 or spent.seconds <= limit * (1 + 1e-9)
    assert trained <= limit * (1 + 1e-9)
    assert trained * price <= money * (1 + 1e-6)
