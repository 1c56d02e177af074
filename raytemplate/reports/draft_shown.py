"""What `init --data` found and decided, as a short table."""

from collections.abc import Sequence

from raytemplate.data.sources.folders import say_left_out
from raytemplate.starting.draft.draft import Draft
from raytemplate.units import show_bytes

_MOST_CLASSES, _MOST_LISTED = 5, 8


def draft_text(draft: Draft) -> str:
    """A few lines: data, target, split, features, what was left out and why."""
    found = draft.survey
    size = show_bytes(sum(file.size_bytes for file in found.source.files))
    lines = [f"{found.asked.data}: {found.num_rows:,} rows, {len(found.columns):,} columns, {size}"]
    lines += [f"  {title:<12} {text}" for title, text in _rows(draft) if text]
    lines += _listed("left out", [(role.column.name, role.why) for role in draft.of("left out")])
    return "\n".join([*lines, *_listed("to look at", draft.hints)])


def _listed(title: str, columns: Sequence[tuple[str, str]]) -> list[str]:
    """A line for each of the first columns: its name and what is said of it."""
    lines = [f"{name}: {said}" for name, said in columns[:_MOST_LISTED]]
    lines += [f"and {len(columns) - _MOST_LISTED:,} more"] if len(columns) > _MOST_LISTED else []
    return [f"  {title if number == 0 else '':<12} {line}" for number, line in enumerate(lines)]


def _rows(draft: Draft) -> list[tuple[str, str]]:
    found = draft.survey
    written = ", ".join(f"{key}: {value}" for key, value in found.writing.csv.items())
    kinds = {"numeric": len(draft.of("numeric")), "categorical": len(draft.of("categorical")),
             "datetime": len(draft.times), "text": len(draft.of("text"))}  # fmt: skip
    lengths = draft.lengths
    windows = f"validation {lengths.validation}, test {lengths.test}, train all before" if lengths else ""
    return [
        ("files", say_left_out(found.source.left_out)),
        ("written", written),
        ("target", f"{draft.target.name}: {draft.learning.task}, {_target(draft)}"),
        ("windows", windows),
        ("split", "" if lengths else f"by a hash of the rows; {draft.split_why}"),
        ("far times", _far(draft)),
        ("keys", ", ".join(role.column.name for role in draft.of("key"))),
        ("features", ", ".join(f"{count:,} {use}" for use, count in kinds.items() if count)),
        ("model", draft.model),
    ]


def _far(draft: Draft) -> str:
    days = draft.far.days
    rows = sum(draft.survey.days[day] for day in days)
    shown = [f"{day} in {draft.survey.day_files.get(day, draft.survey.asked.data)}" for day in days[:_MOST_LISTED]]
    more = f" and {len(days) - _MOST_LISTED:,} more days" if len(days) > _MOST_LISTED else ""
    return (
        f"{rows:,} row{'' if rows == 1 else 's'} at {', '.join(shown)}{more}: data.drop takes them out" if days else ""
    )


def _target(draft: Draft) -> str:
    target = draft.target
    missing = f"; {target.num_null:,} missing are dropped" if target.num_null else ""
    if draft.learning.task == "regression":
        return f"{target.min:g} to {target.max:g}{missing}"
    rare = draft.learning.rare
    counts = sorted(((v, n) for v, n in (target.values or {}).items() if v not in rare), key=lambda item: -item[1])
    total = sum(count for _, count in counts)
    shown = ", ".join(f"{value} {_share(count / total)}" for value, count in counts[:_MOST_CLASSES])
    more = f" and {len(counts) - _MOST_CLASSES} more" if len(counts) > _MOST_CLASSES else ""
    yes = f"; yes is {draft.learning.positive}" if draft.learning.positive else ""
    few = f"; too few rows, dropped: {', '.join(map(str, rare[:_MOST_CLASSES]))}" if rare else ""
    few += f" and {len(rare) - _MOST_CLASSES} more" if len(rare) > _MOST_CLASSES else ""
    return f"{shown}{more}{yes}{missing}{few}"


def _share(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else "under 1 %"
