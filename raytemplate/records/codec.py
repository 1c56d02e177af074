"""Frozen dataclasses <-> JSON, by their annotations. Every document carries a schema version.

Supported: str, int, float, bool, None, datetime (ISO, UTC), Literal, tuples, mappings with str keys, `Settings`,
nested records, and unions of records (distinguished by a "kind" key with the class name; a record that has a field
named `kind` keeps that instead, and cannot be a union's member). A record whose fields were different in an earlier
version has `written_now`, which converts what that version wrote to today's form.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeGuard, TypeVar, cast

from raytemplate.errors import IntegrityError
from raytemplate.redact import redacted

SCHEMA_VERSION = 1
_MOST_INDENTED = 1_000_000
"""Most characters of a document that is indented."""
T = TypeVar("T")


class Settings(Mapping[str, Any]):
    """An immutable mapping of plain JSON values that can be hashed and compared."""

    __slots__ = ("_text", "_values")

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        # Most settings are empty: a listing has some for each of its files and slices.
        self._text = canonical(dict(values)) if values else "{}"
        self._values: dict[str, Any] = json.loads(self._text) if values else {}

    @classmethod
    def of_plain(cls, values: dict[str, Any]) -> Settings:
        """Values as they were parsed, taken over as they are: most settings of a record are read and never compared."""
        made = cls.__new__(cls)
        made._text, made._values = "", values
        return made

    @property
    def _canonical(self) -> str:
        if not self._text:
            self._text = canonical(self._values)
        return self._text

    @classmethod
    def of(cls, record: Any) -> Settings:
        """A record as plain values."""
        return cls(encode(record))

    def to(self, kind: type[T]) -> T:
        """The record that these values encode."""
        return decode(kind, self._values)

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        return hash(self._canonical)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Settings) and self._canonical == other._canonical

    def __repr__(self) -> str:
        return f"Settings({self._canonical})"

    def __reduce__(self) -> tuple[type[Settings], tuple[dict[str, Any]]]:
        return Settings, (self._values,)


def canonical(value: Any) -> str:
    """JSON text that is the same for equal values: sorted keys, no spaces. Settings and records are allowed inside."""
    return canonical_of_plain(encode(value))


def canonical_of_plain(value: Any) -> str:
    """`canonical` of plain JSON values, which it does not look through for records."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def encode(value: Any) -> Any:
    """Plain JSON values from a record. Infinite and NaN floats become the strings "inf", "-inf", "nan"."""
    kind = type(value)
    if kind is str or kind is int:  # most values of a long record
        return value
    if kind is tuple:
        return [encode(item) for item in value]
    if kind is Settings:
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        found: dict[str, Any] = {"kind": kind.__name__}
        for name in _names(kind):
            one = getattr(value, name)
            found[name] = one if type(one) is str or type(one) is int else encode(one)
        return found
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in cast(Mapping[Any, Any], value).items()}
    if isinstance(value, tuple | list):
        return [encode(item) for item in cast(Sequence[Any], value)]
    raise TypeError(f"{type(value).__name__} does not belong in a record")


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


def dumps(record: Any) -> bytes:
    """A record as a JSON document with its schema version, ready to be written."""
    # No record should hold a secret; redaction catches what a library or the user's code has quoted.
    document = {"schema": SCHEMA_VERSION, **redacted(encode(record))}
    text = json.dumps(document, ensure_ascii=False)
    # Indenting is done in Python: of a profile of 2,000 columns it takes a second, and nobody reads that.
    return f"{text if len(text) > _MOST_INDENTED else json.dumps(document, indent=1, ensure_ascii=False)}\n".encode()


def loads(kind: type[T], text: bytes | str, *, where: str = "record") -> T:
    """The record that a document holds.

    Raises:
        IntegrityError: not JSON, another kind of record, or written by a newer version.
    """
    document = _parsed(text, where)
    schema = document.pop("schema", None) if _is_object(document) else None
    if type(schema) is not int:
        raise IntegrityError(f"{where}: not a record: it names no schema version")
    if schema > SCHEMA_VERSION:
        raise IntegrityError(
            f"{where}: written with schema {schema}, this version reads up to {SCHEMA_VERSION}",
            next_step="pip install --upgrade raytemplate",
        )
    return _decoded(kind, document, where)


def loads_line(kind: Any, line: bytes, *, where: str) -> Any:
    """The record on one line of a file that holds many; these lines carry no schema version.

    Raises:
        IntegrityError: not JSON, or another kind of record.
    """
    return _decoded(kind, _parsed(line, where), where)


