"""How draws are written, how they are parsed, and the messages for text that is not a draw."""

import math

import pytest

from raytemplate.tuning.draws import Draw, parse_draw

GOOD = {
    "uniform(0, 1)": Draw(kind="uniform", low=0, high=1),
    "loguniform(1e-4, 1e-1)": Draw(kind="loguniform", low=1e-4, high=0.1),
    "quniform(0, 1, 0.25)": Draw(kind="quniform", low=0, high=1, step=0.25),
    "int(50, 400)": Draw(kind="int", low=50, high=400, step=1),
    "int(50, 400, 50)": Draw(kind="int", low=50, high=400, step=50),
    "choice(lightgbm, tabular-mlp)": Draw(kind="choice", values=("lightgbm", "tabular-mlp")),
    " grid( 64 ,true, 1.5 ) ": Draw(kind="grid", values=(64, True, 1.5)),
    'choice("a, b", c)': Draw(kind="choice", values=("a, b", "c")),
}  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_a_draw_is_read(text):
    assert parse_draw(text) == GOOD[text]


BAD = {
    "unifrom(0, 1)": "expected a draw such as uniform(0.1, 0.9), loguniform(1e-4, 1e-1)",
    "uniform(0)": "expected 2 numbers such as uniform(0.1, 0.9)",
    "uniform(0, one)": "expected 2 numbers",
    "uniform(1, 0)": "expected the lower end first",
    "uniform(1, 1)": "expected the lower end first",
    "loguniform(0, 1)": "expected ends above 0",
    "int(1.5, 3)": "expected 2 or 3 whole numbers",
    "int(true, 3)": "expected 2 or 3 whole numbers",
    "quniform(0, 1)": "expected 3 numbers",
    "quniform(0, 1, 0)": "expected a step above 0",
    "choice()": "expected single values",
    "choice([1], 2)": "expected single values",
    "choice(1, 1)": "expected each value once",
    "choice(1, {)": "expected values between commas",
    "uniform(.nan, 1)": "expected",
    "64": "expected a draw",
}  # fmt: skip


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_draw_is_told_with_an_example(text):
    with pytest.raises(ValueError) as refused:
        parse_draw(text)
    assert f'got "{text}", ' in str(refused.value) and BAD[text] in str(refused.value)


def test_every_value_of_a_finite_draw():
    assert parse_draw("int(1, 7, 3)").every() == (1, 4, 7)
    assert parse_draw("int(1, 6, 3)").every() == (1, 4)
    assert parse_draw("quniform(0, 0.3, 0.1)").every() == pytest.approx((0, 0.1, 0.2, 0.3))
    assert parse_draw("choice(a, b)").every() == ("a", "b")
    assert not parse_draw("uniform(0, 1)").is_finite


COUNTS = {"int(1, 7, 3)": 3, "choice(a, b)": 2, "quniform(0, 1, 0.25)": 5, "uniform(0, 1)": math.inf}


@pytest.mark.parametrize(("text", "count"), COUNTS.items())
def test_how_many_values_a_draw_has(text, count):
    assert parse_draw(text).count == count
