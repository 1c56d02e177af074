"""Training that starts from a champion's weights: moved along with the codes, or not used, with the reason."""

import re
from dataclasses import replace

import numpy as np
import pytest

from raytemplate import plugins
from raytemplate.data.features.encoding import FittedColumn, FittedFeatures
from raytemplate.models.context import Layout, Start
from raytemplate.models.options import TrainingSpec
from raytemplate.models.saved import FEATURES
from raytemplate.models.warm_start import start_from
from raytemplate.records import codec
from raytemplate.records.codec import Settings
from raytemplate.testing.family_suite import simple_rows
from raytemplate.testing.loop_context import MemoryContext

LAYOUT = Layout(dense=("x", "y", "constant"), codes=("group",), cardinalities=(7,), target_mean=50.0, target_std=10.0)
SAME = tuple(range(7))
MOVED = (0, 1, 6, 5, 4, 3, 2)
STILL = {"lr": 1e-12, "epochs": 1}  # has no visible effect


def rows(num_rows, seed, codes=SAME):
    """`simple_rows` coded by another vocabulary: a value that had code `codes[c]` has code c."""
    made = simple_rows(num_rows, seed)
    return replace(made, codes=np.argsort(codes)[made.codes].astype(np.int32))


def train(folder, start=None, kind="tabular-mlp", options=None, layout=LAYOUT, codes=SAME, **training):
    family = plugins.load(plugins.FAMILIES, kind)
    data = {"train": rows(1000, 1, codes), "validation": rows(300, 2, codes)}
    context = MemoryContext(data, layout, folder, start=start)
    settings = TrainingSpec(**{"lr": 1e-2, "batch_size": 64, "epochs": 4, **training})
    plugins.resolve(family.loop)(context, family.options(**(options or {})), settings)
    return context


@pytest.fixture(scope="module")
def champion(tmp_path_factory):
    return train(tmp_path_factory.mktemp("champion"))


def test_it_begins_where_the_champion_ended(champion, tmp_path):
    start = Start(folder=champion.checkpoint()[0], codes={"group": SAME})
    warm = train(tmp_path, start, **STILL)
    assert warm.cold == ""
    assert warm.validations == [pytest.approx(champion.validations[-1], rel=1e-5)]


def test_embeddings_move_with_their_codes(champion, tmp_path):
    start = Start(folder=champion.checkpoint()[0], codes={"group": MOVED})
    warm = train(tmp_path / "1", start, codes=MOVED, **STILL)
    assert warm.validations == [pytest.approx(champion.validations[-1], rel=1e-5)]
    unmoved = train(tmp_path / "2", replace(start, codes={"group": SAME}), codes=MOVED, **STILL)
    assert unmoved.validations[0] > 2 * champion.validations[-1]


def test_a_new_value_begins_as_in_a_new_network(champion, tmp_path):
    codes, layout = (*SAME, -1), replace(LAYOUT, cardinalities=(8,))
    start = Start(folder=champion.checkpoint()[0], codes={"group": codes})
    warm = train(tmp_path, start, layout=layout, **STILL)
    assert warm.cold == ""
    assert warm.validations == [pytest.approx(champion.validations[-1], rel=1e-5)]


@pytest.mark.parametrize(
    ("options", "cardinality", "words"),
    [
        ({"hidden": 64}, 7, r"hidden.0.bias was \[128\] and is \[64\]"),
        ({"layers": 3}, 7, "its network has other parts: hidden.4.bias, hidden.4.weight"),
        ({}, 9, r"embeddings.0.weight was \[7, 4\] and is \[9, 5\]"),
    ],
)
def test_another_network_begins_anew_and_says_why(champion, tmp_path, options, cardinality, words):
    start = Start(folder=champion.checkpoint()[0], codes={"group": (*SAME, -1, -1)[:cardinality]})
    layout = replace(LAYOUT, cardinalities=(cardinality,))
    warm = train(tmp_path / "warm", start, options=options, layout=layout, epochs=1)
    assert warm.cold is not None
    assert re.fullmatch(words, warm.cold), warm.cold
    assert warm.finished == train(tmp_path / "cold", options=options, layout=layout, epochs=1).finished


@pytest.mark.parametrize(
    ("kind", "options"),
    [("torch", {"build": "own_network:build"}), ("lightning", {"module": "own_lightning:Net"})],
)
def test_a_network_of_ones_own_begins_warm_unless_its_codes_have_moved(tmp_path, kind, options):
    first = train(tmp_path / "1", kind=kind, options=options)
    start = Start(folder=first.checkpoint()[0], codes={"group": SAME})
    cold = train(tmp_path / "2", kind=kind, options=options, epochs=1)
    warm = train(tmp_path / "3", start, kind=kind, options=options, epochs=1)
    assert (warm.cold, warm.validations[0] < 0.7 * cold.validations[0]) == ("", True)
    moved = train(tmp_path / "4", replace(start, codes={"group": MOVED}), kind=kind, options=options, epochs=1)
    assert "the codes of group are others now" in moved.cold
    assert moved.finished == cold.finished


def features(*values, dense=("distance",), **changes):
    columns = (
        FittedColumn(kind="numeric", column="distance", type="number", state=Settings({"mean": 1.0})),
        FittedColumn(
            kind="categorical", column="dest", type="text",
            state=Settings({"encoding": "embedding", "values": list(values)}),
        ),
    )  # fmt: skip
    made = FittedFeatures(
        features=columns,
        dense=dense,
        codes=("dest",),
        cardinalities=(2 + len(values),),
        target="air_time",
        target_mean=150.0,
        target_std=90.0,
        num_rows=1000,
    )
    return replace(made, **changes)


@pytest.fixture
def before(tmp_path):
    (tmp_path / FEATURES).write_bytes(codec.dumps(features("ATL", "BOS", "LAX")))
    return tmp_path


def test_each_code_has_its_place_among_the_champions(before):
    found = start_from(before, replace(features("BOS", "SFO", "ATL"), target_mean=151.0))
    assert found == Start(folder=before, codes={"dest": (0, 1, 3, -1, 2)})


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (features("ATL", dense=("distance", "seats")), "its columns are others: seats"),
        (features("ATL", codes=("origin",)), "its columns are others: dest, origin"),
        (features("ATL", task="binary", classes=("no", "yes")), "it predicts something else"),
        (features(features=(), cardinalities=(9,)), "dest had 5 codes and has 9"),
    ],
)
def test_columns_that_are_others_are_named(before, now, why):
    assert start_from(before, now) == why
