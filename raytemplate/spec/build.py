"""Merged layers -> `TemplateSpec`: every namespace validated, every problem noted, then one error with all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from raytemplate.evaluation.options import EvaluationSpec
from raytemplate.governance.options import GateOptions, GovernanceSpec
from raytemplate.models.options import Family, TrainingSpec
from raytemplate.options import Options
from raytemplate.spec.checks.across import (
    check_baseline,
    check_condition,
    check_features,
    check_keys,
    check_metadata,
    check_split,
    check_target_means,
)
from raytemplate.spec.checks.code import check_code
from raytemplate.spec.checks.family import choose_family, drop_unused
from raytemplate.spec.checks.objectives import check_objectives
from raytemplate.spec.checks.passwords import check_passwords
from raytemplate.spec.checks.plugged import (
    check_columns,
    check_format,
    check_gates,
    check_limits,
    check_metrics,
    checked,
)
from raytemplate.spec.checks.space import check_space, lay_out_space
from raytemplate.spec.checks.task import check_task, fill_defaults
from raytemplate.spec.locate import Places
from raytemplate.spec.names import TOP_LEVEL, no_such_top_level
from raytemplate.spec.schema import NAMESPACES, HeaderSpec, TemplateSpec
from raytemplate.tuning.options import TuningSpec


def build(places: Places, path: Path) -> TemplateSpec:
    """The spec that the merged document describes.

    Raises:
        SpecError: all problems, those noted before among them.
    """
    for key in places.value:
        if key not in TOP_LEVEL:
            places.note(key, no_such_top_level(key))
    lay_out_space(places)
    header = checked(places, HeaderSpec, _header(places), "")
    family = choose_family(places)
    dropped = drop_unused(places, family) if family else ()
    parts = {name: checked(places, model, places.value.get(name, {}), name) for name, model in NAMESPACES.items()}
    fill_defaults(parts, family)
    model = _model(places, family)
    gates = _check_all(places, parts, family, path)
    check_passwords(places)
    tuning = cast("TuningSpec | None", parts["tuning"])
    if tuning and parts["evaluation"]:
        check_objectives(places, tuning, cast("EvaluationSpec", parts["evaluation"]))
    arms = check_space(places, tuning, lambda drawn: build(drawn, path)) if tuning and tuning.space else ()
    places.raise_problems()
    # No problem was noted, so every part is there.
    found = cast("dict[str, Options]", {**parts, "header": header, "model": model})
    return replace(_assemble(places, found, gates, cast(Family, family), dropped, path), arms=arms)


def _header(places: Places) -> dict[str, Any]:
    return {key: value for key, value in places.value.items() if key in HeaderSpec.model_fields}


def _model(places: Places, family: Family | None) -> Options | None:
    if family is None:
        return None
    return checked(places, family.options, places.value["model"], "model")


def _check_all(places: Places, parts: dict[str, Any], family: Family | None, path: Path) -> dict[str, GateOptions]:
    """The checks between fields, over what is left of each namespace without its wrong values."""
    data, features, evaluation, governance = (parts[n] for n in ("data", "features", "evaluation", "governance"))
    gates = check_gates(places, governance) if governance else {}
    check_condition(places, data)
    check_code(places, parts["code"], family, features, path.parent)
    check_task(places, parts, family)
    check_metadata(places, parts["contract"])
    check_split(places, data, evaluation)
    if data:
        check_format(places, data)
        check_keys(places, data)
    if features:
        check_features(places, features)
        check_columns(places, features)
        check_target_means(places, data, features)
    if evaluation:
        check_metrics(places, evaluation, gates)
        check_limits(places, evaluation, gates)
        check_baseline(places, evaluation)
    return gates


def _assemble(
    places: Places,
    parts: dict[str, Any],
    gates: dict[str, GateOptions],
    family: Family,
    dropped: tuple[str, ...],
    path: Path,
) -> TemplateSpec:
    header: HeaderSpec = parts.pop("header")
    parts["governance"] = _with_defaults(parts["governance"], gates)
    return TemplateSpec(
        path=path,
        name=header.name,
        version=header.version,
        owner=header.owner,
        metadata=header.metadata,
        **parts,
        gates=gates,
        origins={place: origin for place, origin in places.origins().items() if place.split(".")[0] != "variants"},
        resolved=_resolved(places, header, parts, family),
        dropped=dropped,
    )


def _with_defaults(governance: GovernanceSpec, gates: Mapping[str, GateOptions]) -> GovernanceSpec:
    """The namespace with the defaults of its gates filled in."""
    filled = {name: _filled(gate.model_dump(mode="json"), governance.gates[name]) for name, gate in gates.items()}
    return governance.model_copy(update={"gates": filled})


def _resolved(places: Places, header: HeaderSpec, parts: Mapping[str, Options], family: Family) -> dict[str, Any]:
    """The document with defaults filled in. What was set stands as it was written, so that nothing is rounded away."""
    resolved = header.model_dump(mode="json")
    for name in TOP_LEVEL:
        if name in parts:
            unused = set(TrainingSpec.model_fields) - family.uses if name == "training" else set[str]()
            resolved[name] = _filled(parts[name].model_dump(mode="json", exclude=unused), places.value.get(name, {}))
    return resolved


def _filled(defaults: dict[str, Any], value: Mapping[str, Any]) -> dict[str, Any]:
    filled = dict(defaults)
    for key, above in value.items():
        below = filled.get(key)
        both = isinstance(above, dict) and isinstance(below, dict)
        filled[key] = _filled(cast("dict[str, Any]", below), cast("dict[str, Any]", above)) if both else above
    return filled
