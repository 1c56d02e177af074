"""What `init --data` found and decided, as a short table."""

from collections.abc import Sequence

from raytemplate.data.mask_options import masked_text
from raytemplate.data.sources.folders import say_left_out
from raytemplate.reports.layout import hanging, sentences
from raytemplate.starting.draft.draft import Draft
from raytemplate.starting.draft.windows import Lengths
from raytemplate.starting.survey.roles import Role, Use
from raytemplate.units import show_bytes

_WIDTH = 80
_MOST_CLASSES, _MOST_LISTED, _MOST_NAMED = 5, 12, 24
_USED: tuple[Use, ...] = ("time", "numeric", "categorical", "datetime", "text", "key")
_SUSPICIOUS = (
    "Suspicious columns may be known only once {} is known: they are left out unless there is no other feature, and "
    "promotion is manual until a person has checked them. "
)
_TAKE_IN = "To use a column, list it under features in the template."


def draft_text(draft: Draft) -> str:
    """A few lines about data, target and split, and a table of the columns: used or left out, and why."""
    found = draft.survey
    num_bytes = sum(file.size_bytes for file in found.source.files)  # 0 for a query
    size = f", {show_bytes(num_bytes)}" if num_bytes else ""
    lines = [f"{found.asked.data}: {found.num_rows:,} rows, {len(found.columns):,} columns{size}"]
    lines += [_line(title, text) for title, text in _rows(draft) if text]
    lines += ["", *(_line(use, _names(draft.of(use))) for use in _USED if draft.of(use))]
    lines += _listed("suspicious", [(role.column.name, role.why) for role in draft.suspicious])
    if draft.not_looked_at:
        most = f"{draft.not_looked_at:,} columns that may know {draft.target.name}; promotion is manual"
        lines.append(_line("not judged", most))
    left = [(role.column.name, role.why) for role in draft.of("left out") if not role.suspicious]
    lines += [*_listed("left out", left), *_listed("to look at", draft.hints)]
    if draft.of("left out") or draft.suspicious:
        told = _SUSPICIOUS.format(draft.target.name) if draft.suspicious else ""
        lines += ["", sentences(f"{told}{_TAKE_IN}", width=_WIDTH)]
    return "\n".join(lines)


def _line(title: str, text: str) -> str:
    return hanging(f"  {title:<12} ", text, width=_WIDTH)


def _names(roles: Sequence[Role]) -> str:
    names = [f"{role.column.name}{_parts(role)}" for role in roles]
    more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED + 1 else ""
    return ", ".join(names[:_MOST_NAMED] if more else names) + more


def _parts(role: Role) -> str:
    return f" ({', '.join(role.column.parts)})" if role.use in ("time", "datetime") and role.column.parts else ""


def _listed(title: str, columns: Sequence[tuple[str, str]]) -> list[str]:
    """A line for each of the first columns: its name and the reason."""
    said = [f"{name}: {why}" for name, why in columns[:_MOST_LISTED]]
    said += [f"and {len(columns) - _MOST_LISTED:,} more, in the template"] if len(columns) > _MOST_LISTED else []
    return [_line(title if number == 0 else "", one) for number, one in enumerate(said)]


def _rows(draft: Draft) -> list[tuple[str, str]]:
    found = draft.survey
    written = ", ".join(f"{key}: {value}" for key, value in found.writing.csv.items())
    lengths = draft.lengths
    return [
        ("files", say_left_out(found.source.left_out)),
        ("written", written),
        ("masked", masked_text(found.asked.mask)),
        ("target", f"{draft.target.name}: {draft.learning.task}, {_target(draft)}"),
        ("asked", _asked(draft)),
        ("windows", _windows(lengths) if lengths else ""),
        ("split", "" if lengths else f"by a hash of the {'keys' if draft.of('key') else 'rows'}; {draft.split_why}"),
        ("far times", _far(draft)),
        ("model", draft.model),
    ]


def _windows(lengths: Lengths) -> str:
    train = "all before" if lengths.train.unit == "all" else str(lengths.train)
    late = f", {lengths.label_delay}d before as-of: {lengths.late}" if lengths.label_delay else ""
    parts = (f"train {train}, validation {lengths.validation}, test {lengths.test}{late}", lengths.why)
    return "; ".join(part for part in parts if part)


def _asked(draft: Draft) -> str:
    doubtful = draft.learning.doubtful
    if not doubtful:
        return ""
    names, counts = ", ".join(map(str, doubtful)), draft.target.values or {}
    share = _share(sum(counts[value] for value in doubtful) / sum(counts.values()))
    return f"is {names} ({share} of the rows) an outcome to predict? The template has the drop line if not"


def _far(draft: Draft) -> str:
    days = draft.far.days
    rows = sum(draft.survey.days[day] for day in days)
    shown = [f"{day} in {draft.survey.day_files.get(day, draft.survey.asked.data)}" for day in days[:_MOST_LISTED]]
    more = f" and {len(days) - _MOST_LISTED:,} more days" if len(days) > _MOST_LISTED else ""
    return f"{rows:,} row{'' if rows == 1 else 's'} at {', '.join(shown)}{more}: data.drop removes them" if days else ""


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
    positive = draft.learning.positive
    yes = f"; yes is {positive}" if positive.lower() not in ("", "yes") else ""
    few = f"; too few rows, dropped: {', '.join(map(str, rare[:_MOST_CLASSES]))}" if rare else ""
    few += f" and {len(rare) - _MOST_CLASSES} more" if len(rare) > _MOST_CLASSES else ""
    return f"{shown}{more}{yes}{missing}{few}"


def _share(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else "under 1 %"
