"""JSON Lines: an object a line. A key that a record lacks is a missing value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.json

from raytemplate.data.sources.text.rules import TYPES, Head, Misread, Reading, Rules
from raytemplate.data.sources.text.values import plain_types

pj: Any = pyarrow.json

_ROW = re.compile(r" in row (\d+)$")
_LARGEST_BLOCK = 2**31 - 1


class JsonLinesFormat:
    """See `TextFormat`."""

    name = "jsonl"
    endings: tuple[str, ...] = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")

    def settle(self, rules: Rules, start: bytes) -> Rules:
        """See `TextFormat`."""
        return rules

    def head(self, start: bytes, rules: Rules) -> Head:
        """See `TextFormat`."""
        return Head(columns=(), num_bytes=3 if start.startswith(b"\xef\xbb\xbf") else 0, num_lines=0)

    def cut(self, block: bytes, rules: Rules, *, last: bool) -> int:
        """See `TextFormat`."""
        return len(block) if last else block.rfind(b"\n") + 1

    def infer(self, content: bytes, head: Head, rules: Rules, fixed: Mapping[str, str]) -> pa.Table:
        """See `TextFormat`."""
        return plain_types(_read(content, pa.schema([]), "infer"))

    def decode(self, content: bytes, head: Head, reading: Reading, columns: tuple[str, ...]) -> pa.Table:
        """See `TextFormat`."""
        schema = pa.schema([(name, TYPES[reading.types[name]]) for name in columns])
        return _read(content, schema, "ignore").select(list(columns))

    def line_of(self, content: bytes, row: int, rules: Rules) -> int:
        """See `TextFormat`."""
        found = 0
        for number, line in enumerate(content.split(b"\n")):
            found += bool(line.strip())
            if found == row:
                return number
        return 0


def _read(content: bytes, schema: pa.Schema, others: str) -> pa.Table:
    try:
        return pj.read_json(
            pa.BufferReader(content),
            read_options=pj.ReadOptions(use_threads=False, block_size=min(len(content) + 1, _LARGEST_BLOCK)),
            parse_options=pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior=others),
        )
    except pa.ArrowInvalid as error:
        found = str(error).strip().split("\n", 1)[0].removeprefix("JSON parse error: ")
        row = int(match[1]) + 1 if (match := _ROW.search(found)) else 0
        raise Misread(row, _ROW.sub("", found)[:200]) from error
