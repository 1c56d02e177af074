"""The confusion table, against scikit-learn and by hand."""

import numpy as np
from sklearn.metrics import confusion_matrix

from raytemplate.evaluation.confusion import MOST_CLASSES, confusion
from raytemplate.records import codec
from raytemplate.records.evaluated import Evaluation
from raytemplate.testing.samples import sample_evaluation


def test_two_classes_are_parted_at_one_half():
    found = confusion(np.array([0.0, 0, 1, 1, 1]), np.array([0.2, 0.5, 0.9, 0.49, 0.5]), ("no", "yes"))
    assert found is not None
    assert (found.classes, found.counts) == (("no", "yes"), ((1, 1), (1, 2)))


def test_many_classes_are_those_of_scikit_learn():
    random = np.random.default_rng(3)
    target = random.integers(0, 4, 500).astype(np.float64)
    probabilities = random.dirichlet([1, 1, 1, 0.01], 500)
    found = confusion(target, probabilities, tuple("abcd"))
    assert found is not None
    assert np.array_equal(found.counts, confusion_matrix(target, probabilities.argmax(axis=1), labels=range(4)))


def test_numbers_and_too_many_classes_have_none():
    assert confusion(np.array([12.5]), np.array([13.0]), ()) is None
    many = MOST_CLASSES + 1
    assert confusion(np.array([1.0]), np.full((1, many), 1 / many), tuple(map(str, range(many)))) is None


def test_a_record_from_before_has_none():
    document = codec.dumps(sample_evaluation()).decode()
    assert '"confusion": null' in document
    older = document.replace(',\n "confusion": null', "")
    assert older != document
    assert codec.loads(Evaluation, older).confusion is None
