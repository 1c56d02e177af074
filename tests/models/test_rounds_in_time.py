"""Trees stop when time is up, not at the next report, which may be minutes away; the trees grown so far are kept."""

import pytest

from raytemplate import plugins
from raytemplate.models.context import Layout
from raytemplate.models.options import TrainingSpec
from raytemplate.models.rounds import out_of_time
from raytemplate.testing.family_suite import simple_rows
from raytemplate.testing.loop_context import MemoryContext

LAYOUT = Layout(dense=("x", "y", "constant"), codes=("group",), cardinalities=(7,), target_mean=50.0, target_std=10.0)
ROUNDS = 400  # a report after every twentieth


class Clocked(MemoryContext):
    """Time is up after a given number of looks at the clock."""

    looks, most = 0, 7

    def out_of_time(self):
        self.looks += 1
        return self.looks >= self.most

    def report(self, **told):
        return super().report(**told) or self.looks >= self.most


@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_trees_end_in_the_round_in_which_their_time_is_over_and_leave_what_was_grown(name, tmp_path):
    family = plugins.load(plugins.FAMILIES, name)
    context = Clocked({"train": simple_rows(300, seed=1), "validation": simple_rows(60, seed=2)}, LAYOUT, tmp_path)
    options = family.options.model_validate({"num_trees": ROUNDS})
    plugins.resolve(family.loop)(context, options, TrainingSpec(lr=0.1))
    assert context.epochs == [Clocked.most]
    assert context.checkpoint() == (tmp_path / f"epoch-{Clocked.most:05d}", Clocked.most)
    assert context.finished is not None


@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_trees_that_are_gone_on_with_between_two_reports_are_told_of_when_others_are(name, tmp_path):
    family, rows = (
        plugins.load(plugins.FAMILIES, name),
        {"train": simple_rows(300, 1), "validation": simple_rows(60, 2)},
    )

    def train(context):
        options = family.options.model_validate({"num_trees": 30})
        plugins.resolve(family.loop)(context, options, TrainingSpec(lr=0.1, checkpoint_every=10))
        return context

    train(Clocked(rows, LAYOUT, tmp_path / "parts"))
    parts, whole = (train(MemoryContext(rows, LAYOUT, tmp_path / folder)) for folder in ("parts", "whole"))
    assert parts.epochs == whole.epochs == [10, 20, 30]
    if name == "lightgbm":
        ends = [(context.checkpoint()[0] / family.files[0]).read_bytes() for context in (parts, whole)]
        assert ends[0] == ends[1] and parts.validations == whole.validations


def test_ranks_ask_each_other_after_every_tenth_round_only(tmp_path):
    context = Clocked({"train": simple_rows(9, seed=1), "validation": simple_rows(9, seed=1)}, LAYOUT, tmp_path)
    context.num_ranks, context.most = 2, 1
    assert [done for done in range(1, 31) if out_of_time(context, done)] == [10, 20, 30]
