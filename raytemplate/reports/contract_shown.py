"""What the contract found in the rows of a run, for `show` and the report."""

from collections.abc import Sequence
from dataclasses import dataclass

from raytemplate.records.contracted import QUARANTINE, BrokenPromise, ContractFound

_FATE = {"quarantine": f"quarantined: {QUARANTINE} in the run's folder", "drop": "dropped", "warn": "kept (warn)"}


@dataclass(frozen=True, kw_only=True, slots=True)
class BrokenRow:
    """One broken promise in a table."""

    field: str
    """The field of the template."""
    promise: str
    """The promise as the template writes it."""
    num_rows: int
    """Rows that break it."""
    fate: str
    """What happened to them."""
    examples: tuple[tuple[str, str], ...]
    """(file and row, values) of the first few of them."""


def contract_lines(found: ContractFound | None) -> Sequence[tuple[str, str]]:
    """A line for each broken promise."""
    return [("contract", one.text) for one in found.broken] if found else []


def broken_rows(found: ContractFound | None) -> Sequence[BrokenRow]:
    """The broken promises; empty if there are none, or if the contract could only end the run."""
    return [_row(one) for one in found.broken] if found else []


def _row(one: BrokenPromise) -> BrokenRow:
    return BrokenRow(
        field=one.path,
        promise=one.promise,
        num_rows=one.num_rows,
        fate=_FATE[one.on_breach],
        examples=tuple((each.at, each.shown) for each in one.examples),
    )
