"""Every family says what it imports beyond our own dependencies, so that `doctor` and `plan` know what is missing."""

import ast
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import raytemplate
from raytemplate import plugins

ROOT = Path(raytemplate.__file__).parent


def imported(folder: Path) -> set[str]:
    """Names of the top-level packages that the modules of a folder import."""
    names = set[str]()
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.partition(".")[0])
    return names - set(sys.stdlib_module_names) - {"raytemplate"}


def always_installed() -> set[str]:
    project = tomllib.loads((ROOT.parent / "pyproject.toml").read_text())["project"]
    return {Requirement(one).name.replace("-", "_") for one in project["dependencies"]}


@pytest.mark.parametrize("name", plugins.names(plugins.FAMILIES))
def test_a_family_declares_the_packages_that_it_imports(name: str):
    family = plugins.load(plugins.FAMILIES, name)
    folder = ROOT / family.loop.partition(":")[0].removeprefix("raytemplate.").replace(".", "/")
    assert imported(folder.parent) - always_installed() == set(family.packages)
    assert bool(family.packages) == bool(family.extra)
