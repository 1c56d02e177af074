"""Numbers as findings show them."""

import math

from raytemplate.records.evaluated import Estimate


def measured(value: float) -> str:
    """A measured value: 2 decimals ("6.94", "1,203.50"), or 3 significant digits below 0.1 ("0.00123")."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    return f"{value:,.2f}" if abs(value) >= 0.1 else f"{value:.3g}"


def limit(value: float) -> str:
    """A limit as a person wrote it: "12", "0.5", "50,000"."""
    return f"{value:,.10g}"


def gained(gain: Estimate) -> str:
    """A gain's interval in words, preceded by the value if the interval includes both better and worse."""
    if not (math.isfinite(gain.low) and math.isfinite(gain.high)):
        return f"{measured(gain.value)}: no interval"
    if gain.low == gain.high == 0:
        return "no difference"
    if gain.low >= 0:
        return f"better by {measured(gain.low)} to {measured(gain.high)}"
    if gain.high <= 0:
        return f"worse by {measured(-gain.high)} to {measured(-gain.low)}"
    return f"{measured(gain.value)}: worse by {measured(-gain.low)} to better by {measured(gain.high)}"
