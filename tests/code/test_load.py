"""The user's code travels: it is found, digested, copied, and loaded only from the copy."""

from __future__ import annotations

import shutil
import sys

import pytest

from raytemplate.code.files import CodeRef, code_of, digest_of, take_along
from raytemplate.code.load import blamed_on, code_in, load_attribute
from raytemplate.errors import IntegrityError, PlanError, TrainingFailed, UsageError
from raytemplate.store.content_store import ContentStore

NUMBER = "sample_code.numbers:number"


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    package = folder / "sample_code"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "one.py").write_text("ONE = 1\n")
    (package / "numbers.py").write_text("def number():\n    from sample_code.one import ONE\n    return ONE\n")
    yield folder
    for name in [name for name in sys.modules if name.startswith("sample_code")]:
        del sys.modules[name]


def copy_of(project, target):
    code = code_of(["sample_code.numbers"], project)
    take_along(code, project, target)
    assert digest_of(target) == code.sha256
    return target


def test_code_is_loaded_from_its_copy_when_the_project_is_gone(project, tmp_path):
    copy = copy_of(project, tmp_path / "code")
    shutil.rmtree(project)
    with code_in(copy):
        assert load_attribute(NUMBER)() == 1
    assert not list(copy.rglob("*.pyc"))


def test_two_versions_of_a_module_live_beside_each_other(project, tmp_path):
    first = copy_of(project, tmp_path / "1")
    (project / "sample_code" / "numbers.py").write_text(
        "from sample_code.one import ONE\n\ndef number():\n    return ONE\n"
    )
    (project / "sample_code" / "one.py").write_text("ONE = 2\n")
    second = copy_of(project, tmp_path / "2")
    with code_in(first):
        one = load_attribute(NUMBER)
        assert one() == 1
    with code_in(second):
        two = load_attribute(NUMBER)
    assert (one(), two(), one()) == (1, 2, 1)
    with code_in(first):
        assert load_attribute(NUMBER) is one


@pytest.mark.parametrize("target", ["os:system", "sample_code_2:x"])
def test_a_model_cannot_name_what_it_does_not_carry(project, tmp_path, target):
    with code_in(copy_of(project, tmp_path / "code")), pytest.raises(IntegrityError, match="does not hold"):
        load_attribute(target)
    with code_in(tmp_path / "none"), pytest.raises(IntegrityError, match="does not hold"):
        load_attribute(target)


def test_the_digest_follows_names_and_bytes_of_every_file(project):
    before = code_of(["sample_code"], project)
    (project / "sample_code" / "notes.txt").write_text("not code")
    assert code_of(["sample_code"], project) == before
    (project / "sample_code" / "one.py").write_text("ONE = 3\n")
    assert code_of(["sample_code"], project).sha256 != before.sha256
    assert code_of([], project) == CodeRef()


def test_code_that_changed_since_the_plan_is_refused(project, tmp_path):
    code = code_of(["sample_code"], project)
    (project / "sample_code" / "one.py").write_text("ONE = 3\n")
    with pytest.raises(IntegrityError, match="changed since the plan was made"):
        take_along(code, project, tmp_path / "code")


def test_a_library_with_compiled_modules_does_not_travel(project):
    with pytest.raises(PlanError, match="numpy holds compiled modules"):
        code_of(["numpy"], project)


def test_an_import_that_fails_is_told_with_its_place(project, tmp_path):
    (project / "sample_code" / "numbers.py").write_text("import json\n\nx = json.nothing\n")
    with code_in(copy_of(project, tmp_path / "code")), pytest.raises(UsageError) as failed:
        load_attribute(NUMBER)
    assert failed.value.what.startswith(f"{NUMBER} cannot be loaded: sample_code/numbers.py:3: AttributeError: ")


def test_an_error_of_own_code_is_told_with_its_place_and_another_is_not_touched(project, tmp_path):
    (project / "sample_code" / "numbers.py").write_text("def number():\n    return 1 / 0\n")
    with code_in(copy_of(project, tmp_path / "code")):
        number = load_attribute(NUMBER)
    with pytest.raises(TrainingFailed, match=r"failed: sample_code/numbers.py:2: ZeroDivisionError"), blamed_on(NUMBER):
        number()
    with pytest.raises(KeyError), blamed_on(NUMBER):
        {}["x"]


@pytest.mark.parametrize("where", ["file", "package"])
def test_a_library_is_not_the_projects_where_a_folder_has_the_name_of_its_module(tmp_path, monkeypatch, where):
    """As if a project in /x/my_loop held its environment beside my_loop.py."""
    project, library = tmp_path / "my_loop", tmp_path / "my_loop" / ".venv" / "lib" / "site-packages"
    library.mkdir(parents=True)
    (library / "a_library.py").write_text("def fail():\n    raise KeyError('theirs')\n\ndef call(what): what()\n")
    name = {"file": "my_loop.py", "package": "my_loop/__init__.py"}[where]
    (project / name).parent.mkdir(exist_ok=True)
    (project / name).write_text("import a_library\n\ndef own():\n    a_library.fail()\n")
    monkeypatch.syspath_prepend(library)
    monkeypatch.syspath_prepend(project)
    target = "my_loop:own"
    try:
        own = load_attribute(target)
        import a_library  # pyright: ignore[reportMissingImports]

        with pytest.raises(KeyError, match="theirs"), blamed_on(target):
            a_library.fail()
        with pytest.raises(TrainingFailed) as failed, blamed_on(target):
            a_library.call(own)
    finally:
        for module in ("my_loop", "a_library"):
            sys.modules.pop(module, None)
    assert failed.value.what == f"{target} failed: {name}:4: KeyError: 'theirs'"


def test_modules_are_found_when_the_copy_that_their_package_came_from_is_gone(project, tmp_path):
    first, second = copy_of(project, tmp_path / "first"), copy_of(project, tmp_path / "second")
    with code_in(first):
        load_attribute("sample_code.one:ONE")
    shutil.rmtree(first)
    with code_in(second):
        assert load_attribute(NUMBER)() == 1


def test_a_private_copy_that_modules_came_from_lasts_as_long_as_they_may_import_others(project, tmp_path):
    store = ContentStore(tmp_path / "models")
    copy_of(project, tmp_path / "model" / "code")
    digest = store.put(tmp_path / "model").digest
    with store.private(digest) as unused:
        pass
    with store.private(digest) as copy, code_in(copy / "code"):
        number = load_attribute(NUMBER)
    assert (number(), copy.exists(), unused.exists()) == (1, True, False)
