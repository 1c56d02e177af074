"""A template is data: nothing in it names code that is not listed, or a location of another kind than data has."""

import sys
from pathlib import Path

import pytest

from raytemplate.code.target import target_problem
from raytemplate.data.sources.locations import find_files, open_file
from raytemplate.errors import DataError, SpecError
from raytemplate.spec.load import load

GADGETS = (
    "os:system", "builtins:eval", "builtins:exec", "subprocess:Popen", "pdb:Pdb._getval", "pydoc:pipepager",
    "importlib:import_module", "code:interact", "runpy:run_path", "posix:system", "timeit:timeit", "pickle:loads",
    "torch:load", "torch.hub:load", "shutil:rmtree", "ctypes:CDLL", "own_net.os:system", "own_net..os:system",
    "../own_net:build", "own_net:__builtins__", "own_net/../os:system", "own_net\x00os:system", "_own_net:x",
)  # fmt: skip
"""Among them what blocklists of other tools have let through, such as Hydra (its issues 3074, 3259 and 3412)."""
ELSEWHERE = (
    "file:///etc/passwd", "http://169.254.169.254/latest/meta-data", "https://h/a.csv", "ftp://h/a.csv", "FILE:///etc/passwd",
    "s3://me:secret@bucket/a.csv", "mlflow-artifacts:/x.csv#../../etc", "gopher://h/1", "jar:file://a", "dbfs://x",
)  # fmt: skip


@pytest.mark.parametrize("target", GADGETS, ids=ascii)
def test_code_that_is_not_listed_is_refused_and_not_imported(tmp_path: Path, target: str) -> None:
    (tmp_path / "own_net.py").write_text("def build(layout): ...\n")
    before = set(sys.modules)
    assert target_problem(target, ("own_net",), tmp_path)
    assert not {"own_net", "pdb", "pydoc", "code", "runpy", "timeit"} & (set(sys.modules) - before)


@pytest.mark.parametrize("field", ["model: {kind: XX}", "governance: {gates: {XX: {}}}", "evaluation: {metric: XX}"])
def test_a_plug_in_is_a_name_and_never_a_path_to_code(tmp_path: Path, field: str) -> None:
    for target in ("os:system", "os.system", "{_target_: os.system}", "${env:HOME}", "{{ 7 * 7 }}"):
        path = tmp_path / "t.yaml"
        path.write_text(f"name: t\ndata: {{source: a.csv, target: y}}\n{field.replace('XX', target)}\n")
        with pytest.raises(SpecError):
            load(path, environ={"HOME": "canary"})


@pytest.mark.parametrize("uri", ELSEWHERE)
def test_a_location_of_another_kind_is_neither_listed_nor_opened(tmp_path: Path, uri: str) -> None:
    for use in (lambda: find_files(uri, tmp_path, (".csv",)), lambda: open_file(uri)):
        with pytest.raises(DataError) as refused:
            use()
        assert "secret" not in refused.value.what
