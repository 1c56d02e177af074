"""The built-in metrics, and where each is computed. Kept light, as `metric.py` is."""

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

The mean is that of the scored rows. NaN if the target is constant; NaN is reported, but refused in the deciding metric.
"""

PINBALL = Metric(
    id="pinball",
    version=1,
    higher_is_better=False,
    unit="target",
    formula=f"{_HERE}.quantiles:PINBALL",
    quantile=0.5,
    needs_quantile=True,
    least=0,
)
"""Mean of q * e for targets that are e above the prediction and (1 - q) * e for those below (Koenker and Bassett 1978,
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
    needs_quantile=True,
    cannot_decide="which any high enough prediction maximises; expected pinball",
)
"""Share of rows whose target is not above the prediction; near `training.quantile` if the quantile is right. It cannot
be the deciding metric, since the highest prediction covers most."""

LOG_LOSS = Metric(
    id="log-loss",
    version=1,
    higher_is_better=False,
    unit="nats",
    formula=f"{_HERE}.classes:LOG_LOSS",
    tasks=CLASSES,
    least=0,
)
"""Mean of -log p, where p is the probability of the row's own class (Good 1952, J. Royal Statistical Society B 14), in
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
"""Mean squared error of probabilities (Brier 1950, Monthly Weather Review 78): for two classes that of the positive
one, from 0 to 1; for more the sum over all classes, from 0 to 2."""

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
"""Share of rows whose class is predicted correctly."""

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
"""2 TP / (2 TP + FP + FN) (van Rijsbergen 1979, "Information Retrieval", chapter 7) of the positive class; 0 if no row
is positive or predicted positive. For more than two classes the mean over those that occur or are predicted
("macro")."""

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
"""Area under the ROC curve; for more than two classes the mean over the classes that occur, each against the rest."""

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
width, the mean distance, weighted by rows, between the mean probability and the share that came true. For two classes
it uses the probability of the positive one, for more the highest probability (and whether that class came true). It is
never negative, so that even a perfect model has some error on few rows; its intervals reach higher rather than
lower."""

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
    cannot_decide="for which neither higher nor lower is better; expected log-loss",
)
"""Share of rows predicted positive. Neither high nor low is good in itself: it serves to compare slices."""

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
"""Share of the positive rows that are predicted positive (recall); no value if there are no positive rows."""

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
"""Share of the negative rows that are predicted positive; no value if there are no negative rows."""
