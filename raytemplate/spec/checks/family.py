"""The model family a template chooses, and the fields it does not use: an error if the user set them, else dropped."""

from typing import Any, cast

from raytemplate import plugins
from raytemplate.models.options import Family, TrainingSpec
from raytemplate.spec.layers import Level
from raytemplate.spec.locate import Locations
from raytemplate.spec.synonyms import nearest_family
from raytemplate.spec.wording import show_value


def choose_family(locations: Locations) -> Family | None:
    """The family that `model.kind` names; None, with a problem noted, if it names none."""
    model = locations.value.get("model", {})
    if not isinstance(model, dict):
        locations.note("model", f"got {show_value(model)}, expected a mapping such as {{kind: tabular-mlp}}")
        return None
    kind = cast("dict[str, Any]", model).get("kind")
    if not isinstance(kind, str):
        found = "missing;" if kind is None else f"got {show_value(kind)},"
        families = " or ".join(plugins.names(plugins.FAMILIES))
        locations.note("model.kind", f"{found} expected a model family: {families}", missing=kind is None)
        return None
    if not plugins.is_known(plugins.FAMILIES, kind) and (nearest := nearest_family(kind)):
        more = "others come with packages that offer them (docs/plug-ins.md)"
        locations.note("model.kind", f'no such family: "{kind}"; the nearest is {nearest}; {more}')
        return None
    try:
        return cast(Family, plugins.load(plugins.FAMILIES, kind))
    except plugins.PluginError as error:
        locations.note("model.kind", str(error))
        return None


def drop_unused(locations: Locations, family: Family) -> tuple[str, ...]:
    """Removes fields that `family` does not use and that a lower layer set for another family.

    If the layer that chose the family, or one above it, set such a field, that is a problem. A parent may always set
    more than a family uses, because it serves templates of several families.

    Returns:
        the dotted paths removed, sorted.
    """
    unused = [f"training.{name}" for name in TrainingSpec.model_fields if name not in family.uses]
    unused += [f"model.{name}" for name in _foreign_fields(locations, family)]
    chosen_by = locations.owner("model.kind").level
    dropped: list[str] = []
    for path in unused:
        if path not in locations.owners:
            continue
        owner = locations.owner(path)
        if not owner.inherited and owner.level != Level.PARENT and owner.level >= chosen_by:
            locations.note(path, f"not used by {family.name}; remove it")
        else:
            dropped.append(path)
        locations.remove(path)
    return tuple(sorted(dropped))


def _foreign_fields(locations: Locations, family: Family) -> list[str]:
    """Keys under `model` that another family has and this one does not."""
    model = cast("dict[str, Any]", locations.value["model"])
    unknown = [name for name in model if name not in family.options.model_fields]
    return [name for name in unknown if name in _fields_of_any()] if unknown else []


def _fields_of_any() -> frozenset[str]:
    """Every field of every family. Imports them all, so it is called only for a name the chosen family lacks."""
    families = cast("dict[str, Family]", plugins.every(plugins.FAMILIES)).values()
    return frozenset(name for family in families for name in family.options.model_fields)
