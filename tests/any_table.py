"""Tables of all sorts, drawn by hypothesis: awkward names, columns of every type, few rows and many."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from hypothesis import strategies as st

START = datetime(2023, 1, 1)
NAMES = (
    "prediction", "model_version", "probability_a", "Prediction", "yes", "no", "null", "true", "1", "1.5", "a: b", "#x",
    "- x", "order", "select", "and", "total amount", "total  amount", "naïve", "größe", "имя", "a.b", "a.b.c", 'a"b',
    "it's", "x=y", "a>b", "time in bed", "is null", "[x]", "{x}", "*x", "&x", "!x", "%x", "@x", "`x`", "a,b", "a;b",
    "a|b", "id", "ID", "Id", "index", "__raytemplate_side", "__raytemplate_read", "__index_level_0__", "a\\b", "~", "?",
    "x", "X", "target", "hash", "when", "kind", "2020-01-01", "a/b", "a b.c d", '"q"', "on", "off", "nan", ".inf",
    "0x10", "1e3", "<<", "=", "a\u2028b", "\uff58", "e\u0301", "features", "columns", "-", "--", "mean", "count",
)  # fmt: skip
names = st.one_of(
    st.sampled_from(NAMES),
    st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp", "Zs")), min_size=1, max_size=6),
)


def _picked(rng, values, n):
    return pa.array([values[at] for at in rng.integers(0, len(values), n)])


def _with_holes(rng, values):
    holes = rng.random(len(values)) < 0.2
    return pa.array([None if hole else value for value, hole in zip(values.to_pylist(), holes, strict=True)])


def _moments(rng, n):
    return [START + timedelta(minutes=int(minute)) for minute in rng.integers(0, 600_000, n)]


COLUMNS = {
    "whole": lambda r, n: pa.array(r.integers(0, 500, n)),
    "number": lambda r, n: pa.array(r.normal(size=n) * 100),
    "yes or no": lambda r, n: pa.array(r.random(n) < 0.5),
    "date": lambda r, n: pa.array([moment.date() for moment in _moments(r, n)]),
    "time": lambda r, n: pa.array(_moments(r, n), pa.timestamp("us")),
    "time with an offset": lambda r, n: pa.array(_moments(r, n), pa.timestamp("ms", "UTC")),
    "category": lambda r, n: _picked(r, ["red", "green", "it's", "a,b"], n),
    "prose": lambda r, n: pa.array([f"the cat sat on {place} mats" for place in r.permutation(n)]),
    "constant": lambda r, n: pa.array(["same"] * n),
    "nothing": lambda r, n: pa.nulls(n),
    "number of the row": lambda r, n: pa.array(r.permutation(n)),
    "key": lambda r, n: pa.array([f"C{row:05d}" for row in range(n)]),
    "large key": lambda r, n: pa.array([10**17 + 7 * int(row) for row in r.permutation(n)]),
    "code": lambda r, n: pa.array([f"{code:04d}" for code in r.integers(0, 300, n)]),
    "number with holes": lambda r, n: _with_holes(r, pa.array(r.normal(size=n))),
    "whole with holes": lambda r, n: _with_holes(r, pa.array(r.integers(0, 50, n))),
    "category with holes": lambda r, n: _with_holes(r, _picked(r, ["p", "q"], n)),
    "yes or no with holes": lambda r, n: _with_holes(r, pa.array(r.random(n) < 0.5)),
    "NaN": lambda r, n: pa.array(np.where(r.random(n) < 0.2, np.nan, r.normal(size=n))),
    "infinite": lambda r, n: pa.array(np.where(r.random(n) < 0.1, np.inf, r.normal(size=n))),
    "decimal": lambda r, n: pa.array([Decimal(int(x)) / 100 for x in r.integers(0, 9999, n)], pa.decimal128(12, 2)),
    "eight bits": lambda r, n: pa.array(r.integers(-100, 100, n), pa.int8()),
    "float32": lambda r, n: pa.array(r.normal(size=n), pa.float32()),
    "large text": lambda r, n: _picked(r, ["u", "v"], n).cast(pa.large_string()),
    "dictionary": lambda r, n: _picked(r, ["u", "v", "w"], n).dictionary_encode(),
    "list": lambda r, n: pa.array([[int(x)] for x in r.integers(0, 5, n)]),
    "whole float": lambda r, n: pa.array(r.integers(0, 9, n).astype(float)),
    "money": lambda r, n: pa.array([f"${x}.50" for x in r.integers(0, 900, n)]),
    "words": lambda r, n: _picked(r, ["yes", "no"], n),
    "two numbers": lambda r, n: pa.array(r.integers(0, 2, n)),
    "a rare class": lambda r, n: pa.concat_arrays([pa.array(["odd 'one'"]), _picked(r, ["yes", "no"], n - 1)]),
}
TARGETS = (
    "number", "whole", "yes or no", "category", "words", "whole float", "number with holes", "category with holes",
    "yes or no with holes", "decimal", "float32", "large text", "dictionary", "eight bits", "a rare class",
    "two numbers",
)  # fmt: skip
TIMES = ("date", "time", "time with an offset")


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A table, and the arguments of `init` for it."""

    table: pa.Table
    target: str
    time: str
    format: str
    kinds: dict[str, str]

    def write(self, folder: Path) -> Path:
        """The table as a file."""
        path = folder / f"data.{self.format}"
        if self.format == "parquet":
            pq.write_table(self.table, path)
        elif self.format == "csv":
            kept = [name for name, kind in self.kinds.items() if kind not in ("list", "nothing")]
            columns = {
                name: self.table.column(name).combine_chunks() for name in self.table.column_names if name in kept
            }
            plain = {n: c.dictionary_decode() if pa.types.is_dictionary(c.type) else c for n, c in columns.items()}
            pa.csv.write_csv(pa.table(plain), path)
        else:
            rows = ({k: _json(v) for k, v in row.items()} for row in self.table.to_pylist())
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path


def _json(value):
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value.isoformat() if hasattr(value, "isoformat") else float(value) if isinstance(value, Decimal) else value


@st.composite
def tables(draw):
    """Three columns or more, one of which can be learnt from."""
    rows, rng = draw(st.sampled_from([40, 60, 200, 700])), np.random.default_rng(draw(st.integers(0, 5)))
    target, number, *others = draw(st.lists(names, min_size=3, max_size=9, unique=True))
    kinds = {target: draw(st.sampled_from(TARGETS)), number: "number"}
    kinds |= {name: draw(st.sampled_from(sorted(COLUMNS))) for name in others}
    times = [name for name in others if kinds[name] in TIMES]
    order = draw(st.permutations(sorted(kinds)))
    return Drawn(
        table=pa.table({name: COLUMNS[kinds[name]](rng, rows) for name in order}),
        target=target,
        time=times[0] if times and draw(st.booleans()) else "",
        format=draw(st.sampled_from(["parquet", "csv", "jsonl"])),
        kinds=kinds,
    )
