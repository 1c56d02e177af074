"""Checks of the user's own code: the modules exist, and one of them defines each named target. Imports nothing."""

from pathlib import Path
from typing import Any, cast

from raytemplate.code.target import module_problem, target_problem
from raytemplate.data.options import FeaturesSpec
from raytemplate.models.options import Family
from raytemplate.spec.locate import Locations
from raytemplate.spec.schema import CodeSpec


def check_code(
    locations: Locations, code: CodeSpec | None, family: Family | None, features: FeaturesSpec | None, folder: Path
) -> None:
    """Notes modules that do not exist, and targets of the family or of features that no module defines.

    Args:
        folder: the template's folder.
    """
    modules = code.modules if code else ()
    for item, module in enumerate(modules):
        if problem := module_problem(module, folder):
            locations.note("code.modules", problem, item=item)
    if not locations.clean("code"):
        return
    own = features.own if features else None
    if own and (problem := target_problem(own.build, modules, folder)):
        locations.note("features.own.build", problem)
    if family is None:
        return
    model = cast("dict[str, Any]", locations.value["model"])
    for name in family.targets:
        if isinstance(model.get(name), str) and (problem := target_problem(model[name], modules, folder)):
            locations.note(f"model.{name}", problem)
