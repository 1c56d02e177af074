"""The contract of a model family as tests; the author of a family subclasses the suite.

class TestMine(FamilySuite):
    family = "mine"
    settings = {"num_trees": 40}
    training = {"lr": 0.1}
"""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from raytemplate import plugins
from raytemplate.evaluation.metrics.metric import metric_of
from raytemplate.models.context import Layout, Predictor, Split
from raytemplate.models.options import Family, TrainingSpec
from raytemplate.testing.loop_context import MemoryContext, Rows

_NUM_GROUPS = 5
_CUTS = {"binary": (63.0,), "multiclass": (52.0, 68.0)}
_PICKLES = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))
_ARCHIVE = b"PK\x03\x04"  # torch.save
_unpickled: list[str] = []


def _listen(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "pickle.find_class":
        _unpickled.append(".".join(map(str, arguments)))


def simple_rows(num_rows: int, seed: int, task: str = "regression") -> Rows:
    """Rows with two numbers, a constant and a category. The target is a simple function of them without noise, or one
    of two or three classes that are ranges of that function.
    """
    random = np.random.default_rng(seed)
    dense = random.normal(size=(num_rows, 3)).astype(np.float32)
    dense[:, 2] = 0.0
    group = random.integers(0, _NUM_GROUPS, num_rows)
    target = 50 + 8 * dense[:, 0] - 5 * np.abs(dense[:, 1]) + 6 * group
    if task != "regression":
        target = np.searchsorted(_CUTS[task], target)
    return Rows(dense=dense, codes=(group[:, None] + 2).astype(np.int32), target=target.astype(np.float32))


def simple_layout(train: Rows, task: str) -> Layout:
    """The layout of `simple_rows`."""
    layout = Layout(
        dense=("x", "y", "constant"),
        codes=("group",),
        cardinalities=(_NUM_GROUPS + 2,),
        target_mean=0.0,
        target_std=1.0,
        task=task,
    )
    if task == "regression":
        return replace(layout, target_mean=float(train.target.mean()), target_std=float(train.target.std()))
    counts = tuple(int(count) for count in np.bincount(train.target.astype(np.int64)))
    return replace(layout, classes=tuple("abc"[: len(counts)]), class_counts=counts)


class FamilySuite:
    """What every family must do. Use one subclass for each task that the family supports."""

    family: ClassVar[str]
    """Its name in `plugins.py` or among the entry points."""
    settings: ClassVar[Mapping[str, Any]] = {}
    """Its options, chosen so that training on 2,000 rows takes seconds."""
    training: ClassVar[Mapping[str, Any]] = {}
    """Fields of `training`."""
    task: ClassVar[str] = "regression"
    """The task that is tested."""
    tolerance: ClassVar[float] = 0.0
    """Largest difference of predictions after resuming from a checkpoint; 0 if they and the weights must be the same to
    the bit."""

    @pytest.fixture(scope="class")
    @classmethod
    def whole(cls, tmp_path_factory: pytest.TempPathFactory) -> MemoryContext:
        """One complete training, shared by all tests of a class; none of them changes it."""
        return cls()._train(tmp_path_factory.mktemp("whole"))

    def test_learns_a_simple_function_better_than_the_mean(self, whole: MemoryContext) -> None:
        unseen = self._rows(1000, seed=3)
        predicted = self._predict(whole, unseen.dense, unseen.codes)
        assert predicted.dtype == np.float64
        assert self._error(unseen, predicted) < 0.3 * self._error(unseen, self._simplest(unseen))
        assert whole.finished is not None

    def test_going_on_from_a_checkpoint_equals_never_having_stopped(self, whole: MemoryContext, tmp_path: Path) -> None:
        middle = whole.epochs[len(whole.epochs) // 2 - 1]
        first = self._train(tmp_path, stop_after=middle)
        second = self._train(tmp_path)
        assert first.epochs + second.epochs == whole.epochs
        rows = self._rows(1000, seed=3)
        before, after = (self._predict(context, rows.dense, rows.codes) for context in (whole, second))
        assert np.abs(before - after).max() <= self.tolerance
        if self.tolerance == 0:
            assert self._weights(second) == self._weights(whole)
            assert second.finished == whole.finished

    def test_two_trainings_are_the_same_to_the_bit(self, whole: MemoryContext, tmp_path: Path) -> None:
        second = self._train(tmp_path)
        assert self._weights(whole) == self._weights(second)
        assert (whole.finished, whole.validations) == (second.finished, second.validations)

    def test_another_seed_gives_another_model_or_none_is_used(self, whole: MemoryContext, tmp_path: Path) -> None:
        second = self._train(tmp_path, seed=2)
        rows = self._rows(1000, seed=3)
        errors = [self._error(rows, self._predict(c, rows.dense, rows.codes)) for c in (whole, second)]
        assert max(errors) < 3 * min(errors) + 1e-6

    def test_stops_when_the_context_says_so(self, whole: MemoryContext, tmp_path: Path) -> None:
        stopped = self._train(tmp_path, stop_after=whole.epochs[0])
        assert stopped.epochs == whole.epochs[:1]
        assert stopped.finished is not None

    def test_nothing_of_a_checkpoint_is_a_pickle_and_loading_unpickles_nothing(self, whole: MemoryContext) -> None:
        found = whole.checkpoint()
        assert found is not None
        files = [path for path in found[0].rglob("*") if path.is_file()]
        assert {path.name for path in files} >= set(self._family().files)
        for path in files:
            assert not path.read_bytes().startswith((*_PICKLES, _ARCHIVE)), path
        sys.addaudithook(_listen)
        _unpickled.clear()
        self._predictor(whole)
        assert _unpickled == []

    def test_unknown_codes_and_far_away_numbers_give_finite_predictions(self, whole: MemoryContext) -> None:
        dense = np.array([[0, 0, 0], [0, 0, 9], [50, -50, 0], [-50, 50, -9]], dtype=np.float32)
        for code in (0, 1):
            predicted = self._predict(whole, dense, np.full((4, 1), code, dtype=np.int32))
            assert np.isfinite(predicted).all()

    def test_predictions_of_classes_are_probabilities(self, whole: MemoryContext) -> None:
        if self.task == "regression":
            return
        rows = self._rows(1000, seed=3)
        predicted = self._predict(whole, rows.dense, rows.codes)
        assert predicted.shape == self._simplest(rows).shape
        assert ((predicted >= 0) & (predicted <= 1)).all()
        assert predicted.ndim == 1 or np.abs(predicted.sum(axis=1) - 1).max() < 1e-6

    def test_no_rows_give_no_predictions(self, whole: MemoryContext) -> None:
        none = self._predict(whole, np.empty((0, 3), dtype=np.float32), np.empty((0, 1), dtype=np.int32))
        assert none.shape == self._simplest(self._rows(0, seed=3)).shape

    def _rows(self, num_rows: int, seed: int) -> Rows:
        return simple_rows(num_rows, seed, self.task)

    def _error(self, rows: Rows, predicted: NDArray[np.float64]) -> float:
        metric = metric_of("mae" if self.task == "regression" else "log-loss")
        return metric(rows.target.astype(np.float64), predicted)

    def _simplest(self, rows: Rows) -> NDArray[np.float64]:
        """The predictions of a trivial model: the mean of the target, or the shares of its classes."""
        if self.task != "multiclass":
            return np.full(len(rows.target), rows.target.mean() if len(rows.target) else 0.0, dtype=np.float64)
        shares = np.bincount(rows.target.astype(np.int64), minlength=3) / max(1, len(rows.target))
        return np.tile(shares, (len(rows.target), 1))

    def _family(self) -> Family:
        return plugins.load(plugins.FAMILIES, self.family)

    def _train(self, folder: Path, *, stop_after: int | None = None, seed: int = 1) -> MemoryContext:
        train, validation = self._rows(2000, seed=1), self._rows(500, seed=2)
        rows: dict[Split, Rows] = {"train": train, "validation": validation}
        layout = simple_layout(train, self.task)
        context = MemoryContext(rows, layout, folder, seed=seed, stop_after=stop_after)
        family = self._family()
        loss = {} if self.task == "regression" else {"loss": "log-loss"}
        training = TrainingSpec.model_validate({**loss, "seed": seed, **self.training})
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
