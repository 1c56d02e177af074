"""CSV: header, ends of records, types, and lines by number. Quotes as in RFC 4180; text is UTF-8."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.csv
from typing_extensions import override

from raytemplate.data.sources.text.date_formats import is_all_digits
from raytemplate.data.sources.text.leading_zeros import Digits, digits_in
from raytemplate.data.sources.text.missing_words import MISSING_OUTSIDE_TEXT
from raytemplate.data.sources.text.quotes import end_of_records
from raytemplate.data.sources.text.rules import (
    EXACT,
    TIME,
    TYPES,
    Head,
    Misread,
    Reading,
    Rules,
    TextFormat,
    Unconverted,
)
from raytemplate.data.sources.text.separator import separator_of
from raytemplate.data.sources.text.typed import FALSE, TRUE
from raytemplate.data.sources.text.values import (
    are_texts,
    by_hand,
    doubtful,
    exact,
    null_where,
    plain_types,
    promised,
    with_texts,
)

pc: Any = pyarrow.csv

_BOM = b"\xef\xbb\xbf"
_LARGEST_BLOCK = 2**31 - 1
_LINE_END = re.compile(rb"\r\n|\r|\n")
_FOR_EXCEL = re.compile(rb'\s*"?sep=[^\r\n]"?[ \t]*(?=[\r\n]|$)', re.IGNORECASE)
_LINE_FOR_EXCEL = (
    'begins with "sep=", which tells Excel the separator and is not a header; remove that line (tail -n +2 OLD > NEW)'
)
_RETURNS_ALONE = "its lines end in bare carriage returns (CR), as on old Macs; tr '\\r' '\\n' < OLD > NEW converts them"
_ROW = re.compile(r"Row #(\d+): ")
_FIELDS = re.compile(r"Expected (\d+) columns?, got (\d+)")
_VALUE = re.compile(r"In CSV column #(\d+): .*conversion error to ([^:]*): invalid value '(.*)'", re.DOTALL)


class CsvFormat(TextFormat):
    """See `TextFormat`."""

    name = "csv"
    endings: tuple[str, ...] = (".csv", ".csv.gz", ".tsv", ".tsv.gz")

    def settle(self, rules: Rules, start: bytes) -> Rules:
        """See `TextFormat`: the separator, unless the template names it."""
        return rules if rules.separator else replace(rules, separator=separator_of(start))

    @override
    def time_advice(self, rules: Rules) -> str:
        formats = ", ".join(f'"{form}"' for form in (*rules.dates, "FORMAT")) if rules.dates else '"%d.%m.%Y"'
        return f"correct it, or list every format that the file uses: data.csv.dates: [{formats}]; for init: --dates"

    @override
    def head(self, start: bytes, rules: Rules) -> Head:
        skipped = len(_BOM) if start.startswith(_BOM) else 0
        if _FOR_EXCEL.match(start, skipped):
            raise Misread(1, _LINE_FOR_EXCEL, column="")
        reader = csv.reader(_lines(start[skipped:]), delimiter=rules.separator)
        try:
            first = next(filter(None, reader), [])  # skips blank lines
        except csv.Error as error:  # longer than any name, or not text
            raise Misread(1, f"the names of columns cannot be read: {error}", column="") from error
        ends = list(islice(_LINE_END.finditer(start, skipped), reader.line_num))
        _refuse_returns(start, ends)
        if not rules.header:
            return Head(columns=_names(rules.columns, len(first)), num_bytes=skipped, num_lines=0)
        num_bytes = ends[-1].end() if len(ends) == reader.line_num else len(start)
        names = tuple(name.strip() or f"column_{number}" for number, name in enumerate(first, start=1))
        return Head(
            columns=_names(rules.columns, len(first)) if rules.columns else _once(names),
            num_bytes=num_bytes,
            num_lines=reader.line_num,
        )

    @override
    def cut(self, block: bytes, rules: Rules, *, last: bool) -> int:
        return end_of_records(block, rules.separator, last=last)

    @override
    def infer(self, content: bytes, head: Head, rules: Rules, fixed: Mapping[str, str]) -> pa.Table:
        types, texts = promised(fixed, head.columns), ()
        if any(is_all_digits(form) for form in rules.dates):
            texts = tuple(name for name, kind in fixed.items() if kind == TIME and name in head.columns)
        try:
            table = _read(content, head, rules, with_texts(types, texts), None)
            texts += doubtful(table, content, fixed)
        except Unconverted:
            texts, table = (*texts, *types), None
        if table is None or not are_texts(table, texts):
            table = _read(content, head, rules, with_texts(types, texts), None)
        found = plain_types(by_hand(table, texts, types, rules, wider=True), rules, fixed)
        return exact(found, lambda name: _read(content, head, rules, {name: pa.string()}, (name,)).column(0), rules)

    @override
    def decode(self, content: bytes, head: Head, reading: Reading, columns: tuple[str, ...]) -> pa.Table:
        rules, types = reading.rules, {name: TYPES[reading.types[name]] for name in columns}
        texts = tuple(name for name in columns if rules.dates and pa.types.is_timestamp(types[name]))
        try:
            table = _read(content, head, rules, with_texts(types, texts), columns)
            texts += doubtful(table, content, {})
        except Unconverted:
            texts, table = columns, None
        if table is None or not are_texts(table, texts):
            table = _read(content, head, rules, with_texts(types, texts), columns)
        return null_where(by_hand(table, texts, types, rules), rules, reading.written)

    @override
    def digits(self, content: bytes, head: Head, rules: Rules, table: pa.Table) -> Mapping[str, Digits]:
        def read(names: list[str]) -> pa.Table:
            return _read(content, head, rules, dict.fromkeys(names, pa.string()), tuple(names))

        return digits_in(content, rules.separator, table, read)

    def settled_type(self, found: str, promised: str) -> str:
        """See `TextFormat`: the promised type, unless a number is too large for it."""
        if promised == TIME:
            return "timestamp[us]" if found == "null" else found
        return found if (found, promised) == (EXACT, "int64") else promised

    @override
    def line_of(self, content: bytes, row: int, rules: Rules) -> int:
        reader = csv.reader(_lines(content), delimiter=rules.separator)
        before = found = 0
        for record in reader:
            found += bool(record)
            if found == row:
                break
            before = reader.line_num
        return before


def _refuse_returns(start: bytes, ends: Sequence[re.Match[bytes]]) -> None:
    """Refuses a file whose first record ends in a bare carriage return with another record behind it: records are found
    by newlines, so nearly all of the file would be one line."""
    if ends and ends[-1][0] == b"\r" and start[ends[-1].end() :].split(b"\n", 1)[0].strip(b"\r"):
        raise Misread(0, _RETURNS_ALONE, column="")


def _lines(content: bytes) -> Iterator[str]:
    return iter(io.StringIO(content.decode(errors="replace"), newline=""))


def _names(names: tuple[str, ...], num_fields: int) -> tuple[str, ...]:
    if names and len(names) != num_fields:
        raise Misread(1, f"{num_fields} fields, data.csv.columns names {len(names)}", column="")
    return names or tuple(f"column_{number}" for number in range(1, num_fields + 1))


def _once(names: tuple[str, ...]) -> tuple[str, ...]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        why = f"more than one column named {', '.join(twice)}; rename them, or name all in data.csv.columns"
        raise Misread(1, why, column="")
    return names


def _read(
    content: bytes, head: Head, rules: Rules, types: Mapping[str, Any], columns: tuple[str, ...] | None
) -> pa.Table:
    try:
        return _parse(content, head, rules, types, columns, threads=columns is None)
    except pa.ArrowInvalid as error:
        found = str(error)
    if columns is None:  # parse again on one thread: only then does Arrow give row numbers
        try:
            return _parse(content, head, rules, types, columns, threads=False)
        except pa.ArrowInvalid as error:
            found = str(error)
    raise _misread(found, head.columns)


def _parse(
    content: bytes,
    head: Head,
    rules: Rules,
    types: Mapping[str, Any],
    columns: tuple[str, ...] | None,
    *,
    threads: bool,
) -> pa.Table:
    missing = dict.fromkeys((*MISSING_OUTSIDE_TEXT, *rules.missing))
    return pc.read_csv(
        pa.BufferReader(content),
        read_options=pc.ReadOptions(
            column_names=list(head.columns), use_threads=threads, block_size=min(len(content) + 1, _LARGEST_BLOCK)
        ),
        parse_options=pc.ParseOptions(delimiter=rules.separator, newlines_in_values=True),
        convert_options=pc.ConvertOptions(
            column_types=dict(types),
            include_columns=None if columns is None else list(columns),
            null_values=_words(missing),
            strings_can_be_null=False,
            decimal_point=rules.decimal,
            timestamp_parsers=[pc.ISO8601],  # Arrow reads other formats too leniently: see date_formats
            true_values=_words((*TRUE, *rules.true_values)),
            false_values=_words((*FALSE, *rules.false_values)),
        ),
    )


def _words(words: Iterable[str]) -> list[str]:
    """The words, also with one blank on either side; a column with more blanks is parsed by `by_hand`."""
    return [form for word in words for form in (word, f" {word}", f"{word} ", f" {word} ")]


def _misread(found: str, columns: tuple[str, ...]) -> Misread:
    row = int(match[1]) if (match := _ROW.search(found)) else 0
    if match := _FIELDS.search(found):
        return Misread(row, f"{match[2]} fields, expected {match[1]}", column="")
    if match := _VALUE.search(found):
        name = columns[int(match[1])]
        return Unconverted(
            row, f'column {name} is "{match[3][:80]}", expected {match[2]}', column=name, expected=match[2]
        )
    return Misread(row, found.strip().split("\n", 1)[0][:200])
