"""What `raytemplate clean` prints."""

from collections.abc import Sequence

from raytemplate.records.holdings import Holding
from raytemplate.reports.layout import table
from raytemplate.units import count, show_bytes

_WHAT = {
    "encoded": "set of encoded rows",
    "profiles": "profile",
    "listings": "listing",
    "kept": "copy of rows",
    "needed": "copy of rows",
    "frozen": "copy of rows",
    "models": "model",
    "held": "model",
    "leftovers": "folder",
}
_MANY = {
    "encoded": "sets of encoded rows",
    "kept": "copies of rows",
    "needed": "copies of rows",
    "frozen": "copies of rows",
}
_SHELTERED = ("needed", "frozen", "models", "held")
"""Kinds that `--free all` leaves."""
_WHY = {
    "encoded": "a run of the same rows does not read them again",
    "profiles": "profile reads only files that have changed",
    "listings": "plan reads only files that have changed",
    "kept": "no run needs them",
    "models": "nothing keeps them, and they are older than the retention",
    "leftovers": "left by processes that were killed",
}
_NAMED = 3


def holdings_text(held: Sequence[Holding]) -> str:
    """What is held, what was freed, and how to free the rest."""
    if not held:
        return "There is nothing to free: the workspace holds only records and models.\n  raytemplate runs"
    rows = [("kind", "size", "holds", "why"), *((h.kind, show_bytes(h.num_bytes), _holds(h), _why(h)) for h in held)]
    return f"{table(rows, gaps=(3, 3, 3), right=(1,), most={3: 56})}\n\n{_ending(held)}"


def _holds(held: Holding) -> str:
    return (
        f"{held.num:,} {_MANY[held.kind]}"
        if held.num != 1 and held.kind in _MANY
        else count(held.num, _WHAT[held.kind])
    )


def _why(held: Holding) -> str:
    if held.kind == "frozen":
        return f"frozen: {', '.join(held.needed_by[:_NAMED])}" if held.needed_by else "the ledger cannot be read"
    if held.kind == "held":
        return ", ".join(held.needed_by)
    if held.kind != "needed":
        return "freed" if held.freed else _WHY[held.kind]
    more = f" and {len(held.needed_by) - _NAMED:,} more" if len(held.needed_by) > _NAMED else ""
    runs = ", ".join(held.needed_by[:_NAMED]) + more
    return f"freed: reproduce reads the source of {runs} again" if held.freed else f"to reproduce {runs}"


def _ending(held: Sequence[Holding]) -> str:
    freed = sum(one.num_bytes for one in held if one.freed)
    rest = [one for one in held if not one.freed and one.kind not in _SHELTERED]
    told = f"Freed {show_bytes(freed)}." if freed else "Nothing was freed."
    models = next((one for one in held if one.kind == "models" and not one.freed), None)
    if models is not None:
        told += f" To free models, {show_bytes(models.num_bytes)}: the same with --free models."
    if not rest:
        return f"{told}\n  raytemplate runs"
    left = [one.kind for one in held if one.kind in _SHELTERED and one.kind != "held" and not one.freed]
    what = f"everything but {' and '.join(left)}" if left else "all of it"
    return f"{told} To free {what}, {show_bytes(sum(one.num_bytes for one in rest))}:\n  raytemplate clean --free all"
