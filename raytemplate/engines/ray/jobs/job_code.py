"""Gathers the code that is sent with a job: this raytemplate, and the Python files next to the template."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from raytemplate.errors import PlanError
from raytemplate.units import show_bytes

_PACKAGE = Path(__file__).resolve().parents[3]
_MOST_BYTES = 50_000_000
_NOT_OURS = ("__pycache__", "node_modules", "site-packages", _PACKAGE.name)


def gather_code(template_folder: Path, target: Path) -> None:
    """Copy to `target` what `python -m raytemplate` and a template's own modules need. Data is not copied.

    Raises:
        PlanError: more code than should be sent with a job.
    """
    own = tuple(_python_files(template_folder))
    size = sum(path.stat().st_size for path in own)
    if size > _MOST_BYTES:
        raise PlanError(
            f"{template_folder} holds {show_bytes(size)} of Python files, at most {show_bytes(_MOST_BYTES)} are sent",
            next_step="keep the template in a folder with its own modules only",
        )
    shutil.copytree(_PACKAGE, target / _PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in own:
        copy = target / path.relative_to(template_folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)


def _python_files(folder: Path) -> Iterator[Path]:
    """Python files below a folder, except in hidden folders, virtual environments and installed packages."""
    for location, folders, files in os.walk(folder):
        folders[:] = sorted(
            f
            for f in folders
            if not f.startswith(".") and f not in _NOT_OURS and not (Path(location) / f / "pyvenv.cfg").exists()
        )
        yield from (Path(location) / name for name in sorted(files) if name.endswith(".py"))
