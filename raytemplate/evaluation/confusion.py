"""The confusion table: predicted classes of the rows of each class."""

import numpy as np

from raytemplate.evaluation.metrics.classes import chosen
from raytemplate.evaluation.metrics.formula import Floats
from raytemplate.records.evaluated import Confusion

MOST_CLASSES = 50
"""Most classes for which there is a table; with more it is unreadable, and would be most of the record."""


def confusion(target: Floats, prediction: Floats, classes: tuple[str, ...]) -> Confusion | None:
    """Number of rows by actual and predicted class; None for numbers and for too many classes.

    Args:
        target: float64 [rows], the index of the class.
        prediction: float64 [rows], the probability of the second class, or float64 [rows, classes].
    """
    if not classes or len(classes) > MOST_CLASSES:
        return None
    cell = target.astype(np.int64) * len(classes) + chosen(prediction)
    counts = np.bincount(cell, minlength=len(classes) ** 2).reshape(len(classes), len(classes))
    return Confusion(classes=classes, counts=tuple(tuple(int(n) for n in row) for row in counts))
