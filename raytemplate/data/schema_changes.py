"""What has changed in the columns of the data since the champion was trained."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import SequenceMatcher

from raytemplate.data.condition_types import plain_type

Schema = Sequence[tuple[str, str]]
"""(column, Arrow type as text) in the order of the data."""
_LIKELY = 0.6
_SAME_PLACE = 0.5
"""Added to the likeness of two names, from 0 to 1, if both columns follow the same column."""
_MOST_NAMED = 5


def likely_renamed(before: Schema, now: Schema) -> dict[str, str]:
    """Column that is gone -> the new column that it has probably become: of the same type, and with a similar name or
    in its place. Each new column is taken once."""
    old, new = dict(before), dict(now)
    gone = [name for name in old if name not in new]
    added = [name for name in new if name not in old]
    scored = [
        (_likeness(one, other, before, now), one, other)
        for one in gone
        for other in added
        if plain_type(old[one]) == plain_type(new[other])
    ]
    found: dict[str, str] = {}
    for score, one, other in sorted(scored, key=lambda each: (-each[0], each[1:])):
        if score >= _LIKELY and one not in found and other not in found.values():
            found[one] = other
    return found


def _likeness(one: str, other: str, before: Schema, now: Schema) -> float:
    alike = SequenceMatcher(None, one.lower(), other.lower()).ratio()
    return alike + (_SAME_PLACE if _follows(before, one) == _follows(now, other) else 0.0)


def _follows(schema: Schema, column: str) -> str:
    names = [name for name, _ in schema]
    return names[names.index(column) - 1] if names[0] != column else ""


def schema_changes(before: Schema, now: Schema, used: Collection[str], version: int) -> tuple[str, ...]:
    """Every change in one line, with what to do.

    Args:
        before: columns of the data that the champion was trained on.
        used: columns that the run reads.
        version: the champion's version.
    """
    return tuple(_changes(before, now, used, f"champion version {version}")) if before else ()


def _changes(before: Schema, now: Schema, used: Collection[str], champion: str) -> Iterator[str]:
    old, new = dict(before), dict(now)
    renamed = likely_renamed(before, now)
    for one, other in renamed.items():
        yield f"{one} is gone since {champion}, and {other} is new, of the same type: renamed? If so, rename it back"
    gone = [name for name in old if name not in new and name not in renamed]
    if gone:
        yield f"gone since {champion}: {_named(gone)}; nothing in this template reads them"
    for name, kind in new.items():
        if name in old and plain_type(old[name]) != plain_type(kind):
            note = "" if name in used else ", which this template does not read"
            yield f"{name} was {old[name]} for {champion} and is {kind} now{note}; write it as it was before"
    added = [name for name in new if name not in old and name not in renamed.values()]
    if added:
        yield f"new since {champion}: {_named(added)}; list them under features to use them"
    if [name for name in old if name in new] != [name for name in new if name in old]:
        yield f"the columns are in another order than for {champion}; they are read by name, so nothing changes"


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def as_schema(columns: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """A mapping of columns to types as a `Schema`."""
    return tuple(columns.items())
