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
    kinds = {use: len(draft.of(use)) for use in ("numeric", "categorical", "datetime", "text")}
    lengths = draft.lengths
    windows = f"validation {lengths.validation}, test {lengths.test}, train all before" if lengths else ""
    return [
        ("written", written),
        ("target", f"{draft.target.name}: {draft.learning.task}, {_target(draft)}"),
        ("windows", windows),
        ("split", "" if lengths else f"by a hash of the rows; {draft.split_why}"),
        ("keys", ", ".join(role.column.name for role in draft.of("key"))),
        ("features", ", ".join(f"{count:,} {use}" for use, count in kinds.items() if count)),
        ("model", draft.model),
    ]


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
