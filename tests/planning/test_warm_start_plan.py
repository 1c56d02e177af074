"""A warm start in the plan: the champion's digest, or what already rules it out."""

from dataclasses import replace

import pytest
from sample_inventory import CHAMPION, inventory, moment, spec_of

from raytemplate.planning.compile import compile as compile_plan
from raytemplate.records.fitted import WarmStart
from raytemplate.reports.explain import explain

MLP = replace(CHAMPION, family="tabular-mlp")


def plan(champion, changes=None):
    asked = {"training.warm_start": "champion", **(changes or {})}
    return compile_plan(spec_of(asked), inventory(champion=champion), "2013-06-01")


def test_the_plan_names_the_champion_and_is_another_for_another_one():
    made = plan(MLP)
    assert made.fit.warm_start == WarmStart(version=1, digest="a" * 64)
    assert "6 epochs, from the weights of version 1; 1 process" in " ".join(explain(made, file="f.yaml").split())
    assert made.id != plan(replace(MLP, digest="b" * 64)).id
    cold = compile_plan(spec_of(), inventory(champion=MLP), "2013-06-01")
    assert (cold.fit.warm_start, cold.id == made.id) == (None, False)


@pytest.mark.parametrize(
    ("champion", "why"),
    [
        (None, "there is no champion yet"),
        (replace(MLP, family="lightgbm"), "the champion is of family lightgbm"),
        (replace(MLP, seen_until=moment(5, 19)), "the champion has seen test rows"),
        (replace(MLP, split="abc"), "the champion has seen test rows: its data was split otherwise"),
    ],
)
def test_what_forbids_it_is_said(champion, why):
    made = plan(champion)
    assert made.fit.warm_start is not None and made.fit.warm_start.problem == why
    text = " ".join(explain(made, file="f.yaml").split())
    assert f"not from the champion's weights: {why}" in text
