"""Loads a template: a YAML path and layers in, a `TemplateSpec` or every problem out."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, cast

from raytemplate.errors import SpecError
from raytemplate.spec.build import build
from raytemplate.spec.layers import (
    Layer,
    Level,
    environment_layers,
    override_layers,
    set_layers,
    variant_layers,
)
from raytemplate.spec.locate import merge_layers
from raytemplate.spec.parents import file_layers
from raytemplate.spec.schema import Origin, TemplateSpec
from raytemplate.spec.variants import (
    STANDARD,
    check_file_only,
    check_promotable,
    check_variants,
    no_such_variant,
    refuse_expired,
)


def load(
    path: str | Path,
    *,
    sets: Sequence[str] = (),
    overrides: Mapping[str, Any] | None = None,
    variant: str | None = None,
    environ: Mapping[str, str] | None = None,
    today: date | None = None,
) -> TemplateSpec:
    """The template in a file, with every layer merged and validated.

    Args:
        path: the template; problems show it as given.
        sets: `--set` arguments such as "training.epochs=3".
        overrides: the same from Python, such as {"training.epochs": 3}; they take precedence over `sets`.
        variant: name of the variant to apply; "standard" is the file as written.
        environ: where `RAYTEMPLATE_SET_...` is looked up; by default this process's environment.
        today: the day that a variant's expiry is compared with; by default today in UTC.

    Raises:
        UsageError: the file cannot be read.
        SpecError: every problem of every layer, each with its location.
    """
    readings = (
        environment_layers(os.environ if environ is None else environ),
        set_layers(sets),
        override_layers(overrides or {}),
    )
    problems = [problem for _, found in readings for problem in found]
    files: list[Layer] = []
    try:
        files = file_layers(Path(path), str(path))
        chosen = _variant(files, variant, today or datetime.now(UTC).date())
    except SpecError as error:
        unreadable = [problem for file in files for problem in file.problems]
        raise SpecError((*unreadable, *error.problems, *problems)) from None
    locations = merge_layers([*files, *chosen, *(layer for layers, _ in readings for layer in layers)])
    for problem in problems:
        locations.add(problem)
    check_file_only(locations)
    check_variants(locations, files, Path(path))
    check_promotable(locations, _variant_names(files))
    return replace(build(locations, Path(path)), variant=variant or STANDARD)


def from_resolved(resolved: Mapping[str, Any], origins: Mapping[str, Origin], path: Path) -> TemplateSpec:
    """The spec rebuilt from the resolved document in a `run.lock`, without reading any file.

    Raises:
        SpecError: the document does not fit this version of raytemplate.
    """
    spec = build(merge_layers([Layer(name=str(path), level=Level.FILE, value=resolved)]), path)
    dropped = tuple(sorted(location for location in origins if not _has(resolved, location)))
    return replace(spec, origins=dict(origins), dropped=dropped)


def _variant(files: Sequence[Layer], variant: str | None, today: date) -> list[Layer]:
    """The layers of the requested variant."""
    if variant is None or variant == STANDARD:
        return []
    chosen = variant_layers(files, variant)
    if not chosen:
        raise no_such_variant(variant, _variant_names(files))
    refuse_expired(files, variant, today)
    return chosen


def _variant_names(files: Sequence[Layer]) -> tuple[str, ...]:
    written = [layer.value.get("variants") for layer in files]
    return tuple(sorted({name for one in written if isinstance(one, dict) for name in cast("dict[str, Any]", one)}))


def _has(document: Mapping[str, Any], path: str) -> bool:
    """Whether there is a value at a dotted path; keys may contain dots."""
    if path in document:
        return True
    return any(
        isinstance(below, Mapping) and _has(cast("Mapping[str, Any]", below), path.removeprefix(f"{key}."))
        for key, below in document.items()
        if path.startswith(f"{key}.")
    )
