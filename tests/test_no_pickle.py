"""Nothing of ours unpickles what somebody else may have written, or runs text as code."""

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "raytemplate"
MODULES = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "skops", "_pickle"}
CALLS = {"eval", "exec", "compile", "__import__"}
METHODS = {"read_pickle", "unsafe_load", "full_load", "load_model", "load_from_checkpoint"}
ALLOWED = {
    "engines/ray/trials/asking.py: cloudpickle",  # the error of a trial, which Ray Tune has written on this machine
    "engines/ray/data/kept.py: load",  # of NumPy, which unpickles nothing unless told to
    "models/xgboost/predict.py: load_model",  # of XGBoost's own format
    "testing/source_suite.py: pickle",  # what a plan sends to a worker, made in the test
    "testing/table_source_suite.py: pickle",
}


def found_in(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names if name.name.partition(".")[0] in MODULES)
            case ast.ImportFrom(module=str(module), names=names):
                yield from ({module.partition(".")[0], *(name.name for name in names)} & MODULES)
            case ast.Call(func=ast.Name(id=name)) if name in CALLS:
                yield name
            case ast.Call(func=ast.Attribute(attr=name)) if name in METHODS:
                yield name
            case ast.Call(func=ast.Attribute(value=ast.Name(id="torch" | "np" | "numpy"), attr="load")):
                yield "load"
            case ast.keyword(arg="allow_pickle" | "trust_remote_code" | "weights_only" as name):
                yield name


def test_no_file_of_ours_unpickles_or_runs_text() -> None:
    there = {f"{path.relative_to(PACKAGE)}: {what}" for path in PACKAGE.rglob("*.py") for what in found_in(path)}
    assert there == ALLOWED
