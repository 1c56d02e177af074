"""What `init --data` found and decided, as a short table."""

from __future__ import annotations

from raytemplate.spec.draft.draft import Draft
from raytemplate.units import show_bytes

_MOST_CLASSES, _MOST_LEFT_OUT = 5, 8


def draft_text(draft: Draft) -> str:
    """A few lines: data, target, split, features, what was left out and why."""
    found = draft.survey
    size = show_bytes(sum(file.size_bytes for file in found.source.files))
    lines = [f"{found.asked.data}: {found.num_rows:,} rows, {len(found.columns):,} columns, {size}"]
    lines += [f"  {title:<12} {text}" for title, text in _rows(draft) if text]
    left = draft.of("left out")
    for number, role in enumerate(left[:_MOST_LEFT_OUT]):
        lines.append(f"  {'left out' if number == 0 else '':<12} {role.column.name}: {role.why}")
    if len(left) > _MOST_LEFT_OUT:
        lines.append(f"  {'':<12} and {len(left) - _MOST_LEFT_OUT:,} more")
    return "\n".join(lines)


def _rows(draft: Draft) -> list[tuple[str, str]]:
    found = draft.survey
    written = ", ".join(f"{key}: {value}" for key, value in found.writing.csv.items())
    kinds = {use: len(draft.of(use)) for use in ("numeric", "categorical", "datetime")}
    lengths = draft.lengths
    windows = f"validation {lengths.validation}, test {lengths.test}, train all before" if lengths else ""
    return [
        ("written", written),
        ("target", f"{draft.target.name}: {draft.task}, {_target(draft)}"),
        ("windows", windows),
        ("split", "" if lengths else f"by a hash of the rows; {draft.split_why}"),
        ("keys", ", ".join(role.column.name for role in draft.of("key"))),
        ("features", ", ".join(f"{count:,} {use}" for use, count in kinds.items() if count)),
        ("model", draft.model),
    ]


def _target(draft: Draft) -> str:
    target = draft.target
    missing = f"; {target.num_null:,} missing are dropped" if target.num_null else ""
    if draft.task == "regression":
        return f"{target.min:g} to {target.max:g}{missing}"
    counts = sorted((target.values or {}).items(), key=lambda item: -item[1])
    total = sum(count for _, count in counts)
    shown = ", ".join(f"{value} {100 * count / total:.0f} %" for value, count in counts[:_MOST_CLASSES])
    more = f" and {len(counts) - _MOST_CLASSES} more" if len(counts) > _MOST_CLASSES else ""
    yes = f"; yes is {draft.positive}" if draft.positive else ""
    return f"{shown}{more}{yes}{missing}"
