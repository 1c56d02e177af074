"""Marks the rows that break promises while they are read, and later takes out those that are quarantined or dropped.

The read task sees values before they are masked and knows file and row number, but not to which window's sample a row
belongs. So it only marks rows; they are taken out and counted where windows are cut, in the same way in memory and in
a stream.
"""

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from raytemplate.data.contract import Broken, value_text
from raytemplate.data.promises import OUT
from raytemplate.data.reserved import INTERNAL, is_internal
from raytemplate.data.sources.locations import named
from raytemplate.records.contracted import BrokenPromise, ContractFound, Example

pc: Any = pyarrow.compute  # its functions are generated at import, invisible to type checkers

BROKEN = f"{INTERNAL}broken"
"""Column that marks the rows that break promises which do not end the run."""
REPEATED = f"{INTERNAL}repeated"
"""Another such column, for promises about several rows, which are known once all rows have been read."""
_TYPE: Any = pa.struct([("fate", pa.int8()), ("broken", pa.string()), ("file", pa.string()), ("row", pa.int64())])
_WARN, _DROP, _QUARANTINE = range(3)
_FATES = {"warn": _WARN, "drop": _DROP, "quarantine": _QUARANTINE}
_MOST_EXAMPLES = 3
RULE, FILE, ROW = "_rule", "_file", "_row"
"""Columns of the quarantine beside those of the data: promises that the row breaks, its file, its number in it."""

_Combination = tuple[Broken, ...]


def mark(
    table: pa.Table,
    broken: Iterable[Broken],
    files: Callable[[], pa.Array],
    numbers: Callable[[], NDArray[np.int64]],
    column: str = BROKEN,
) -> pa.Table:
    """The rows with a column that says which promises each breaks, null for most.

    Args:
        broken: promises that do not end the run.
        files: gives the file of each row; called only if a row breaks a promise.
        numbers: gives the number of each row in its file, from 1; called only if a row breaks a promise.
    """
    codes, found = np.zeros(table.num_rows, np.int64), [()]
    for one in broken:
        here = one.rows.to_numpy()
        if here.any():
            codes, found = _combined(codes, found, one, here)
    if len(found) == 1 and not found[0]:
        return table.append_column(column, pa.nulls(table.num_rows, _TYPE))
    is_fine = np.array([not each for each in found])[codes]
    texts = pa.array([json.dumps([_described(one) for one in each]) for each in found], pa.string())
    fates = np.array([max((_FATES[one.on_breach] for one in each), default=0) for each in found], np.int8)
    fields = [
        pa.array(fates[codes]),
        texts.take(pa.array(codes)),
        files(),
        pa.array(numbers()),
    ]
    marks: Any = pa.StructArray.from_arrays(fields, fields=list(_TYPE), mask=pa.array(is_fine))
    return table.append_column(column, marks)


def of_one_file(file: str, num_rows: int) -> pa.Array:
    """The same file for each row."""
    return pa.array([file], pa.string()).take(pa.array(np.zeros(num_rows, np.int64)))


