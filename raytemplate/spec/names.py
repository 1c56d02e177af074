"""The names a template may use at each level, and the nearest match for an unknown one."""

import difflib
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Union, cast, get_args, get_origin

from pydantic import BaseModel

from raytemplate.spec.schema import NAMESPACES, HeaderSpec
from raytemplate.spec.synonyms import meanings

_NAMESPACES = tuple(NAMESPACES)
TOP_LEVEL = (*HeaderSpec.model_fields, "extends", *_NAMESPACES[:2], "model", *_NAMESPACES[2:], "variants")
Model = type[BaseModel]


def unknown_names(model: Model, value: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    """(dotted path, message) of every key in `value` that neither `model` nor a model below it has."""
    for key, below in value.items():
        here = f"{path}.{key}" if path else key
        field = model.model_fields.get(key)
        if field is None:
            if model.model_config.get("extra") != "allow":
                yield here, no_such_field(key, path, model)
        elif isinstance(below, dict) and (inner := model_in(field.annotation)):
            yield from unknown_names(inner, cast("dict[str, Any]", below), here)
        elif isinstance(below, dict) and (inner := model_by_name(field.annotation)):
            for name, each in cast("dict[str, Any]", below).items():
                if isinstance(each, dict):
                    yield from unknown_names(inner, cast("dict[str, Any]", each), f"{here}.{name}")
        elif isinstance(below, list) and (inner := model_of_items(field.annotation)):
            for number, each in enumerate(cast("list[Any]", below)):
                if isinstance(each, dict):
                    yield from unknown_names(inner, cast("dict[str, Any]", each), f"{here}.{number}")


def no_such_field(key: str, path: str, model: Model) -> str:
    """ "no such field; did you mean resources.per_worker?", or else the fields at that level.

    Args:
        path: dotted path of the mapping that has the key; "" for the top of a file that is no template, whose other
            fields are not in TOP_LEVEL either.
    """
    names, here = tuple(model.model_fields), set(field_paths(model, path))
    in_template = path.partition(".")[0] in TOP_LEVEL
    known = meanings(key) if in_template else ()
    meant = [found for found in known if found in here or not found.startswith(f"{path}.")]
    if meant:
        return f"no such field; did you mean {next((found for found in meant if found in here), meant[0])}?"
    if in_template and (others := homes(key)):
        return f"no such field; did you mean {' or '.join(others)}?"
    near = difflib.get_close_matches(key, names, n=1)
    if near:
        return f"no such field; did you mean {f'{path}.' if path else ''}{near[0]}?"
    return _elsewhere(key, path, model) or f"no such field; there is {', '.join(names) or 'none here'}"


def _elsewhere(key: str, path: str, model: Model) -> str:
    """The message that names a field with a similar name below this level; "" if there is none."""
    below = {found.rpartition(".")[2]: found for found in field_paths(model, path)}
    near = difflib.get_close_matches(key, tuple(below), n=1, cutoff=0.8)
    return f"no such field; did you mean {below[near[0]]}?" if near else ""


def homes(key: str) -> list[str]:
    """The dotted paths of what has this name at the top of a template or in a namespace, but for `model`."""
    if key in TOP_LEVEL:
        return [key]
    return [f"{namespace}.{key}" for namespace, model in NAMESPACES.items() if key in model.model_fields]


def no_such_top_level(key: str) -> str:
    """The message for an unknown key at the top of a template."""
    if meant := meanings(key):
        return f"no such field; did you mean {meant[0]}?"
    near = difflib.get_close_matches(key, TOP_LEVEL, n=1)
    if near:
        return f"no such field; did you mean {near[0]}?"
    if others := homes(key):
        return f"no such field; did you mean {' or '.join(others)}?"
    return f"no such field; there is {', '.join(TOP_LEVEL)}"


def field_paths(model: Model, path: str) -> Iterator[str]:
    """The dotted path of every field below `path`."""
    for name, field in model.model_fields.items():
        here = f"{path}.{name}" if path else name
        yield here
        if inner := model_in(field.annotation):
            yield from field_paths(inner, here)


def model_in(annotation: Any) -> Model | None:
    """The model that a field holds, if it holds one (or nothing)."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) is Annotated:
        return model_in(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return next((found for arg in get_args(annotation) if (found := model_in(arg))), None)
    return None


def model_by_name(annotation: Any) -> Model | None:
    """The model of each value of a mapping, such as a column's contract by the column's name."""
    return model_in(get_args(annotation)[1]) if get_origin(annotation) is Mapping else None


def model_of_items(annotation: Any) -> Model | None:
    """The model of each value of a list, such as a rule of a contract."""
    return model_in(get_args(annotation)[0]) if get_origin(annotation) is tuple else None


def without(value: Any, unwanted: set[str], path: str) -> Any:
    """`value` without the keys and list items whose dotted path is in `unwanted`."""
    if isinstance(value, dict):
        below = {key: (f"{path}.{key}", child) for key, child in cast("dict[str, Any]", value).items()}
        return {key: without(child, unwanted, here) for key, (here, child) in below.items() if here not in unwanted}
    if isinstance(value, list):
        items = enumerate(cast("list[Any]", value))
        return [without(item, unwanted, f"{path}.{n}") for n, item in items if f"{path}.{n}" not in unwanted]
    return value
