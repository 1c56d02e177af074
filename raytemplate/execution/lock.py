"""`run.lock`: what a run was made from. A template stays editable; editing it never changes a run."""

import hashlib
import os
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

# Packages of plug-ins are added to these.
_PACKAGES = ("ray", "torch", "lightgbm", "xgboost-cpu", "xgboost", "scipy", "mlflow", "pyarrow", "numpy")

IMAGE = "RAYTEMPLATE_IMAGE"
"""The environment variable that names the container image."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunLock:
    """What a run was made from, complete enough to make it again."""

    plan: RunPlan
    """The plan that is executed."""
    resolved: Settings
    """The template with every layer merged; empty if the run starts from a saved plan."""
    origins: Mapping[str, str]
    """Path of a template value -> the file and line, or the layer, that set it."""
    code_sha256: str
    """Digest of this package's own code."""
    environment: Mapping[str, str]
    """Versions of Python, the machine and the packages that numbers may depend on."""
    reasons: Mapping[str, str] = field(default_factory=dict[str, str])
    """Path of a template value -> the comment beside it."""
    raytemplate: str = ""
    """Version of this package; "" in records of earlier versions."""
    cpu: str = ""
    """Model of the CPU where the run was planned, as the system names it; "" in records of earlier versions."""
    image: str = ""
    """The container image of the process that made the run, as RAYTEMPLATE_IMAGE told it; "" if it did not."""


def write_lock(journal: Journal, plan: RunPlan, spec: TemplateSpec | None) -> None:
    """Keep what the run is made from. `spec` is None if only a saved plan was given."""
    lock = RunLock(
        plan=plan,
        resolved=Settings(spec.resolved if spec else {}),
        origins={path: origin.where for path, origin in spec.origins.items()} if spec else {},
        reasons={path: origin.comment for path, origin in spec.origins.items() if origin.comment} if spec else {},
        code_sha256=code_digest(),
        environment=environment(),
        raytemplate=own_version(),
        cpu=cpu_model(),
        image=image_here(),
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
            f"{journal.folder / LOCK}: missing; the run cannot be resumed", next_step="start a new run"
        )
    return found


def code_digest() -> str:
    """sha256 over the names and contents of the package's own Python files."""
    folder = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def environment() -> dict[str, str]:
    """Versions of everything in this process that a run's numbers may depend on."""
    found = {"python": platform.python_version(), "machine": platform.machine(), "system": platform.system()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found | plugins.packages()


def own_version() -> str:
    """The version of this package; "" if it is not installed but only on the path."""
    try:
        return version("raytemplate")
    except PackageNotFoundError:
        return ""


def image_here() -> str:
    """The container image of this process, such as "registry/team/train@sha256:...", as the people who started it tell;
    "" if they do not. Neither Kubernetes' downward API nor KubeRay offers the image of a pod."""
    return os.environ.get(IMAGE, "").strip()


def cpu_model() -> str:
    """The model of this machine's CPU, on which the last bits of a sum may depend; "" if the system does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
