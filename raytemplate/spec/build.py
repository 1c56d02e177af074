"""Merged layers -> `TemplateSpec`: validates every namespace, notes every problem, then raises one error with all."""

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
    check_rules,
    check_split,
    check_target_means,
)
from raytemplate.spec.checks.code import check_code
from raytemplate.spec.checks.family import choose_family, drop_unused
from raytemplate.spec.checks.masking import check_mask
from raytemplate.spec.checks.objectives import check_objectives
from raytemplate.spec.checks.passwords import check_passwords
from raytemplate.spec.checks.plugged import (
    check_accepted,
    check_columns,
    check_format,
    check_gates,
    check_limits,
    check_metrics,
    checked,
)
from raytemplate.spec.checks.sources import check_sql
from raytemplate.spec.checks.space import check_space, lay_out_space
from raytemplate.spec.checks.task import check_task, fill_defaults
from raytemplate.spec.locate import Locations
from raytemplate.spec.names import TOP_LEVEL, no_such_top_level
from raytemplate.spec.schema import NAMESPACES, HeaderSpec, TemplateSpec
from raytemplate.tuning.options import TuningSpec


def build(locations: Locations, path: Path) -> TemplateSpec:
    """The spec that the merged document describes.

    Raises:
        SpecError: all problems, including those noted before.
    """
    for key in locations.value:
        if key not in TOP_LEVEL:
            locations.note(key, no_such_top_level(key))
    lay_out_space(locations)
    header = checked(locations, HeaderSpec, _header(locations), "")
    family = choose_family(locations)
    dropped = drop_unused(locations, family) if family else ()
    parts = {name: checked(locations, model, locations.value.get(name, {}), name) for name, model in NAMESPACES.items()}
    fill_defaults(parts, family)
    model = _model(locations, family)
    gates = _check_all(locations, parts, family, path)
    check_passwords(locations)
    tuning = cast("TuningSpec | None", parts["tuning"])
    if tuning and parts["evaluation"]:
        check_objectives(locations, tuning, cast("EvaluationSpec", parts["evaluation"]))
    arms = check_space(locations, tuning, lambda drawn: build(drawn, path)) if tuning and tuning.space else ()
    locations.raise_problems()
    # No problem was noted, so every part is there.
    found = cast("dict[str, Options]", {**parts, "header": header, "model": model})
    return replace(_assemble(locations, found, gates, cast(Family, family), dropped, path), arms=arms)


def _header(locations: Locations) -> dict[str, Any]:
    return {key: value for key, value in locations.value.items() if key in HeaderSpec.model_fields}


def _model(locations: Locations, family: Family | None) -> Options | None:
    if family is None:
        return None
    return checked(locations, family.options, locations.value["model"], "model")


def _check_all(
    locations: Locations, parts: dict[str, Any], family: Family | None, path: Path
) -> dict[str, GateOptions]:
    """The checks between fields, over each namespace without its wrong values. Returns the valid gates."""
    data, features, evaluation, governance = (parts[n] for n in ("data", "features", "evaluation", "governance"))
    gates = check_gates(locations, governance) if governance else {}
    check_condition(locations, data)
    check_code(locations, parts["code"], family, features, path.parent)
    check_task(locations, parts, family)
    check_metadata(locations, parts["contract"])
    check_rules(locations, parts["contract"], data)
    check_split(locations, data, evaluation)
    if data:
        check_format(locations, data)
        check_sql(locations, data)
        check_keys(locations, data)
        check_mask(locations, data)
    if features:
        check_features(locations, features)
        check_columns(locations, features)
        check_accepted(locations, features, gates)
        check_target_means(locations, data, features)
    if evaluation:
        check_metrics(locations, evaluation, gates)
        check_limits(locations, evaluation, gates)
        check_baseline(locations, evaluation)
    return gates


def _assemble(
    locations: Locations,
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
        origins={
            location: origin for location, origin in locations.origins().items() if location.split(".")[0] != "variants"
        },
        resolved=_resolved(locations, header, parts, family),
        dropped=dropped,
        removed_outside=locations.removed_outside(),
    )


def _with_defaults(governance: GovernanceSpec, gates: Mapping[str, GateOptions]) -> GovernanceSpec:
    """The namespace with the defaults of its gates filled in."""
    filled = {name: _filled(gate.model_dump(mode="json"), governance.gates[name]) for name, gate in gates.items()}
    return governance.model_copy(update={"gates": filled})


def _resolved(locations: Locations, header: HeaderSpec, parts: Mapping[str, Options], family: Family) -> dict[str, Any]:
    """The document with defaults filled in. Values that were set stay as written, so that none is rounded."""
    resolved = header.model_dump(mode="json")
    for name in TOP_LEVEL:
        if name in parts:
            unused = set(TrainingSpec.model_fields) - family.uses if name == "training" else set[str]()
            resolved[name] = _filled(parts[name].model_dump(mode="json", exclude=unused), locations.value.get(name, {}))
    return resolved


def _filled(defaults: dict[str, Any], value: Mapping[str, Any]) -> dict[str, Any]:
    filled = dict(defaults)
    for key, above in value.items():
        below = filled.get(key)
        both = isinstance(above, dict) and isinstance(below, dict)
        filled[key] = _filled(cast("dict[str, Any]", below), cast("dict[str, Any]", above)) if both else above
    return filled
