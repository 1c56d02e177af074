"""What a column may be used for, by its name and the shape of its values."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from raytemplate.starting.survey.roles import roles_of
from raytemplate.starting.survey.survey import Asked, survey

ROWS = 3_000
RNG = np.random.default_rng(0)
LETTERS = np.array(list("abcdefghijklmnopqrstuvwxyz"))


def role_of(folder, values, name="it", **others):
    table = pd.DataFrame({name: values, "x": RNG.normal(size=len(values)), "y": RNG.normal(size=len(values)), **others})
    table.to_parquet(folder / "t.parquet")
    found = survey(Asked(data="t.parquet", target="y", time=next((n for n in others if n == "at"), "")), folder)
    return next(role for role in roles_of(found) if role.column.name == name)


def words(count):
    return ["".join(RNG.choice(LETTERS, 6)).title() for _ in range(count)]


def hexes(*lengths):
    return "-".join("".join(RNG.choice(list("0123456789abcdef"), n)) for n in lengths)


ROLES = {
    "a row number without a name": ("Unnamed: 0", np.arange(ROWS), "left out", "numbers the rows"),
    "a row number from 1": ("id", np.arange(1, ROWS + 1), "left out", "numbers the rows"),
    "a row number that was shuffled": ("index", RNG.permutation(ROWS), "left out", "numbers the rows"),
    "a row number in each of two files": ("n", np.tile(np.arange(ROWS // 2), 2), "left out", "numbers the rows"),
    "ids that were shuffled": ("customer_id", RNG.permutation(ROWS), "key", "another value in nearly every row"),
    "numbers that were given out": (
        "policy", RNG.choice(100_000, ROWS, replace=False), "key", "another value in nearly every row",
    ),
    "numbers given out, and two missing": (
        "policy", pd.array([None, None, *RNG.choice(100_000, ROWS - 2, replace=False)], "Int64"), "left out",
        "ids: 2,998 different values in 2,998 rows",
    ),
    "amounts that repeat by chance": ("cents", RNG.integers(0, 100_000, ROWS), "numeric", ""),
    "large amounts": ("population", RNG.integers(0, 10**9, ROWS), "numeric", ""),
    "hours in order": ("hour", np.arange(ROWS) % 24, "numeric", ""),
    "years in order": ("year", np.arange(1990, 2025), "numeric", ""),
    "UUIDs": ("session", [hexes(8, 4, 4, 4, 12) for _ in range(1_500)] * 2, "left out", "UUIDs: 1,500 different"),
    "addresses": ("contact", [f"{w}@x.org" for w in words(1_500)] * 2, "left out", "e-mail addresses: 1,500"),
    "ids of some letters": ("case", [f"AB-{n:05d}" for n in range(1_000)] * 3, "left out", "ids such as AB-00000"),
    "shops with many rows each": ("shop", [f"S{n:03d}" for n in range(100)] * 30, "categorical", ""),
    "last names": ("LastName", words(300) * 10, "left out", "names of people"),
    "whole names": ("name", [f"{w}, Mr. Owen" for w in words(ROWS)], "left out", "names of people"),
    "names of colours": ("name", RNG.choice(["red", "dark green"], ROWS), "categorical", ""),
    "weights of a survey": ("fnlwgt", RNG.integers(10_000, 99_999, ROWS), "left out", "by its name, how many"),
    "weights scaled to 1": ("w", RNG.gamma(4, 0.25, ROWS) / 1.0, "left out", "by its name, how many"),
    "weights in kilograms": ("weight", RNG.normal(75, 12, ROWS).clip(40), "numeric", ""),
    "weights in tonnes": ("wt", RNG.gamma(9, 0.35, ROWS), "numeric", ""),
}  # fmt: skip


@pytest.mark.parametrize(("name", "values", "use", "why"), ROLES.values(), ids=ROLES)
def test_a_column_is_known_by_name_and_shape(tmp_path, name, values, use, why):
    role = role_of(tmp_path, values, name)
    assert (role.use, role.why[: len(why)]) == (use, why)


AT = pd.date_range("2023-01-01", periods=ROWS, freq="7h")
TWICE = {
    "the same numbers": (np.arange(ROWS) % 70 / 7, {"a": np.arange(ROWS) % 70 / 7}, "tells the same as it"),
    "another word for each": (np.arange(ROWS) % 5, {"a": [f"k{n % 5}" for n in range(ROWS)]}, "tells the same as it"),
    "one word for two": (np.arange(ROWS) % 6, {"a": [f"k{n % 3}" for n in range(ROWS)]}, ""),
    "the hour": (RNG.random(ROWS), {"at": AT, "a": AT.hour}, "the hour of at"),
    "the hour where summer time is": (
        RNG.random(ROWS), {"at": AT, "a": AT.tz_localize("UTC").tz_convert("America/New_York").hour}, "the hour of at",
    ),
    "the name of the weekday": (RNG.random(ROWS), {"at": AT, "a": AT.day_name()}, "the weekday of at"),
    "the name of the month": (RNG.random(ROWS), {"at": AT, "a": AT.month_name()}, "the month of at"),
    "the month": (RNG.random(ROWS), {"at": AT, "a": AT.month}, "the month of at"),
    "the same as text": (RNG.random(ROWS), {"at": AT, "a": AT.strftime("%Y-%m-%d %H:%M")}, "the time of at"),
    "its day": (RNG.random(ROWS), {"at": AT, "a": AT.normalize()}, "the day of at"),
    "a count of few": (RNG.random(ROWS), {"at": AT, "a": (RNG.random(ROWS) < 0.02).astype(int)}, ""),
    "yes or no beside days": (
        RNG.random(ROWS), {"at": AT.normalize(), "a": RNG.integers(0, 2, ROWS)}, "",
    ),
    "other times": (RNG.random(ROWS), {"at": AT, "a": AT + pd.to_timedelta(RNG.integers(0, 9_999, ROWS), "h")}, ""),
}  # fmt: skip


@pytest.mark.parametrize(("values", "others", "why"), TWICE.values(), ids=TWICE)
def test_what_is_said_twice_makes_features_once(tmp_path, values, others, why):
    table = pd.DataFrame({"it": values, "y": RNG.normal(size=ROWS), **others})
    table.to_parquet(tmp_path / "t.parquet")
    found = survey(Asked(data="t.parquet", target="y", time="at" if "at" in others else ""), tmp_path)
    assert next(role.why for role in roles_of(found) if role.column.name == "a") == why
