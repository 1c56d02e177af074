"""The separator of a CSV file, found from its first records: the reader and the survey of `init` ask here alike."""

import csv
import io

SEPARATORS = (",", ";", "\t", "|")
_LAST_RESORT = " "
_LOOKED_AT_BYTES, _LOOKED_AT_RECORDS = 2**16, 200


def separator_of(start: bytes) -> str:
    """What stands between the fields of a file that begins with these bytes.

    The one by which most of the first records have as many fields as the very first. If several do, the one that
    fewer blanks follow in that record (a name such as `price (net, in EUR)` has commas, too), then the one it has most
    of. A blank, if nothing else separates anything and every record agrees; a comma, if nothing does.
    """
    text = start[:_LOOKED_AT_BYTES]
    whole = text[: text.rfind(b"\n") + 1] if len(start) > len(text) else text
    records = (whole or text).decode("utf-8-sig", errors="replace")
    best = max(SEPARATORS, key=lambda one: _agreement(records, one))
    if not any(_agreement(records, best)) and _agreement(records, _LAST_RESORT)[0] == 1:
        return _LAST_RESORT
    return best


def _agreement(text: str, separator: str) -> tuple[float, int, int]:
    """(share of the records that have as many fields as the first, its fields before which no blank stands, all its
    fields); zeros if the first has one field."""
    first, *others = records_of(text, separator)[:_LOOKED_AT_RECORDS] or [[]]
    if len(first) < 2:
        return 0.0, 0, 0
    alike = 1 + sum(len(record) == len(first) for record in others)
    return alike / (1 + len(others)), sum(not field.startswith(" ") for field in first), len(first)


def records_of(text: str, separator: str) -> list[list[str]]:
    """The records that have a field, up to the first that cannot be read; the reader of all the file names that one."""
    found: list[list[str]] = []
    try:
        for record in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            if record:
                found.append(record)
    except csv.Error:  # a quote that is never closed
        pass
    return found
