"""The metrics that are shipped: what each is, and where it is computed. Light, as `metric.py` is."""

from raytemplate.evaluation.metrics.metric import Metric

CLASSES = frozenset({"binary", "multiclass"})
BINARY = frozenset({"binary"})
_HERE = "raytemplate.evaluation.metrics"

MAE = Metric(id="mae", version=1, higher_is_better=False, unit="target", formula=f"{_HERE}.regression:MAE", least=0)
"""Mean absolute error, sum |p - y| / n (Willmott and Matsuura 2005, Climate Research 30)."""

RMSE = Metric(id="rmse", version=1, higher_is_better=False, unit="target", formula=f"{_HERE}.regression:RMSE", least=0)
"""Root mean squared error, sqrt(sum (p - y)^2 / n) (Willmott and Matsuura 2005, Climate Research 30)."""

R2 = Metric(id="r2", version=1, higher_is_better=True, unit="share", formula=f"{_HERE}.regression:R2", most=1)
"""Coefficient of determination, 1 - sum (p - y)^2 / sum (y - mean y)^2 (Kvalseth 1985, The American Statistician 39).

The mean is that of the scored rows. NaN where the target is constant; a NaN is reported, and refused where it decides.
"""

PINBALL = Metric(
    id="pinball",
    version=1,
    higher_is_better=False,
    unit="target",
    formula=f"{_HERE}.quantiles:PINBALL",
    quantile=0.5,
    least=0,
)
"""Mean of q * e where the target is e above the prediction, (1 - q) * e where it is below (Koenker and Bassett 1978,
"Regression Quantiles", Econometrica 46); q is `training.quantile`. At q = 0.5 it is half the mean absolute error."""

COVERAGE = Metric(
    id="coverage",
    version=1,
    higher_is_better=True,
    unit="share",
    formula=f"{_HERE}.quantiles:COVERAGE",
    least=0,
    most=1,
    of_errors=False,
)
"""Share of rows whose target is not above the prediction: near `training.quantile` where the quantile is met. It cannot
decide, since the highest prediction covers most."""

LOG_LOSS = Metric(
    id="log-loss",
    version=1,
    higher_is_better=False,
    unit="nats",
    formula=f"{_HERE}.classes:LOG_LOSS",
    tasks=CLASSES,
    least=0,
)
"""Mean of -log p, p the probability given to the row's own class (Good 1952, J. Royal Statistical Society B 14), in
nats; p is taken as at least 1e-15."""

BRIER = Metric(
    id="brier",
    version=1,
    higher_is_better=False,
    unit="share",
    formula=f"{_HERE}.classes:BRIER",
    tasks=CLASSES,
    least=0,
    most=2,
)
"""Mean squared error of probabilities (Brier 1950, Monthly Weather Review 78): of the positive class for two, from 0 to
1; the sum over all classes for more, from 0 to 2."""

ACCURACY = Metric(
    id="accuracy",
    version=1,
    higher_is_better=True,
    unit="share",
    formula=f"{_HERE}.classes:ACCURACY",
    tasks=CLASSES,
    least=0,
    most=1,
)
"""Share of rows taken for their own class."""

F1 = Metric(
    id="f1",
    version=1,
    higher_is_better=True,
    unit="share",
    formula=f"{_HERE}.classes:f1",
    tasks=CLASSES,
    least=0,
    most=1,
)
"""2 TP / (2 TP + FP + FN) (van Rijsbergen 1979, "Information Retrieval", chapter 7) of the positive class; 0 where
there is neither a positive row nor one taken for it. For more than two classes the mean over those that rows have or
are taken for ("macro")."""

AUC = Metric(
    id="auc",
    version=1,
    higher_is_better=True,
    unit="share",
    formula=f"{_HERE}.ranking:auc",
    tasks=CLASSES,
    least=0,
    most=1,
)
"""Area under the ROC curve; for more than two classes the mean over each class against the rest, of the classes that
the rows have."""

ECE = Metric(
    id="ece",
    version=1,
    higher_is_better=False,
    unit="share",
    formula=f"{_HERE}.calibration:ece",
    tasks=CLASSES,
    least=0,
    most=1,
    of_errors=False,
)
"""Expected calibration error (Guo et al. 2017, "On Calibration of Modern Neural Networks", ICML): over 15 bins of equal
width the mean distance, weighed by rows, between the mean probability and the share that came true. For two classes
of the positive one's probability, for more of the highest (and whether that class came true). Never negative, so that
a perfect model of few rows has some; its intervals reach higher rather than lower."""

SELECTION_RATE = Metric(
    id="selection-rate",
    version=1,
    higher_is_better=True,
    unit="share",
    formula=f"{_HERE}.rates:SELECTION_RATE",
    tasks=BINARY,
    least=0,
    most=1,
    of_errors=False,
)
"""Share of rows called positive. Neither high nor low is good in itself: slices are compared by it."""

TRUE_POSITIVE_RATE = Metric(
    id="true-positive-rate",
    version=1,
    higher_is_better=True,
    unit="share",
    formula=f"{_HERE}.rates:TRUE_POSITIVE_RATE",
    tasks=BINARY,
    least=0,
    most=1,
    of_errors=False,
)
"""Share of the positive rows that are called positive (recall); no value where there are none."""

FALSE_POSITIVE_RATE = Metric(
    id="false-positive-rate",
    version=1,
    higher_is_better=False,
    unit="share",
    formula=f"{_HERE}.rates:FALSE_POSITIVE_RATE",
    tasks=BINARY,
    least=0,
    most=1,
    of_errors=False,
)
"""Share of the negative rows that are called positive; no value where there are none."""
