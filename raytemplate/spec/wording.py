"""Pydantic's errors reworded as "got X, expected Y". Y comes from the field's type, limits and docstring."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from raytemplate.options import field_docs
from raytemplate.spec.names import no_such_field

_MAX_SHOWN = 80
_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One wrong value."""

    path: str
    """Dotted path of the value, or of the list that holds it."""

    item: int | None
    """Index in the list; None if the value is not an item."""

    message: str

    missing: bool = False
    """Whether the value is absent."""


def validate(model: type[_Model], value: Any, path: str) -> _Model | tuple[Fault, ...]:
    """The model's instance, or everything that is wrong. Strict: text is not a number, true is not 1.

    Args:
        path: dotted path of `value`, as faults show it.
    """
    try:
        return model.model_validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        faults = [_fault(model, details, path) for details in error.errors(include_url=False)]
        return tuple({(fault.path, fault.item): fault for fault in reversed(faults)}.values())[::-1]


@dataclass(frozen=True, slots=True)
class _Slot:
    """What a pydantic location refers to."""

    annotation: Any
    """Type of the value."""

    metadata: Sequence[Any]
    """Limits of the value, as pydantic keeps them."""

    name: str
    """Name of the field."""

    doc: str
    """Docstring of the field."""

    path: tuple[str | int, ...]
    """Path from the model to the value."""


def _fault(model: type[BaseModel], details: ErrorDetails, prefix: str) -> Fault:
    slot = _slot(model, details["loc"])
    parts = [prefix, *(str(part) for part in slot.path)]
    item = next((part for part in reversed(slot.path) if isinstance(part, int)), None)
    shown = [str(part) for part in slot.path if not isinstance(part, int)]
    path = ".".join(part for part in [prefix, *shown] if part)
    if details["type"] == "extra_forbidden":
        return Fault(path=path, item=None, message=no_such_field(parts[-1], path.rpartition(".")[0], model))
    if details["type"] == "missing":
        return Fault(path=path, item=None, message=f"missing; expected {_first_sentence(slot)}", missing=True)
    if details["type"] == "value_error":
        return Fault(path=path, item=item, message=str(details.get("ctx", {}).get("error", details["msg"])))
    expected = describe(slot.annotation, slot.metadata, slot.name) or _pydantics_own(details["msg"])
    return Fault(path=path, item=item, message=f"got {show_value(details['input'])}, expected {expected}")


def _pydantics_own(message: str) -> str:
    """ "a number" from "Input should be a valid number", if no field tells what is expected."""
    return message.removeprefix("Input should be ").replace("a valid ", "a ")


def _slot(model: type[BaseModel], location: tuple[int | str, ...]) -> _Slot:
    """Follows a location through models, lists and mappings; parts that name a member of a union are skipped."""
    slot = _Slot(model, (), "", "", ())
    for part in location:
        here = _plain_type(slot.annotation)
        path = (*slot.path, part)
        if isinstance(here, type) and issubclass(here, BaseModel):
            slot = _field_slot(here, str(part), path)
        elif isinstance(part, int) and get_origin(here) in (tuple, list):
            slot = _Slot(get_args(here)[0], (), slot.name, slot.doc, path)
        elif get_origin(here) is not None and get_origin(here) not in (Union, UnionType, tuple, list, Literal):
            slot = _Slot(get_args(here)[-1], (), str(part), slot.doc, path)
    return slot


def _field_slot(model: type[BaseModel], name: str, path: tuple[str | int, ...]) -> _Slot:
    field = model.model_fields.get(name)
    if field is None:
        return _Slot(Any, (), name, "", path)
    return _Slot(field.annotation, field.metadata, name, field_docs(model)[name], path)


def _plain_type(annotation: Any) -> Any:
    """The type without Annotated and without "or None"."""
    if get_origin(annotation) is Annotated:
        return _plain_type(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        some = [arg for arg in get_args(annotation) if arg is not NoneType]
        return _plain_type(some[0]) if len(some) == 1 else annotation
    return annotation


def describe(annotation: Any, metadata: Sequence[Any] = (), name: str = "") -> str:
    """What a value of this type looks like: "a whole number of epochs, 1 or more"; "" for a type it cannot describe."""
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return describe(args[0], [*metadata, *args[1:]], name)
    if origin in (Union, UnionType):
        return either([describe(arg, metadata, name) for arg in args if arg is not NoneType])
    if origin is Literal:
        return either([show_value(arg).strip('"') for arg in args])
    if origin in (tuple, list):
        return f"a list of {_items(args[0])}"
    if annotation is bool:
        return "true or false"
    if annotation in (int, float):
        return ("a whole number" if annotation is int else "a number") + _counted(name) + _limits(metadata)
    if annotation is str:
        return "text"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"a mapping of {', '.join(annotation.model_fields)}"
    return "a mapping" if origin is not None else ""


def _items(item: Any) -> str:
    if item is str:
        return "names such as [a, b]"
    return describe(item) if get_origin(item) is Literal else f"values, each {describe(item)}"


def _counted(name: str) -> str:
    """ " of epochs" for a field named `epochs` or `num_epochs`; "" if the name is not a plural."""
    noun = name.rpartition("_")[2]
    return f" of {noun}" if noun.endswith("s") and not noun.endswith("ss") else ""


def _limits(metadata: Sequence[Any]) -> str:
    flat = [inner for one in metadata for inner in (one.metadata if isinstance(one, FieldInfo) else [one])]
    found = {key: getattr(one, key) for one in flat for key in ("ge", "gt", "le", "lt") if hasattr(one, key)}
    if "ge" in found and "le" in found:
        return f", {found['ge']:,} to {found['le']:,}"
    words = {"ge": "{:,} or more", "gt": "above {:,}", "le": "at most {:,}", "lt": "below {:,}"}
    parts = [text.format(found[key]) for key, text in words.items() if key in found]
    return f", {' and '.join(parts)}" if parts else ""


def either(words: Sequence[str]) -> str:
    """ "a, b or c"."""
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _first_sentence(slot: _Slot) -> str:
    """The first sentence of the field's docstring, made to fit into another; the type if it has none."""
    text = slot.doc.split(". ")[0].strip().rstrip(".").replace("`", '"').replace("\n", " ")
    return text[:1].lower() + text[1:] if text else describe(slot.annotation, slot.metadata, slot.name)


def show_value(value: object) -> str:
    """A value as a template would have it, short enough for a message."""
    text = _flow(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 3]}..."


def _flow(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{k}: {_flow(v)}' for k, v in cast('Mapping[str, object]', value).items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_flow(item) for item in cast('Sequence[object]', value))}]"
    return str(value)
