"""A run that was made again, as `reproduce` and `show` print it."""

from raytemplate.records.reproduced import Reproduction
from raytemplate.reports.layout import hanging, table
from raytemplate.reports.wording import about_seconds, metric_text, short


def reproduced_text(found: Reproduction) -> str:
    """The comparison, what it means and the next command."""
    rows = [("", "recorded", "again", "")]
    rows += [("weights", short(found.weights_recorded), short(found.weights_again), _weights(found))]
    rows += [
        (f"test {one.name}", metric_text(one.recorded), metric_text(one.again), "" if one.agrees else "differs")
        for one in found.metrics
    ]
    return "\n".join([
        table(rows, gaps=(3, 3, 3)),
        "",
        hanging("  ", _meaning(found)),
        f"  raytemplate show {found.run_id}",
    ])  # fmt: skip


def _weights(found: Reproduction) -> str:
    if found.same_weights:
        return "equal bit for bit"
    return "differ, as they may" if found.inexact else "differ"


def _meaning(found: Reproduction) -> str:
    took = about_seconds(found.wall_clock_s)
    if found.succeeded and found.same_weights:
        return f"Run {found.run_id} was made again from its records in {took}."
    tolerance = max((one.tolerance for one in found.metrics), default=0.0)
    if found.succeeded:
        return (
            f"Run {found.run_id} was made again from its records in {took}: metrics agree within {tolerance:.2g} of "
            f"their value. Weights need not be equal: {found.inexact}."
        )
    return f"Run {found.run_id} was trained again in {took}, and is not the same: its records do not explain the model."


def reproduced_line(found: Reproduction) -> str:
    """One line for `show`."""
    when = found.at.strftime("%Y-%m-%d %H:%M")
    if not found.succeeded:
        return f"{when} UTC: not the same"
    return f"{when} UTC: {'equal bit for bit' if found.same_weights else 'metrics agree'}"
