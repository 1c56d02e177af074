"""What `data.mask` may do to a column. Checking a template needs this and no Arrow."""

from collections.abc import Mapping
from typing import Annotated, Any, cast

from pydantic import BeforeValidator, WithJsonSchema

from raytemplate.secret import only_reference
from raytemplate.units import show

HASH, DROP, TRUNCATE, BUCKET = "hash", "drop", "truncate", "bucket"
MaskRule = str | Mapping[str, int | float]
"""`hash`, `drop`, `{truncate: N}` or `{bucket: W}`."""


def mask_rule(value: object) -> object:
    """The value if it is a rule; a validator for pydantic."""
    if value in (HASH, DROP):
        return value
    given = cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}
    name, number = next(iter(given.items())) if len(given) == 1 else ("", None)
    if isinstance(number, bool) or not isinstance(number, int | float) or name not in (TRUNCATE, BUCKET):
        found = f"{{{', '.join(f'{key}: {one}' for key, one in given.items())}}}" if given else show(value)
        raise ValueError(f"got {found}, expected hash, drop, {{truncate: 3}} or {{bucket: 10}}")
    if name == TRUNCATE and (not isinstance(number, int) or number < 1):
        raise ValueError(f"truncate: got {number}, expected how many characters to keep, a whole number, 1 or more")
    if name == BUCKET and not 0 < number < float("inf"):
        raise ValueError(f"bucket: got {number}, expected the width of a bucket, above 0")
    return {name: number}


_CHARACTERS, _WIDTH = "How many characters to keep.", "Numbers go down to a multiple of this width."
_ENV, _FILE = "Environment variable that holds the key.", "File that holds the key, relative to the template."
_NUMBER = {"additionalProperties": False, "minProperties": 1, "type": "object"}
_SCHEMA = {
    "anyOf": [
        {"enum": [HASH, DROP]},
        {**_NUMBER, "properties": {TRUNCATE: {"type": "integer", "minimum": 1, "description": _CHARACTERS}}},
        {**_NUMBER, "properties": {BUCKET: {"type": "number", "exclusiveMinimum": 0, "description": _WIDTH}}},
    ]
}
_SECRET = {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": False}
MaskRuleField = Annotated[Any, BeforeValidator(mask_rule), WithJsonSchema(_SCHEMA)]
MaskKeyField = Annotated[
    str,
    BeforeValidator(only_reference),
    WithJsonSchema(
        {
            **_SECRET,
            "properties": {
                "env": {"type": "string", "description": _ENV},
                "file": {"type": "string", "description": _FILE},
            },
        }
    ),
]


def masked_text(rules: Mapping[str, MaskRule]) -> str:
    """Columns with their rules, such as "tailnum (hashed), zip (first 3 characters)"."""
    return ", ".join(f"{name} ({rule_text(rule)})" for name, rule in rules.items())


def rule_text(rule: MaskRule) -> str:
    """A rule in a few words, such as "first 3 characters"."""
    if isinstance(rule, str):
        return {HASH: "hashed", DROP: "dropped"}[rule]
    ((name, number),) = rule.items()
    return f"first {number:,} character{'' if number == 1 else 's'}" if name == TRUNCATE else f"in steps of {number:g}"
