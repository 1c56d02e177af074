"""Puts numbers, counts and names into words, the same way in every report."""

import math
from collections.abc import Iterable, Mapping

from raytemplate.data.features.fitted import FeatureSet
from raytemplate.planning.stages import RunPlan
from raytemplate.records.evaluated import Estimate
from raytemplate.records.fitted import FitResult
from raytemplate.units import show_moment, show_seconds


def rounded(number: float, digits: int = 3) -> str:
    """A count rounded to `digits` significant digits: 812345 -> "812,000"."""
    if not math.isfinite(number) or number == 0:
        return f"{number:,.0f}"
    power = math.floor(math.log10(abs(number))) + 1 - digits
    return f"{round(number / 10**power) * 10**power:,.0f}" if power > 0 else f"{number:,.0f}"


_MOST_DECIMALS = 9
"""Decimal places beyond which a number is written with a power of ten."""


def about_seconds(seconds: float) -> str:
    """Whole seconds, then minutes: "9 s", "5m"."""
    return f"{max(1, round(seconds))} s" if 0 < seconds < 99.5 else show_seconds(seconds).replace("0.0 s", "0 s")


def decimals(values: Iterable[float], *, apart: Iterable[float] = ()) -> int:
    """Decimal places that show the largest of these values to at least three digits; two if it is 1 or more.

    Args:
        apart: values that are each shown to at least two digits, however small they are beside the others.
    """
    largest = max((abs(v) for v in values if math.isfinite(v)), default=0.0)
    smallest = min((abs(v) for v in apart if math.isfinite(v) and v), default=1.0)
    num_decimals = 2 if largest >= 1 or largest == 0 else 2 - math.floor(math.log10(largest))
    return max(num_decimals, min(1 - math.floor(math.log10(smallest)), _MOST_DECIMALS))


def fixed(value: float, num_decimals: int, sign: str = "") -> str:
    """A number with `num_decimals` decimal places: "-1.60"; written as "4.33e-12" if there would be too many.

    Args:
        sign: "+" to write a sign for positive numbers too.
    """
    return f"{value:{sign}.2e}" if num_decimals > _MOST_DECIMALS else f"{value:{sign},.{num_decimals}f}"


def metric_text(value: float) -> str:
    """A metric's value: "7.31", "0.962"."""
    return fixed(value, decimals([value]))


def estimate_texts(estimate: Estimate) -> tuple[str, str, str]:
    """Value, low end and high end with the same number of decimals: "-1.60", "-2.61", "-0.83"."""
    numbers = (estimate.value, estimate.low, estimate.high)
    apart = (
        [] if estimate.low <= 0 <= estimate.high else [estimate.value]
    )  # show a small value that is not chance alone
    num_decimals = decimals(numbers, apart=apart)
    value, low, high = (fixed(number, num_decimals) for number in numbers)
    return value, low, high


def with_interval(estimate: Estimate | None) -> str:
    """ "6.94 [6.44, 7.44]"; "-" for none, "no value" if it could not be computed, the value alone if its interval could
    not."""
    if estimate is None:
        return "-"
    if math.isnan(estimate.value):
        return "no value"
    value, low, high = estimate_texts(estimate)
    return f"{value} [{low}, {high}]" if math.isfinite(estimate.low + estimate.high) else value


def short(digest: str) -> str:
    """The first twelve digits of a digest."""
    return digest.rpartition(":")[2][:12]


def taken_text(taken: FeatureSet) -> str:
    """ "9 from features/flights-air-time/3 (3f9c2a41b07d, seen until 2013-05-18)" """
    seen = f", seen until {show_moment(taken.seen_until)}" if not taken.split else ""
    return f"{len(taken.features)} from {taken.name} ({short(taken.digest)}{seen})"


def settings_text(settings: Mapping[str, object]) -> str:
    """ "hidden 128, layers 2" """
    return ", ".join(f"{key} {_plain(value)}" for key, value in settings.items() if key != "kind")


def _plain(value: object) -> str:
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def trained_epochs(fit: FitResult) -> int:
    """The last epoch or round that was trained; the record does not hold every one of them."""
    return max((epoch.epoch for epoch in fit.epochs), default=fit.candidate.epoch)


def stopped_by(fit: FitResult) -> str:
    """What ended training: "epochs" ("rounds" for trees), "early stopping" or another reason in the record."""
    return f"{fit.step}s" if fit.stopped == "epochs" else fit.stopped


def baseline_name(settings: Mapping[str, object]) -> str:
    """ "median by origin, dest" or "mean of all rows", from the settings of `evaluation.baseline`."""
    for key in ("median_by", "mean_by", "quantile_by"):
        columns = settings.get(key)
        if isinstance(columns, list | tuple):
            names = ", ".join(str(name) for name in columns)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            rule = f"{settings['quantile']:g} quantile" if key == "quantile_by" else key[:-3]
            return f"{rule} by {names}" if names else f"{rule} of all rows"
    return "none"


def head_line(plan: RunPlan, run_id: str = "") -> str:
    """Name, version, variant, as-of, plan and, once there is one, run."""
    variant = "" if plan.variant == "standard" else f", variant {plan.variant}"
    parts = [f"{plan.name} {plan.version}{variant}", f"as of {show_moment(plan.as_of)} UTC", f"plan {plan.id}"]
    return "   ".join([*parts, f"run {run_id}"] if run_id else parts)
