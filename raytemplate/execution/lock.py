"""`run.lock`: what a run was made from. A template stays editable; a run never changes with it."""

import hashlib
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from raytemplate import plugins
from raytemplate.errors import IntegrityError
from raytemplate.execution.journal import LOCK, Journal
from raytemplate.planning.stages import RunPlan
from raytemplate.records import codec
from raytemplate.records.codec import Settings
from raytemplate.spec.schema import TemplateSpec

# Plug-in packages stand beside these.
_PACKAGES = ("ray", "torch", "lightgbm", "xgboost-cpu", "xgboost", "scipy", "mlflow", "pyarrow", "numpy")


@dataclass(frozen=True, kw_only=True, slots=True)
class RunLock:
    """The resolved template with the location and the reason of every value, the plan, our code's digest and the
    environment.
    """

    plan: RunPlan
    resolved: Settings
    origins: Mapping[str, str]
    code_sha256: str
    environment: Mapping[str, str]
    reasons: Mapping[str, str] = field(default_factory=dict[str, str])


def write_lock(journal: Journal, plan: RunPlan, spec: TemplateSpec | None) -> None:
    """Keep what the run is made from. `spec` is None where only a saved plan was given."""
    lock = RunLock(
        plan=plan,
        resolved=Settings(spec.resolved if spec else {}),
        origins={path: origin.where for path, origin in spec.origins.items()} if spec else {},
        reasons={path: origin.comment for path, origin in spec.origins.items() if origin.comment} if spec else {},
        code_sha256=code_digest(),
        environment=environment(),
    )
    journal.keep(LOCK, codec.dumps(lock))


def read_lock(journal: Journal) -> RunLock:
    """What a run was made from.

    Raises:
        IntegrityError: the file is missing, damaged or edited.
    """
    found = journal.load(RunLock, LOCK)
    if found is None:
        raise IntegrityError(
            f"{journal.folder / LOCK}: missing; the run cannot be gone on with", next_step="start a new run"
        )
    return found


def code_digest() -> str:
    """sha256 over the package's own Python files, by name and content."""
    folder = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def environment() -> dict[str, str]:
    """Versions of what a run's numbers may depend on, of this process."""
    found = {"python": platform.python_version(), "machine": platform.machine(), "system": platform.system()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found | plugins.packages()
