"""The names that variants use: checked whether or not one is applied, so that no typo waits for a month."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from raytemplate import plugins
from raytemplate.errors import Problem, SpecError
from raytemplate.spec.family import check_model_names
from raytemplate.spec.layers import Level, variant_value
from raytemplate.spec.locate import Places
from raytemplate.spec.names import TOP_LEVEL, no_such_top_level, unknown_names
from raytemplate.spec.schema import NAMESPACES
from raytemplate.spec.wording import show_value

_FILE_ONLY = ("extends", "variants")


def check_variants(places: Places) -> None:
    """Notes variants that are no mapping, and names in them that are no field."""
    variants = places.value.get("variants", {})
    if not isinstance(variants, dict):
        places.note(
            "variants", f"got {show_value(variants)}, expected a mapping such as {{smoke: {{training.epochs: 1}}}}"
        )
        return
    for name, written in cast("dict[str, Any]", variants).items():
        path = f"variants.{name}"
        if isinstance(written, dict):
            _check_names(places, variant_value(cast("dict[str, Any]", written)), path)
        else:
            places.note(path, f"got {show_value(written)}, expected a mapping such as {{training.epochs: 1}}")


def _check_names(places: Places, value: Mapping[str, Any], path: str) -> None:
    for key, below in value.items():
        here = f"{path}.{key}"
        if key not in TOP_LEVEL:
            places.note(here, no_such_top_level(key))
        elif key in _FILE_ONLY:
            places.note(here, "stands only at the top of a file; remove it")
        elif key in NAMESPACES and isinstance(below, dict):
            for place, message in unknown_names(NAMESPACES[key], cast("dict[str, Any]", below), key):
                places.note(f"{path}.{place}", message)
        elif key == "model" and isinstance(below, dict):
            check_model_names(places, cast("dict[str, Any]", below), here)


def check_file_only(places: Places) -> None:
    """Notes `extends` and `variants` where another layer than a file sets them."""
    for layer in places.layers:
        for key in _FILE_ONLY:
            if layer.level > Level.VARIANT and key in layer.value:
                places.note_in(layer, key, key, "stands only at the top of a file")


def no_such_variant(variant: str, names: tuple[str, ...]) -> SpecError:
    """The error for `--variant` with a name that the template does not have."""
    hint = plugins.suggest(variant, names) if names else "the template has none"
    problem = Problem(where=f"--variant {variant}", path="", message=f"no such variant; {hint}")
    return SpecError((problem,))
