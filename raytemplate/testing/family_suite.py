"""The contract of a model family as tests: whoever writes a family makes a class of it.

class TestMine(FamilySuite):
    family = "mine"
    settings = {"num_trees": 40}
    training = {"lr": 0.1}
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from raytemplate import plugins
from raytemplate.models.context import Layout, Predictor, Split
from raytemplate.models.options import Family, TrainingSpec
from raytemplate.testing.loop_context import MemoryContext, Rows

_NUM_GROUPS = 5
_PICKLES = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))
_ARCHIVE = b"PK\x03\x04"  # torch.save
_unpickled: list[str] = []


def _listen(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "pickle.find_class":
        _unpickled.append(".".join(map(str, arguments)))


def simple_rows(num_rows: int, seed: int) -> Rows:
    """Two numbers, one that never changes and one category; the target is a plain function of them without noise."""
    random = np.random.default_rng(seed)
    dense = random.normal(size=(num_rows, 3)).astype(np.float32)
    dense[:, 2] = 0.0
    group = random.integers(0, _NUM_GROUPS, num_rows)
    target = 50 + 8 * dense[:, 0] - 5 * np.abs(dense[:, 1]) + 6 * group
    return Rows(dense=dense, codes=(group[:, None] + 2).astype(np.int32), target=target.astype(np.float32))


class FamilySuite:
    """What every family must do.

    Args:
        family: its name in `plugins.py` or among the entry points.
        settings: its options, for a training of seconds on 2,000 rows.
        training: fields of `training`.
        tolerance: most that predictions may differ after going on from a checkpoint; 0: not a bit, nor the weights.
    """

    family: ClassVar[str]
    settings: ClassVar[Mapping[str, Any]] = {}
    training: ClassVar[Mapping[str, Any]] = {}
    tolerance: ClassVar[float] = 0.0

    def test_learns_a_simple_function_better_than_the_mean(self, tmp_path: Path) -> None:
        context = self._train(tmp_path)
        unseen = simple_rows(1000, seed=3)
        predicted = self._predict(context, unseen.dense, unseen.codes)
        of_mean = np.abs(unseen.target - unseen.target.mean()).mean()
        assert predicted.dtype == np.float64
        assert np.abs(unseen.target - predicted).mean() < 0.3 * of_mean
        assert context.finished is not None

    def test_going_on_from_a_checkpoint_equals_never_having_stopped(self, tmp_path: Path) -> None:
        whole = self._train(tmp_path / "whole")
        middle = whole.epochs[len(whole.epochs) // 2 - 1]
        first = self._train(tmp_path / "parts", stop_after=middle)
        second = self._train(tmp_path / "parts")
        assert first.epochs + second.epochs == whole.epochs
        rows = simple_rows(1000, seed=3)
        before, after = (self._predict(context, rows.dense, rows.codes) for context in (whole, second))
        assert np.abs(before - after).max() <= self.tolerance
        if self.tolerance == 0:
            assert self._weights(second) == self._weights(whole)
            assert second.finished == whole.finished

    def test_two_trainings_are_the_same_to_the_bit(self, tmp_path: Path) -> None:
        first, second = self._train(tmp_path / "1"), self._train(tmp_path / "2")
        assert self._weights(first) == self._weights(second)
        assert (first.finished, first.validations) == (second.finished, second.validations)

    def test_another_seed_gives_another_model_or_none_is_used(self, tmp_path: Path) -> None:
        first, second = self._train(tmp_path / "1", seed=1), self._train(tmp_path / "2", seed=2)
        rows = simple_rows(1000, seed=3)
        errors = [np.abs(rows.target - self._predict(c, rows.dense, rows.codes)).mean() for c in (first, second)]
        assert max(errors) < 3 * min(errors) + 1e-6

    def test_stops_when_the_context_says_so(self, tmp_path: Path) -> None:
        whole = self._train(tmp_path / "whole")
        stopped = self._train(tmp_path / "stopped", stop_after=whole.epochs[0])
        assert stopped.epochs == whole.epochs[:1]
        assert stopped.finished is not None

    def test_nothing_of_a_checkpoint_is_a_pickle_and_loading_unpickles_nothing(self, tmp_path: Path) -> None:
        context = self._train(tmp_path)
        found = context.checkpoint()
        assert found is not None
        files = [path for path in found[0].rglob("*") if path.is_file()]
        assert {path.name for path in files} >= set(self._family().files)
        for path in files:
            assert not path.read_bytes().startswith((*_PICKLES, _ARCHIVE)), path
        sys.addaudithook(_listen)
        _unpickled.clear()
        self._predictor(context)
        assert _unpickled == []

    def test_unknown_codes_and_far_away_numbers_give_finite_predictions(self, tmp_path: Path) -> None:
        context = self._train(tmp_path)
        dense = np.array([[0, 0, 0], [0, 0, 9], [50, -50, 0], [-50, 50, -9]], dtype=np.float32)
        for code in (0, 1):
            predicted = self._predict(context, dense, np.full((4, 1), code, dtype=np.int32))
            assert np.isfinite(predicted).all()

    def test_no_rows_give_no_predictions(self, tmp_path: Path) -> None:
        context = self._train(tmp_path)
        none = self._predict(context, np.empty((0, 3), dtype=np.float32), np.empty((0, 1), dtype=np.int32))
        assert none.shape == (0,)

    def _family(self) -> Family:
        return plugins.load(plugins.FAMILIES, self.family)

    def _train(self, folder: Path, *, stop_after: int | None = None, seed: int = 1) -> MemoryContext:
        train, validation = simple_rows(2000, seed=1), simple_rows(500, seed=2)
        rows: dict[Split, Rows] = {"train": train, "validation": validation}
        layout = Layout(
            dense=("x", "y", "constant"), codes=("group",), cardinalities=(_NUM_GROUPS + 2,),
            target_mean=float(train.target.mean()), target_std=float(train.target.std()),
        )  # fmt: skip
        context = MemoryContext(rows, layout, folder, seed=seed, stop_after=stop_after)
        family = self._family()
        training = TrainingSpec(seed=seed, **self.training)
        plugins.resolve(family.loop)(context, family.options(**self.settings), training)
        return context

    def _predictor(self, context: MemoryContext) -> Predictor:
        found = context.checkpoint()
        assert found is not None
        loader: type[Predictor] = plugins.resolve(self._family().predictor)
        return loader.load(found[0], context.layout)

    def _predict(
        self, context: MemoryContext, dense: NDArray[np.float32], codes: NDArray[np.int32]
    ) -> NDArray[np.float64]:
        return self._predictor(context).predict(dense, codes)

    def _weights(self, context: MemoryContext) -> bytes:
        found = context.checkpoint()
        assert found is not None
        return (found[0] / self._family().files[0]).read_bytes()
