"""JSON Lines: one object a line. A key that is absent from a record is a missing value."""

import re
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.json
from typing_extensions import override

from raytemplate.data.sources.text.json_values import wrong_record, wrong_value
from raytemplate.data.sources.text.rules import EXACT, TIME, TYPES, Head, Misread, Reading, Rules, TextFormat
from raytemplate.data.sources.text.values import by_hand, dates_as_text, doubtful, exact, plain_types, with_texts

pj: Any = pyarrow.json

_LATER_NULL = re.compile(rb"\n[ \t\r]*null")
_ROW = re.compile(r" in row (\d+)$")
_LARGEST_BLOCK = 2**31 - 1


class JsonLinesFormat(TextFormat):
    """See `TextFormat`."""

    name = "jsonl"
    endings: tuple[str, ...] = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")

    def settle(self, rules: Rules, start: bytes) -> Rules:
        """See `TextFormat`: JSON itself marks what is missing, text or a number, but not what is a time."""
        return Rules(missing=(), dates=rules.dates)

    @override
    def time_advice(self, rules: Rules) -> str:
        return "write times as ISO 8601, such as 2013-01-31T06:00:00.5+01:00"

    @override
    def head(self, start: bytes, rules: Rules) -> Head:
        return Head(columns=(), num_bytes=3 if start.startswith(b"\xef\xbb\xbf") else 0, num_lines=0)

    @override
    def cut(self, block: bytes, rules: Rules, *, last: bool) -> int:
        return len(block) if last else block.rfind(b"\n") + 1

    @override
    def infer(self, content: bytes, head: Head, rules: Rules, fixed: Mapping[str, str]) -> pa.Table:
        table = _read(content, pa.schema([]), "infer")
        if early := doubtful(table, b"", {}):
            kinds = {name: table.schema.field(name).type for name in early}
            raise wrong_value(content, kinds) or Misread(
                0, f"column {early[0]} has times that cannot be stored", column=""
            )
        table = plain_types(dates_as_text(table, rules, fixed), rules, fixed, quoted=True)
        return exact(
            table, lambda name: _read(content, pa.schema([(name, TYPES[EXACT])]), "ignore").column(name), rules
        )

    @override
    def decode(self, content: bytes, head: Head, reading: Reading, columns: tuple[str, ...]) -> pa.Table:
        rules, types = reading.rules, {name: TYPES[reading.types[name]] for name in columns}
        texts = tuple(name for name in columns if rules.dates and pa.types.is_timestamp(types[name]))
        try:
            table = self._decode(content, with_texts(types, texts))
        except Misread:
            if not texts:
                raise
            numbers = self._decode(content, {**types, **dict.fromkeys(texts, pa.int64())})
            table = dates_as_text(numbers, rules, dict.fromkeys(texts, TIME))
        return by_hand(table, texts, types, rules)

    @staticmethod
    def _decode(content: bytes, kinds: Mapping[str, Any]) -> pa.Table:
        # As a date32, Arrow would read a number as days since 1970.
        asked = {name: pa.timestamp("us") if pa.types.is_date32(kind) else kind for name, kind in kinds.items()}
        try:
            table = _read(content, pa.schema(list(asked.items())), "ignore").select(list(kinds))
            return table.cast(pa.schema(list(kinds.items())))
        except (Misread, pa.ArrowInvalid) as error:
            found = wrong_value(content, kinds)
            if found is None and isinstance(error, pa.ArrowInvalid):
                raise Misread(0, str(error)) from error
            raise found or error from error

    def settled_type(self, found: str, promised: str) -> str:
        """See `TextFormat`: JSON marks whether a value is text or a number; times are text."""
        if promised == TIME:
            return "timestamp[us]" if found == "null" else found
        number = promised == "double" and found in ("int64", EXACT)
        text = promised == "string" and found.startswith(("timestamp", "date"))
        return promised if number or text or found == "null" else found

    @override
    def line_of(self, content: bytes, row: int, rules: Rules) -> int:
        found = 0
        for number, line in enumerate(content.split(b"\n")):
            found += bool(line.strip())
            if found == row:
                return number
        return 0


def _read(content: bytes, schema: pa.Schema, others: str) -> pa.Table:
    # Arrow crashes on a null instead of the first object, and takes later ones for rows without any value.
    if (_LATER_NULL.search(content) or content.lstrip().startswith(b"null")) and (wrong := wrong_record(content)):
        raise wrong
    try:
        return pj.read_json(
            pa.BufferReader(content),
            read_options=pj.ReadOptions(use_threads=False, block_size=min(len(content) + 1, _LARGEST_BLOCK)),
            parse_options=pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior=others),
        )
    except pa.ArrowInvalid as error:
        if wrong := wrong_record(content):
            raise wrong from error
        found = str(error).strip().split("\n", 1)[0].removeprefix("JSON parse error: ")
        row = int(match[1]) + 1 if (match := _ROW.search(found)) else 0
        raise Misread(row, _ROW.sub("", found)[:200]) from error
