"""Base class of every group of settings in a template: the spec's own and those of each plug-in."""

import ast
import inspect
import sys
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema


class Options(BaseModel):
    """A group of settings: frozen, strict, every field documented by the docstring below it."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def field_docs(model: type[BaseModel]) -> Mapping[str, str]:
    """Field -> what its docstring says; "" for a field without one.

    Pydantic can read them as well (`use_attribute_docstrings`), but does so for every class that is defined: an eighth
    of the time of a command that shows none of them.
    """
    said = {name: doc for base in reversed(model.__mro__) for name, doc in _docs_in(base).items()}
    return {name: said.get(name) or field.description or "" for name, field in model.model_fields.items()}


@cache
def _docs_in(cls: type) -> Mapping[str, str]:
    if not issubclass(cls, Options) or cls is Options:
        return {}
    body = _classes(cls.__module__).get(cls.__qualname__, ())
    found: dict[str, str] = {}
    for field, below in pairwise(body):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(doc))):
                found[name] = inspect.cleandoc(doc)
            case _:
                pass
    return found


@cache
def _classes(module: str) -> Mapping[str, list[ast.stmt]]:
    """Qualified name of each class of a module -> its statements; nothing for a module without source."""
    found: dict[str, list[ast.stmt]] = {}

    def look(statements: list[ast.stmt], prefix: str) -> None:
        for one in statements:
            if isinstance(one, ast.ClassDef):
                found[f"{prefix}{one.name}"] = one.body
                look(one.body, f"{prefix}{one.name}.")
            elif isinstance(one, ast.FunctionDef):
                look(one.body, f"{prefix}{one.name}.<locals>.")

    try:
        source = inspect.getsource(sys.modules[module])
    except (KeyError, OSError, TypeError):  # a class that was typed in a session, or whose module is gone
        return found
    look(ast.parse(source).body, "")
    return found


def _yes_no(value: object) -> object:
    return {"yes": True, "no": False}.get(value, value) if isinstance(value, str) else value


YesNo = Annotated[bool, BeforeValidator(_yes_no), WithJsonSchema({"enum": [True, False, "yes", "no"]})]
"""True or false. YAML here reads `yes` and `no` as text, so that they can be categories; such a field accepts both."""
