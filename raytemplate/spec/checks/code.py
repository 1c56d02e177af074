"""Own code that a template names: the modules are there, and what is named is in one of them. Nothing is imported."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from raytemplate.code.target import module_problem, target_problem
from raytemplate.data.options import FeaturesSpec
from raytemplate.models.options import Family
from raytemplate.spec.locate import Places
from raytemplate.spec.schema import CodeSpec


def check_code(
    places: Places, code: CodeSpec | None, family: Family | None, features: FeaturesSpec | None, folder: Path
) -> None:
    """Notes modules that are not there, and targets of the family or of features that none of them defines.

    Args:
        folder: the template's.
    """
    modules = code.modules if code else ()
    for item, module in enumerate(modules):
        if problem := module_problem(module, folder):
            places.note("code.modules", problem, item=item)
    if not places.clean("code"):
        return
    own = features.own if features else None
    if own and (problem := target_problem(own.build, modules, folder)):
        places.note("features.own.build", problem)
    if family is None:
        return
    model = cast("dict[str, Any]", places.value["model"])
    for name in family.targets:
        if isinstance(model.get(name), str) and (problem := target_problem(model[name], modules, folder)):
            places.note(f"model.{name}", problem)