def _combined(
    codes: NDArray[np.int64], found: list[_Combination], one: Broken, here: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], list[_Combination]]:
    """The combination of broken promises of each row, as an index, with one more promise."""
    values, again = np.unique(2 * codes + here, return_inverse=True)
    return again.astype(np.int64), [found[v // 2] + ((one,) if v % 2 else ()) for v in values.tolist()]


def _described(one: Broken) -> list[Any]:
    return [one.path, one.promise, one.on_breach, list(one.columns)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """What marks come to in some rows of one window."""

    found: ContractFound
    """Counts and examples."""

    quarantined: pa.Table | None = None
    """The quarantined rows with the columns `_rule`, `_file` and `_row`; None if there are none."""


def take_out(
    table: pa.Table, window: str, named: Callable[[str], str], keys: Sequence[str] = (), column: str = BROKEN
) -> tuple[pa.Table, Judged]:
    """The rows without those that are quarantined or dropped and without these marks; and what the marks come to.

    Args:
        named: the name of a file by its path.
        keys: columns that identify a row, for examples.
    """
    marks: Any = table.column(column).combine_chunks()
    table = table.drop_columns([column])
    if marks.null_count == len(marks):
        return table, Judged(found=ContractFound())
    fates = pc.fill_null(pc.struct_field(marks, "fate"), _WARN).to_numpy()
    at = np.flatnonzero(pc.is_valid(marks).to_numpy(zero_copy_only=False))
    rows, here = table.take(pa.array(at)), marks.take(pa.array(at))
    files = [named(path) for path in pc.struct_field(here, "file").to_pylist()]
    found = ContractFound(
        broken=_tally(rows, here, files, keys),
        quarantined=_counted(window, fates == _QUARANTINE),
        dropped=_counted(window, fates == _DROP),
    )
    out: Any = table.filter(pa.array(fates == _WARN))
    return out, Judged(found=found, quarantined=_kept_apart(rows, here, files))


def relative_marks(column: Any, root: Path) -> pa.Array:
    """The marks of rows, with files named relative to a folder."""
    marks: Any = column.combine_chunks()
    if marks.null_count == len(marks):
        return marks
    fields = {one.name: pc.struct_field(marks, one.name) for one in _TYPE}
    files = fields["file"].dictionary_encode()
    paths = pa.array([named(path, root) for path in files.dictionary.to_pylist()], pa.string())
    fields["file"] = paths.take(files.indices)
    return pa.StructArray.from_arrays(list(fields.values()), fields=list(_TYPE), mask=pc.is_null(marks))


def stays(table: pa.Table) -> NDArray[np.bool_]:
    """True for the rows that are neither quarantined nor dropped according to their marks, bool [rows]."""
    marks: Any = table.column(BROKEN).combine_chunks()
    return pc.fill_null(pc.struct_field(marks, "fate"), _WARN).to_numpy() == _WARN


def _counted(window: str, rows: NDArray[np.bool_]) -> dict[str, int]:
    count = int(rows.sum())
    return {window: count} if count else {}


def _tally(rows: pa.Table, marks: Any, files: list[str], keys: Sequence[str]) -> tuple[BrokenPromise, ...]:
    texts = pc.struct_field(marks, "broken").to_pylist()
    numbers = pc.struct_field(marks, "row").to_pylist()
    at: dict[tuple[str, str], list[int]] = {}
    kinds: dict[tuple[str, str], tuple[str, list[str]]] = {}
    parsed = {text: json.loads(text) for text in set(texts)}
    for index, text in enumerate(texts):
        for path, promise, on_breach, columns in parsed[text]:
            at.setdefault((path, promise), []).append(index)
            kinds[path, promise] = on_breach, columns
    found: list[BrokenPromise] = []
    for (path, promise), indices in sorted(at.items()):
        on_breach, columns = kinds[path, promise]
        shown = [name for name in dict.fromkeys((*columns, *keys)) if name in rows.column_names]
        examples = [
            Example(
                file=files[index],
                row=numbers[index],
                values=tuple((name, value_text(rows.column(name)[index].as_py())) for name in shown),
            )
            for index in indices[:_MOST_EXAMPLES]
        ]
        found.append(
            BrokenPromise(
                path=path,
                promise=promise,
                on_breach=on_breach,  # type: ignore[arg-type]
                num_rows=len(indices),
                examples=tuple(examples),
            )
        )
    return tuple(found)


def _kept_apart(rows: pa.Table, marks: Any, files: list[str]) -> pa.Table | None:
    """The quarantined rows as the quarantine holds them."""
    chosen: Any = pa.array(pc.equal(pc.struct_field(marks, "fate"), _QUARANTINE))
    if not pc.any(chosen).as_py():
        return None
    texts = pc.struct_field(marks, "broken").to_pylist()
    rules = {text: "; ".join(one[1] for one in json.loads(text) if one[2] in OUT) for text in set(texts)}
    values = rows.select([name for name in rows.column_names if not is_internal(name)])
    ours = {
        RULE: pa.array([rules[text] for text in texts], pa.string()),
        FILE: pa.array(files, pa.string()),
        ROW: pc.struct_field(marks, "row"),
    }
    columns: list[Any] = [*ours.values(), *values.columns]
    names = [*(_free(name, values.column_names) for name in ours), *values.column_names]
    return pa.table(columns, names=names).filter(chosen)


def _free(name: str, taken: Collection[str]) -> str:
    while name in taken:
        name += "_"
    return name


def joined(found: Iterable[ContractFound]) -> ContractFound:
    """What the contract found in several parts together; their order does not matter."""
    broken: dict[tuple[str, str], BrokenPromise] = {}
    quarantined: dict[str, int] = {}
    dropped: dict[str, int] = {}
    newest: list[datetime] = []
    for part in found:
        for one in part.broken:
            known = broken.get((one.path, one.promise))
            broken[one.path, one.promise] = _added(known, one) if known else one
        for into, counts in ((quarantined, part.quarantined), (dropped, part.dropped)):
            for window, count in counts.items():
                into[window] = into.get(window, 0) + count
        newest += [part.newest] if part.newest else []
    return ContractFound(
        broken=tuple(broken[key] for key in sorted(broken)),
        quarantined=quarantined,
        dropped=dropped,
        newest=max(newest, default=None),
    )


def _added(one: BrokenPromise, other: BrokenPromise) -> BrokenPromise:
    examples = sorted((*one.examples, *other.examples), key=lambda each: (each.file, each.row, each.values))
    return replace(one, num_rows=one.num_rows + other.num_rows, examples=tuple(examples[:_MOST_EXAMPLES]))
