"""Fields with a unit: read as people write them, kept as numbers, written so that they can be read again."""

from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from raytemplate.units import (
    DURATION_SCHEMA,
    MONEY_SCHEMA,
    SIZE_SCHEMA,
    parse_duration,
    parse_money,
    parse_size,
    show_limit,
    show_usd_limit,
)


def _write_size(size: int) -> str:
    """A size as a template would have it, exact to the byte."""
    for unit, factor in (("TB", 10**12), ("GiB", 2**30), ("GB", 10**9), ("MiB", 2**20), ("MB", 10**6)):
        if size and size % factor == 0:
            return f"{size // factor} {unit}"
    return f"{size} B"


def _write_money(usd: float) -> str:
    return f"{show_usd_limit(usd)} USD"


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(show_limit, return_type=str),
    WithJsonSchema(DURATION_SCHEMA),
]
"""Seconds, written as "10m" or "50 ms"."""

Money = Annotated[
    float, BeforeValidator(parse_money), PlainSerializer(_write_money, return_type=str), WithJsonSchema(MONEY_SCHEMA)
]
"""US dollars, written as "5 USD"."""

Size = Annotated[
    int, BeforeValidator(parse_size), PlainSerializer(_write_size, return_type=str), WithJsonSchema(SIZE_SCHEMA)
]
"""Bytes, written as "2 GB"."""
