"""Arrow types from their names, as schemas in plans and handles have them."""

import re
from typing import Any

import pyarrow as pa

from raytemplate.errors import DataError


def arrow_type(text: str) -> Any:
    """The Arrow type with that name.

    Raises:
        DataError: it is a nested type.
    """
    if match := re.fullmatch(r"timestamp\[(\w+), tz=(.+)\]", text):
        return pa.timestamp(match[1], match[2])
    if match := re.fullmatch(r"decimal128\((\d+), (-?\d+)\)", text):
        return pa.decimal128(int(match[1]), int(match[2]))
    try:
        return pa.type_for_alias(text)
    except ValueError as error:
        raise DataError(f"a column of type {text} cannot be made up where it is missing") from error