def _parsed(text: bytes | str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"{where}: not a record: {error}") from error


def _decoded(kind: Any, document: Any, where: str) -> Any:
    try:
        return decode(kind, document)
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise IntegrityError(f"{where}: not a {getattr(kind, '__name__', kind)}: {error}") from error


def decode(annotation: Any, value: Any) -> Any:
    """A value of the annotated type from plain JSON values."""
    return _decoder(annotation, str(annotation))(value)


_Decoder = Callable[[Any], Any]


@cache
def _decoder(annotation: Any, _: str = "") -> _Decoder:
    """The function that decodes one annotation: made once, since lists of records hold many values of a kind.

    Args:
        _: tells unions apart that are equal but for their order, in which their members are tried.
    """
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is Any:
        return _as_it_is
    if annotation is Settings:
        return lambda value: Settings.of_plain(value) if _is_object(value) else Settings(value)
    if origin in (typing.Union, types.UnionType):
        return _union_decoder(inner)
    if origin is typing.Literal:
        return _literal_decoder(inner)
    if origin is tuple:
        return _tuple_decoder(inner)
    if origin is not None and issubclass(origin, Mapping):
        item = _decoder_of(inner[1])
        return lambda value: {key: item(one) for key, one in value.items()}
    if dataclasses.is_dataclass(annotation):
        return _record_decoder(annotation)
    if annotation is datetime:
        return lambda value: datetime.fromisoformat(value).astimezone(UTC)
    if annotation is float:
        return _decode_float
    return _plain_decoder(type(None) if annotation is None else annotation)


def _decoder_of(annotation: Any) -> _Decoder:
    return _decoder(annotation, str(annotation))


def _as_it_is(value: Any) -> Any:
    return value


def _decode_float(value: Any) -> float:
    if type(value) is float:
        return value
    if type(value) is int or value in ("inf", "-inf", "nan"):
        return float(value)
    raise ValueError(f"{value!r} is not {float}")


def _plain_decoder(kind: Any) -> _Decoder:
    def decode_plain(value: Any) -> Any:
        if kind in (int, str, bool, type(None)) and type(value) is kind:
            return value
        raise ValueError(f"{value!r} is not {kind}")

    return decode_plain


def _literal_decoder(options: tuple[Any, ...]) -> _Decoder:
    def decode_literal(value: Any) -> Any:
        if value not in options:
            raise ValueError(f"{value!r} is none of {options}")
        return value

    return decode_literal


def _record_decoder(kind: Any) -> _Decoder:
    name, written_now = kind.__name__, getattr(kind, "written_now", None)

    def decode_record(value: Any) -> Any:
        fields = _field_decoders(kind)
        if not _is_object(value):
            raise ValueError(f"{value!r} is not a {name}")
        if "kind" not in fields and value.get("kind", name) != name:
            raise ValueError(f"{value['kind']} is not {name}")
        if written_now is not None:
            value = written_now(value)
        return kind(**{field: fields[field](one) for field, one in value.items() if field in fields})

    return decode_record


@cache
def _field_decoders(kind: Any) -> dict[str, _Decoder]:
    hints = typing.get_type_hints(kind)  # also those of class variables, which no record holds
    return {field.name: _decoder_of(hints[field.name]) for field in dataclasses.fields(kind)}


def _union_decoder(options: tuple[Any, ...]) -> _Decoder:
    by_name = {getattr(one, "__name__", ""): _decoder_of(one) for one in options if dataclasses.is_dataclass(one)}
    others = [_decoder_of(one) for one in options if one is not type(None)]

    def decode_union(value: Any) -> Any:
        if value is None and type(None) in options:
            return None
        if _is_object(value) and value.get("kind") in by_name:
            return by_name[value["kind"]](value)
        for decoder in others:
            try:
                return decoder(value)
            except (TypeError, ValueError):
                continue
        raise ValueError(f"{value!r} fits none of {options}")

    return decode_union


def _tuple_decoder(inner: tuple[Any, ...]) -> _Decoder:
    decoders = [_decoder_of(kind) for kind in inner if kind is not Ellipsis]
    any_length = len(inner) == 2 and inner[1] is Ellipsis

    def decode_tuple(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise ValueError(f"{value!r} is not a list")
        items = cast(list[Any], value)
        if any_length:
            return tuple(map(decoders[0], items))
        return tuple(decoder(item) for decoder, item in zip(decoders, items, strict=True))

    return decode_tuple


def _is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)
