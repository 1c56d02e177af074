"""Reasons, known before anything is spent, why a candidate will be left to a person."""

from datetime import UTC, datetime, timedelta

from raytemplate.governance.repeats import same_again_text
from raytemplate.governance.thin import LEAST_UNITS, more_units, units_text
from raytemplate.planning.inventory import Champion
from raytemplate.planning.made_from import knows_rows, made_from
from raytemplate.planning.stages import GroupedBy, RunPlan

_ON_INTERVALS = ("beats-baseline", "beats-champion")
_LENGTH = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}
_AGAIN = "it will be held, unless its bytes are the champion's"
_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
_ENOUGH = {"hour": f"{LEAST_UNITS}h", "day": f"{LEAST_UNITS}d", "week": f"{LEAST_UNITS} weeks"}


def foreseen_holds(plan: RunPlan, champion: Champion | None) -> tuple[str, ...]:
    """Why a candidate of this plan will be held although no gate blocks; empty if no reason is known."""
    if not plan.govern.promotable:
        return ()
    same = champion is not None and not champion.other_key and champion.made_from == made_from(plan)
    same = same and knows_rows(plan)
    again = f"{same_again_text(champion.version, champion.run_id)}: {_AGAIN}" if champion and same else ""
    return tuple(said for said in (_thin(plan, champion), again) if said)


def _thin(plan: RunPlan, champion: Champion | None) -> str:
    """The warning about a test window with few units; "" for groups, whose number is not known yet."""
    unit, window = plan.evaluate.resample, plan.ingest.window("test")
    gates = {gate.name for gate in plan.govern.gates if gate.settings.get("severity") != "warn"}
    judging = _ON_INTERVALS if champion else ("beats-baseline",)
    if isinstance(unit, GroupedBy) or not gates.intersection(judging):
        return ""
    number = window.num_rows if unit == "row" else _num_units(window.start, window.end, _LENGTH[unit])
    if number >= LEAST_UNITS:
        return ""
    named = "data.split.test" if plan.ingest.split else "data.windows.test"
    longer = f"{named}: {_ENOUGH[unit]}" if unit in _ENOUGH else f"a larger {named}"
    return (
        f"test {window.length}: {units_text(number, unit)} to resample, fewer than {LEAST_UNITS}: a pass will be held; "
        f"{more_units(unit, longer)}"
    )


def _num_units(start: datetime, end: datetime, length: timedelta) -> int:
    """Hours, days or weeks (from Monday, UTC) that a window covers wholly or in part."""
    return -((_MONDAY - end) // length) - (start - _MONDAY) // length
