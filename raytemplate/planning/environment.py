"""What numbers may depend on besides a plan: this package's own code, the packages beside it, and the machine."""

import hashlib
import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from raytemplate import plugins

# Packages of plug-ins are added to these.
_PACKAGES = ("ray", "torch", "lightgbm", "xgboost-cpu", "xgboost", "scipy", "mlflow", "pyarrow", "numpy")

IMAGE = "RAYTEMPLATE_IMAGE"
"""The environment variable that names the container image."""


@cache
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
