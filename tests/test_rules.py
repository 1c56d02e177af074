"""Rules for the whole package: what stays unloaded, which exit codes there are, what is shipped."""

import ast
import io
import re
import subprocess
import sys
import tokenize
from datetime import UTC, datetime
from pathlib import Path

import pytest

from raytemplate import errors
from raytemplate.document import parse
from raytemplate.errors import RaytemplateError
from raytemplate.ledger.bodies import Grounds
from raytemplate.ledger.head import Ledger
from raytemplate.records.judged import Actor
from raytemplate.spec.parents import shipped, shipped_folder
from raytemplate.store.workspace import Workspace

HEAVY = {"ray", "torch", "pytorch_lightning", "mlflow", "lightgbm", "xgboost", "scipy"}
ARRAYS = {"numpy", "pandas", "pyarrow"}
LOADED = """
import sys
from raytemplate.cli.main import _run
print("loaded:", _run(sys.argv[1:]), *sorted({name.partition(".")[0] for name in sys.modules}))
"""

EXIT_CODES = {
    "RaytemplateError": 1,
    "Bug": 1,
    "UsageError": 2,
    "WorkedOn": 2,
    "DataError": 2,
    "FieldError": 2,
    "SpecError": 2,
    "PlanError": 3,
    "BudgetSpent": 4,
    "Refused": 5,
    "WaitingForPromoter": 5,
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


def test_plan_and_profile_load_no_engine(demo: Path) -> None:
    asked = ("flights-air-time.yaml", "--as-of", "2013-03-01")
    assert not loaded_by(demo, "plan", *asked) & (HEAVY | {"pandas"})
    assert not loaded_by(demo, "profile", *asked) & HEAVY


def test_a_look_at_models_loads_no_cryptography(tmp_path: Path) -> None:
    ledger = Ledger(Workspace(tmp_path).governance_db)
    ledger.path.parent.mkdir()
    grounds = Grounds(plan="p", snapshot="s", evaluation_sha256="e")
    ledger.promote("flights", "d", "run-d", datetime(2013, 6, 1, tzinfo=UTC), 0, Actor(name="ann"), grounds)
    for command in (("models",), ("show", "flights")):
        assert "cryptography" not in loaded_by(tmp_path, *command)


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
    """In a checkout and in a wheel alike. That each template loads is tested with the spec."""
    assert shipped(name).parent == shipped_folder()
    assert parse(shipped(name).read_bytes(), name).value["name"] == name


def test_the_ledger_of_a_workspace_is_opened_in_one_place() -> None:
    """Anywhere else, a lost ledger would be replaced by a new one, which `open_ledger` never does."""
    package = Path(errors.__file__).parent
    makes = {path for path in package.rglob("*.py") if re.search(r"\bLedger\(", path.read_text())}
    assert {str(path.relative_to(package)) for path in makes} == {"ledger/opening.py"}


BROAD = re.compile(r"\b(Base)?Exception\b|\bexcept\s*:")  # parsing every file would take seconds
NO_REASON = re.compile(r"(noqa|pyright|type)\s*:\s*\S+(\s+|$)")


def unexplained(source: str) -> list[int]:
    """Lines that catch all exceptions without a reason in a comment on the same line or alone on the next."""
    lines = broad_lines(ast.parse(source)) if BROAD.search(source) else []
    if not lines:
        return []
    comments: dict[int, str] = {}
    alone: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            comments[token.start[0]] = NO_REASON.sub("", token.string.strip("# "))
            alone |= {token.start[0]} if token.line.lstrip().startswith("#") else set()
    return [line for line in lines if not comments.get(line) and not (line + 1 in alone and comments[line + 1])]


def broad_lines(tree: ast.AST) -> list[int]:
    found: list[int] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            caught = [node.type] if node.type else []
            broad = node.type is None
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "suppress":
            caught, broad = node.args, False
        else:
            continue
        names = {ast.unparse(part) for one in caught for part in ast.walk(one) if isinstance(part, ast.Name)}
        if broad or names & {"Exception", "BaseException"}:
            found.append(node.lineno)
    return found


def test_what_catches_everything_says_why() -> None:
    """Without a reason, the expected errors must be named, so that a bug cannot be mistaken for them."""
    package = Path(errors.__file__).parent
    assert {
        str(path.relative_to(package)): lines
        for path in package.rglob("*.py")
        if (lines := unexplained(path.read_text()))
    } == {}


@pytest.mark.parametrize(
    ("caught", "is_told"),
    [
        ("except Exception:", False),
        ("except:", False),
        ("except (KeyError, BaseException) as error:", False),
        ("except Exception:  # noqa: BLE001", False),
        ("except Exception:  # noqa: BLE001  a plug-in may raise anything", True),
        ("except Exception:  # a plug-in may raise anything", True),
        ("except Exception:\n    # a plug-in may raise anything", True),
        ("except KeyError:", True),
    ],
)
def test_the_rule_for_what_catches_everything(caught: str, is_told: bool) -> None:
    assert (unexplained(f"try:\n    a()\n{caught}\n    b()  # what b does is no reason\n") == []) is is_told


@pytest.mark.parametrize(("comment", "is_told"), [("", False), ("  # nobody can be told any more", True)])
def test_the_rule_for_what_suppresses_everything(comment: str, is_told: bool) -> None:
    assert (unexplained(f"with open(x), contextlib.suppress(Exception):{comment}\n    a()\n") == []) is is_told


PRIVATE_FOLDER = Path("engines/ray/private")
PRIVATE_NAME = re.compile(r"ray(\.\w+)*[.:]_[a-z]\w*.*", re.IGNORECASE)
USES_RAY = re.compile(r"(import|from) ray\b|\"ray\.\w+\.")


def private_names_of_others(source: str) -> list[int]:
    """Lines that use a private part of Ray: a module, a string with its path, or an attribute with an underscore."""
    found: list[int] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            above = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            is_private = any(PRIVATE_NAME.fullmatch(above + alias.name) for alias in node.names)
        elif isinstance(node, ast.Constant):
            is_private = isinstance(node.value, str) and PRIVATE_NAME.fullmatch(node.value) is not None
        elif isinstance(node, ast.Attribute):
            of_itself = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            is_private = re.match("_[a-z]", node.attr) is not None and not of_itself
            is_private = is_private and ast.unparse(node) != "os._exit"
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "hasattr", "setattr"):
            name = node.args[1]
            is_private = isinstance(name, ast.Constant) and re.match("_[a-z]", str(name.value)) is not None
        else:
            continue
        if is_private:
            found.append(node.lineno)
    return found


