"""Rules of the whole package: what stays unloaded, which exit codes there are, what is shipped."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from raytemplate import errors
from raytemplate.document import parse
from raytemplate.errors import RaytemplateError
from raytemplate.spec.parents import shipped, shipped_folder

HEAVY = {"ray", "torch", "pytorch_lightning", "mlflow", "lightgbm", "xgboost", "scipy"}
ARRAYS = {"numpy", "pandas", "pyarrow"}
LOADED = """
import sys
from raytemplate.cli.main import cli
answer = cli.main(sys.argv[1:], prog_name="raytemplate", standalone_mode=False)
print("loaded:", getattr(answer, "code", answer), *sorted({name.partition(".")[0] for name in sys.modules}))
"""

EXIT_CODES = {
    "RaytemplateError": 1,
    "Bug": 1,
    "UsageError": 2,
    "DataError": 2,
    "SpecError": 2,
    "PlanError": 3,
    "BudgetSpent": 4,
    "ChampionMoved": 6,
    "IntegrityError": 7,
    "Forbidden": 7,
    "Unavailable": 8,
    "EngineError": 8,
    "OutOfMemory": 8,
    "OwnCodeFailed": 9,
    "PromiseBroken": 9,
    "TrainingFailed": 9,
    "Diverged": 9,
    "Interrupted": 130,
}


def loaded_by(folder: Path, *arguments: str) -> set[str]:
    command = [sys.executable, "-c", LOADED, *arguments]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    _, code, *modules = ended.stdout.splitlines()[-1].split()
    assert code == "0"
    return set(modules)


def test_help_loads_click_and_nothing_heavy(tmp_path: Path) -> None:
    assert not loaded_by(tmp_path, "--help") & (HEAVY | ARRAYS | {"pydantic", "rich", "sqlglot"})


def test_check_loads_no_array_library_but_the_one_that_reads_columns(demo: Path) -> None:
    assert not loaded_by(demo, "check", "flights-air-time.yaml", "--no-data") & (HEAVY | ARRAYS | {"rich", "sqlglot"})
    assert not loaded_by(demo, "check", "flights-air-time.yaml") & (HEAVY | {"pandas", "rich", "sqlglot"})


def test_plan_loads_no_engine(demo: Path) -> None:
    assert not loaded_by(demo, "plan", "flights-air-time.yaml", "--as-of", "2013-03-01") & HEAVY


def test_exit_codes_are_the_documented_ones() -> None:
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, RaytemplateError)}
    assert {kind.__name__: kind.exit_code for kind in kinds} == EXIT_CODES
    assert (errors.EXIT_DONE, errors.EXIT_NOT_PROMOTED) == (0, 5)
    assert (errors.EXIT_INTERRUPTED, errors.EXIT_TERMINATED) == (130, 143)
    assert (errors.Interrupted().code, errors.Interrupted(terminated=True).code) == (130, 143)


@pytest.mark.parametrize(
    "name", ["flights-air-time", "flights-late", "tabular-binary", "tabular-multiclass", "tabular-regression"]
)
def test_shipped_template_is_found_and_parses(name: str) -> None:
    """In a checkout and in a wheel alike; that each one loads is tested with the spec."""
    assert shipped(name).parent == shipped_folder()
    assert parse(shipped(name).read_bytes(), name).value["name"] == name


def test_the_ledger_of_a_workspace_is_opened_in_one_place() -> None:
    """Elsewhere a ledger that was lost would be begun anew, as `open_ledger` never does."""
    package = Path(errors.__file__).parent
    makes = {path for path in package.rglob("*.py") if re.search(r"\bLedger\(", path.read_text())}
    assert {str(path.relative_to(package)) for path in makes} == {"ledger/opening.py"}
