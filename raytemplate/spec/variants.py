"""Variants: each is checked as if it were applied, so that one used once a month does not fail only then."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, cast

from raytemplate import plugins
from raytemplate.errors import Problem, SpecError
from raytemplate.spec.build import build
from raytemplate.spec.layers import VARIANT_FIELDS, Layer, Level, variant_layers, variant_value
from raytemplate.spec.locate import Locations, merge_layers
from raytemplate.spec.wording import show_value

STANDARD = "standard"
"""Name for the file as written. No variant may use it."""

_FILE_ONLY = ("extends", "variants")
_PROMOTABLE = "only a file may say which variants may be promoted"
_EXPECTED = "expected a mapping such as"


def check_variants(locations: Locations, files: Sequence[Layer], path: Path) -> None:
    """Notes variants that are not mappings, and every problem that applying one of them would cause.

    Args:
        files: the layers of the template's files; problems of the command line are not blamed on a variant.
    """
    variants = locations.value.get("variants", {})
    if not isinstance(variants, dict):
        locations.note("variants", f"got {show_value(variants)}, {_EXPECTED} {{smoke: {{training.epochs: 1}}}}")
        return
    well_formed = [
        name for name, written in cast("dict[str, Any]", variants).items() if _noted(locations, name, written)
    ]
    known: set[tuple[str, str]] | None = None
    for name in well_formed:
        found = _problems([*files, *variant_layers(files, name)], name, path)
        if found and known is None:
            known = {(p.where, p.message) for p in _problems(files, "", path)}
        for problem in found:
            if (problem.where, problem.message) not in (known or ()):
                locations.add(problem)


def _noted(locations: Locations, name: str, written: Any) -> bool:
    """Notes the problems of a variant itself. Returns whether its values can be checked."""
    path = f"variants.{name}"
    if name == STANDARD:
        locations.note(path, "standard is the file as written; give the variant another name")
        return False
    if not isinstance(written, dict):
        locations.note(path, f"got {show_value(written)}, {_EXPECTED} {{training.epochs: 1}}")
        return False
    values = cast("dict[str, Any]", written)
    value = variant_value(values)
    for key in _FILE_ONLY:
        if key in value:
            locations.note(f"{path}.{key}", "is allowed only at the top of a file; remove it")
    governance = value.get("governance")
    if isinstance(governance, dict) and "promotable" in governance:
        locations.note(f"{path}.governance.promotable", _PROMOTABLE)
    for field in VARIANT_FIELDS:
        if field in values and (message := _wrong(field, values[field])):
            locations.note(f"{path}.{field}", message)
    return True


def _wrong(field: str, value: Any) -> str:
    if field == "owner":
        return "" if isinstance(value, str) else f"got {show_value(value)}, expected text"
    return "" if _day(value) else f"got {show_value(value)}, expected a date such as 2026-12-31"


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _problems(layers: Sequence[Layer], name: str, path: Path) -> tuple[Problem, ...]:
    """The problems of these layers; those with a variant's values show the path inside the variant."""
    locations = merge_layers(layers)
    try:
        build(locations, path)
    except SpecError as error:
        return tuple(_of_variant(problem, locations, name) for problem in error.problems) if name else error.problems
    return ()


def _of_variant(problem: Problem, locations: Locations, name: str) -> Problem:
    if locations.owner(problem.path).level == Level.VARIANT:
        return Problem(where=problem.where, path=f"variants.{name}.{problem.path}", message=problem.message)
    return problem


def check_file_only(locations: Locations) -> None:
    """Notes fields that another layer sets although only a file may, or lowers: otherwise a variant could make itself
    promotable."""
    for layer in locations.layers:
        for key in _FILE_ONLY:
            if layer.level > Level.VARIANT and key in layer.value:
                locations.note_in(layer, key, key, "is allowed only at the top of a file")
    _check_risk(locations)
    promotable = "governance.promotable"
    if promotable in locations.owners and locations.owner(promotable).level > Level.FILE:
        locations.note(promotable, _PROMOTABLE)


def _check_risk(locations: Locations) -> None:
    """Notes a risk below that of the files: whoever starts a run may raise it, not lower it."""
    file = next((layer for layer in reversed(locations.layers) if layer.level <= Level.FILE and _risk(layer)), None)
    governance = locations.value.get("governance")
    asked = cast("Mapping[str, Any]", governance).get("risk") if isinstance(governance, dict) else None
    if file is not None and _risk(file) == "high" and asked == "low":
        where = f"{file.name}:{file.line('governance.risk')}"
        locations.note(
            "governance.risk", f'got "low", expected high, as {where} says: it can be raised here, not lowered'
        )


def _risk(layer: Layer) -> Any:
    governance = layer.value.get("governance")
    return cast("Mapping[str, Any]", governance).get("risk") if isinstance(governance, Mapping) else None


def check_promotable(locations: Locations, names: Sequence[str]) -> None:
    """Notes names in `governance.promotable` that no variant has."""
    governance = locations.value.get("governance")
    listed = cast("Mapping[str, Any]", governance).get("promotable") if isinstance(governance, dict) else None
    for item, name in enumerate(cast("list[Any]", listed) if isinstance(listed, list) else []):
        if isinstance(name, str) and name not in (STANDARD, *names):
            hint = plugins.suggest(name, (STANDARD, *names))
            locations.note("governance.promotable", f'no such variant: "{name}"; {hint}', item=item)


def refuse_expired(files: Sequence[Layer], variant: str, today: date) -> None:
    """Refuse a variant after its last day.

    Raises:
        SpecError: the variant has expired; names its owner.
    """
    said: dict[str, tuple[Any, Layer]] = {}
    for layer in files:
        variants = layer.value.get("variants")
        written = cast("dict[str, Any]", variants).get(variant) if isinstance(variants, dict) else None
        if isinstance(written, dict):
            said |= {key: (value, layer) for key, value in cast("dict[str, Any]", written).items()}
    value, layer = said.get("expires", (None, None))
    day = _day(value)
    if day is None or layer is None or today <= day:
        return
    owner = said.get("owner", ("", None))[0]
    who = f"ask {owner}, or " if owner else ""
    path = f"variants.{variant}.expires"
    message = f"variant {variant} expired on {day}; {who}move the date if it is still wanted"
    raise SpecError((Problem(where=f"{layer.name}:{layer.line(path)}", path=path, message=message),))


def no_such_variant(variant: str, names: tuple[str, ...]) -> SpecError:
    """The error for `--variant` with a name that the template does not have."""
    hint = plugins.suggest(variant, names) if names else "the template has none"
    problem = Problem(where=f"--variant {variant}", path="", message=f"no such variant; {hint}")
    return SpecError((problem,))