def test_private_parts_of_ray_are_used_in_one_folder_only() -> None:
    """The off switch would not apply to any other use (`engines.ray.private.switch`)."""
    package = Path(errors.__file__).parent
    paths = [path.relative_to(package) for path in package.rglob("*.py") if USES_RAY.search(path.read_text())]
    assert len(paths) > 20
    elsewhere = [path for path in paths if not path.is_relative_to(PRIVATE_FOLDER)]
    assert {
        str(path): lines for path in elsewhere if (lines := private_names_of_others((package / path).read_text()))
    } == {}


@pytest.mark.parametrize(
    ("line", "is_private"),
    [
        ("import ray._private.worker as worker", True),
        ("from ray.train.v2._internal.exceptions import RayTrainError", True),
        ("from ray import _raylet", True),
        ("from ray.train import UserCallback", False),
        ("x = worker._global_node", True),
        ("x = super()._do_request", True),
        ("x = self._own", False),
        ("os._exit(1)", False),
        ('x = "ray.train.v2._internal.exceptions"', True),
        ('x = "ray._private.worker:global_worker"', True),
        ('x = "ray.exceptions.RayActorError"', False),
        ('getattr(error, "_base_exc", None)', True),
        ('getattr(error, "cause", None)', False),
    ],
)
def test_the_rule_for_private_parts_of_ray(line: str, is_private: bool) -> None:
    assert bool(private_names_of_others(line)) is is_private
