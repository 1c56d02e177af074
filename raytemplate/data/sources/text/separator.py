"""Finds the separator of a CSV file from its first records, for both the reader and the survey of `init`."""

import csv
import io

SEPARATORS = (",", ";", "\t", "|")
_LAST_RESORT = " "
_LOOKED_AT_BYTES, _LOOKED_AT_RECORDS = 2**16, 200


def separator_of(start: bytes) -> str:
    """The character between the fields of a file that begins with these bytes.

    It is the one by which most of the first records have as many fields as the very first. Of several, it is the one
    followed by fewer blanks in that record (a name such as `price (net, in EUR)` has commas, too), then the one that
    occurs most often there. It is a blank if nothing else separates anything and every record agrees, else a comma.
    """
    text = start[:_LOOKED_AT_BYTES]
    whole = text[: text.rfind(b"\n") + 1] if len(start) > len(text) else text
    records = (whole or text).decode("utf-8-sig", errors="replace")
    best = max(SEPARATORS, key=lambda one: _agreement(records, one))
    if not any(_agreement(records, best)) and _agreement(records, _LAST_RESORT)[0] == 1:
        return _LAST_RESORT
    return best


def _agreement(text: str, separator: str) -> tuple[float, int, int]:
    """(share of the records with as many fields as the first, number of its fields that do not begin with a blank,
    number of all its fields); zeros if it has only one field."""
    first, *others = records_of(text, separator)[:_LOOKED_AT_RECORDS] or [[]]
    if len(first) < 2:
        return 0.0, 0, 0
    alike = 1 + sum(len(record) == len(first) for record in others)
    return alike / (1 + len(others)), sum(not field.startswith(" ") for field in first), len(first)


def records_of(text: str, separator: str) -> list[list[str]]:
    """The records that are not empty, up to the first that cannot be read; reading the whole file will report it."""
    found: list[list[str]] = []
    try:
        for record in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            if record:
                found.append(record)
    except csv.Error:  # a quote is never closed
        pass
    return found
