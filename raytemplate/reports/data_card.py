"""The data card: which data a model was made from and judged on, from a run's records. It quotes no value of a row."""

from collections.abc import Iterator
from typing import Any

from raytemplate.data.mask_options import rule_text
from raytemplate.planning.stages import RunPlan
from raytemplate.records.ingested import Snapshot
from raytemplate.records.profiled import ColumnSummary, DataProfile
from raytemplate.reports.contract_shown import broken_rows
from raytemplate.reports.markdown import markdown_table, plain_markdown
from raytemplate.units import count, show_moment

LEAST_ROWS = 10
"""Fewest rows that a figure may be about; fewer are shown as "fewer than 10"."""


def data_card(plan: RunPlan, run_id: str, version: str, snapshot: Snapshot, profile: DataProfile | None) -> str:
    """The card as Markdown."""
    ingest = plan.ingest
    rule = ingest.mask.rules if ingest.mask else {}
    broken = [(f"`{one.promise}`", few(one.num_rows), one.fate) for one in broken_rows(snapshot.contract)]
    parts = [
        f"# Data of {plan.name}, version {version}" if version != run_id else f"# Data of {plan.name}, run {run_id}",
        markdown_table(("", ""), _about(plan, run_id, snapshot)),
        "## Windows",
        markdown_table(("window", "from", "to (excluded)", "rows", "left out by `drop`"), [*_windows(plan, snapshot)]),
        "## Columns",
        markdown_table(("column", "used as", "type in training", "missing in training"), [*_columns(plan, profile)]),
        "## Masked" if rule else "",
        markdown_table(("column", "how"), [(f"`{name}`", rule_text(one)) for name, one in rule.items()]),
        "## Broken promises" if broken else "",
        markdown_table(("promise", "rows", "what happened to them"), broken),
    ]
    return plain_markdown("\n\n".join(part for part in parts if part) + "\n")


def data_facts(plan: RunPlan, run_id: str, snapshot: Snapshot, profile: DataProfile | None) -> dict[str, Any]:
    """The card for programs."""
    ingest, summaries = plan.ingest, _summaries(profile)
    return {
        "run": run_id,
        "plan": plan.id,
        "as_of": plan.as_of,
        "source": snapshot.source or ingest.source,
        "data": snapshot.name,
        "data_version": snapshot.version,
        "snapshot": snapshot.digest,
        "files": [
            {"path": one.path, "size_bytes": one.size_bytes, "bytes_read": one.bytes_read, "sha256": one.sha256}
            for one in snapshot.files
        ],
        "time": ingest.time,
        "target": ingest.target,
        "keys": ingest.keys,
        "drop": ingest.drop,
        "windows": snapshot.windows,
        "columns": [
            {"name": name, "used_as": _use(plan, name), **_told(summaries.get(name))} for name in snapshot.columns
        ],
        "mask": ingest.mask.rules if ingest.mask else {},
        "broken": [
            {"promise": one.promise, "field": one.path, "rows": one.num_rows, "on_breach": one.on_breach}
            for one in (snapshot.contract.broken if snapshot.contract else ())
        ],
    }


def few(number: int) -> str:
    """A number of rows, without telling how many if they are few."""
    return f"{number:,}" if number >= LEAST_ROWS or not number else f"fewer than {LEAST_ROWS}"


def _about(plan: RunPlan, run_id: str, snapshot: Snapshot) -> list[tuple[str, str]]:
    ingest = plan.ingest
    found = [
        ("data", snapshot.short_name if snapshot.name else ""),
        ("source", snapshot.source or ingest.source),
        ("read", f"{count(len(snapshot.files), 'file')}, {snapshot.bytes_read:,} bytes"),
        ("snapshot", f"`{snapshot.digest}`"),
        ("as of", f"{show_moment(plan.as_of)} UTC"),
        ("target", f"`{ingest.target}`"),
        ("time", f"`{ingest.time}`" if ingest.time else "none: rows were split by a hash"),
        ("keys", ", ".join(f"`{name}`" for name in ingest.keys)),
        ("left out", f"`{ingest.drop}`" if ingest.drop else ""),
        ("sample", _sample(plan)),
        ("run", f"{run_id}, plan {plan.id}"),
    ]
    return [(name, text) for name, text in found if text]


def _sample(plan: RunPlan) -> str:
    shares = [window for window in plan.ingest.windows if window.share < 1]
    return ", ".join(f"{window.share:.0%} of the rows of {window.name}" for window in shares)


def _windows(plan: RunPlan, snapshot: Snapshot) -> Iterator[tuple[str, ...]]:
    for one in snapshot.windows:
        by_hash = plan.ingest.split is not None
        ends = ("by row hash",) * 2 if by_hash else (show_moment(one.start), show_moment(one.end))
        yield one.name, *ends, f"{one.num_rows:,}", few(one.num_dropped)


def _columns(plan: RunPlan, profile: DataProfile | None) -> Iterator[tuple[str, ...]]:
    summaries = _summaries(profile)
    for name in plan.ingest.columns:
        told = _told(summaries.get(name))
        missing = told.get("share_missing")
        yield f"`{name}`", _use(plan, name), told.get("type", "-"), "-" if missing is None else f"{missing:.1%}"


def _use(plan: RunPlan, name: str) -> str:
    ingest = plan.ingest
    made = [step.kind for step in ingest.features if name in (step.inputs or (step.column,))]
    uses = [("target", name == ingest.target), ("time", name == ingest.time), ("key", name in ingest.keys)]
    return ", ".join([*made, *(use for use, is_so in uses if is_so)]) or "read for a rule, a slice or a baseline"


def _summaries(profile: DataProfile | None) -> dict[str, ColumnSummary]:
    train = profile.windows[0] if profile and profile.windows else None
    return dict(train.columns) if train and train.num_rows >= LEAST_ROWS else {}


def _told(summary: ColumnSummary | None) -> dict[str, Any]:
    return {} if summary is None else {"type": summary.type, "share_missing": round(summary.share_null, 4)}
