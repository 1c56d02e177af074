"""Targets of a template are found, or refused with the next step, before anything is imported."""

from __future__ import annotations

import sys

import pytest
from own_project import write_package

from raytemplate.code.target import module_problem, target_problem

LISTED = ("own_net",)


@pytest.fixture
def project(tmp_path):
    write_package(tmp_path)
    return tmp_path


@pytest.mark.parametrize("target", ["own_net.model:build", "own_net.model:Net", "own_net.model:Embedded"])
def test_what_a_listed_module_binds_may_be_named_and_nothing_is_imported(project, target):
    before = set(sys.modules)
    assert target_problem(target, LISTED, project) == ""
    assert target_problem(target, ("own_net.model",), project) == ""
    assert "own_net" not in set(sys.modules) - before


@pytest.mark.parametrize(
    ("target", "listed", "words"),
    [
        ("own_net.model", LISTED, 'got "own_net.model", expected a module and a name it defines'),
        ("own_net.model:a.b", LISTED, "expected a module and a name it defines"),
        ("os:system", LISTED, "os may not be imported: it is not in code.modules"),
        ("own_network.model:build", LISTED, "own_network.model may not be imported"),
        ("own_net.model:biuld", LISTED, 'defines no "biuld"; did you mean build?'),
        ("own_net.modle:build", LISTED, 'no module "own_net.modle"'),
        ("own_nothing.model:build", ("own_nothing",), 'no module "own_nothing" in '),
    ],
    ids=["no attribute", "dotted attribute", "not listed", "a longer name", "misspelt", "no such module", "no package"],
)
def test_what_cannot_be_used_is_said(project, target, listed, words):
    assert words in target_problem(target, listed, project)


def test_a_file_with_a_syntax_error_is_named_with_its_line(project):
    (project / "own_net" / "model.py").write_text("x = 1\ndef build(:\n")
    assert "own_net/model.py:2: " in target_problem("own_net.model:build", LISTED, project)


def test_modules_are_found_above_the_template_up_to_the_root_of_the_project(tmp_path):
    write_package(tmp_path / "src")
    (tmp_path / "pyproject.toml").write_text("")
    deep = tmp_path / "configs" / "monthly"
    deep.mkdir(parents=True)
    assert module_problem("own_net", deep) == ""
    (tmp_path / "pyproject.toml").unlink()
    assert 'no module "own_net"' in module_problem("own_net", deep)


def test_an_installed_module_may_be_named(tmp_path):
    assert target_problem("pluggy:HookimplMarker", ("pluggy",), tmp_path) == ""
