"""Tables with one column that would not be known at prediction time."""

from __future__ import annotations

import numpy as np
import pandas as pd

ROWS = 2_000


def customers(target):
    """Honest columns and a target that they partly tell; 32 % have churned."""
    rng = np.random.default_rng(1)
    age, visits, plan = rng.integers(18, 80, ROWS), rng.poisson(4, ROWS), rng.choice(["basic", "plus", "pro"], ROWS)
    score = 0.04 * (age - 45) + 0.3 * (visits - 4) + 0.6 * (plan == "pro") + rng.normal(size=ROWS)
    shop = rng.choice([f"S{number:03d}" for number in range(60)], ROWS)
    table = pd.DataFrame({"age": age, "visits": visits, "plan": plan, "shop": shop})
    table["churn"] = np.where(score > 1, "yes", "no")
    table["spend"] = (50 + 20 * score + 5 * rng.normal(size=ROWS)).round(2)
    return table.drop(columns={"churn", "spend"} - {target})


def filled_afterwards(table, rng):
    left = (table.churn == "yes") & (rng.random(ROWS) < 0.6)
    return table.assign(reason=np.where(left, rng.choice(["price", "moved"], ROWS), None))


def copy_with_noise(table, rng):
    return table.assign(forecast=(table.spend + 0.05 * table.spend.std() * rng.normal(size=ROWS)).round(2))


def copy_with_much_noise(table, rng):
    return table.assign(forecast=(table.spend + 0.2 * table.spend.std() * rng.normal(size=ROWS)).round(2))


def id_that_encodes(table, rng):
    first = np.where(table.churn == "yes", "A", "B")
    return table.assign(case=[f"{a}{n:06d}" for a, n in zip(first, rng.permutation(900_000)[:ROWS], strict=True)])


def future_time(table, rng):
    opened = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 432_000, ROWS)), unit="m")
    return table.assign(opened=opened, closed=opened + pd.to_timedelta(rng.integers(1, 5_000, ROWS), unit="m"))


def aggregate_over_the_future(table, rng):
    return table.assign(shop_mean=table.groupby("shop").spend.transform("mean").round(2))


def recoded_as_text(table, rng):
    grades = pd.cut(table.spend, [-1e9, 30, 50, 70, 1e9], labels=["low", "mid", "high", "top"])
    return table.assign(segment=grades.astype(str))


def part_of_the_result(table, rng):
    maths, reading = rng.integers(0, 50, ROWS), rng.integers(0, 50, ROWS)
    return table.assign(maths=maths, reading=reading, total=maths + reading).drop(columns="spend")


def counter_sorted_by_the_label(table, rng):
    ordered = table.sort_values("churn", kind="stable").reset_index(drop=True)
    ordered.insert(0, "Unnamed: 0", range(ROWS))
    return ordered


def duplicate_with_gaps(table, rng):
    return table.assign(left=table.churn.where(rng.random(ROWS) > 0.3))


def flag_set_afterwards(table, rng):
    return table.assign(account_closed=((table.churn == "yes") & (rng.random(ROWS) < 0.85)).astype(int))


def zero_unless_it_happened(table, rng):
    hours = np.where((table.churn == "yes") & (rng.random(ROWS) < 0.8), rng.gamma(2, 3, ROWS), 0)
    return table.assign(calls=hours.round(1))


def mean_of_the_next_rows(table, rng):
    days = pd.date_range("2020-01-01", periods=ROWS)
    following = table.spend[::-1].rolling(7).mean()[::-1].shift(-1)
    return table.assign(day=days, week_ahead=following.round(2))


def mean_of_the_next_rows_of_a_group(table, rng):
    days = pd.date_range("2020-01-01", periods=ROWS)
    following = table.groupby("shop").spend.transform(lambda spend: spend[::-1].rolling(3).mean()[::-1].shift(-1))
    return table.assign(day=days, ahead=following.round(2))


def a_part_that_multiplies_to_it(table, rng):
    return table.assign(spend_gross=(1.19 * table.spend).round(2))


def wrong_in_three_per_cent(table, rng):
    flipped = table.churn.map({"yes": "no", "no": "yes"})
    return table.assign(status=np.where(rng.random(ROWS) < 0.03, flipped, table.churn))


LEAKS = {
    filled_afterwards: ("churn", "reason"),
    copy_with_noise: ("spend", "forecast"),
    id_that_encodes: ("churn", "case"),
    future_time: ("churn", "closed"),
    aggregate_over_the_future: ("spend", "shop_mean"),
    recoded_as_text: ("spend", "segment"),
    part_of_the_result: ("total", "reading"),
    counter_sorted_by_the_label: ("churn", "Unnamed: 0"),
    duplicate_with_gaps: ("churn", "left"),
    flag_set_afterwards: ("churn", "account_closed"),
    copy_with_much_noise: ("spend", "forecast"),
    zero_unless_it_happened: ("churn", "calls"),
    mean_of_the_next_rows: ("spend", "week_ahead"),
    mean_of_the_next_rows_of_a_group: ("spend", "ahead"),
    a_part_that_multiplies_to_it: ("spend", "spend_gross"),
    wrong_in_three_per_cent: ("churn", "status"),
}
"""How the column was made -> (target, the column)."""


def planted(leak):
    """A table with the leak."""
    target, _ = LEAKS[leak]
    table = customers("spend" if target == "total" else target)
    return leak(table, np.random.default_rng(0))
