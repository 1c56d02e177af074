"""The door `doctor`: whether what a run needs is installed and works on this machine. Nothing is left behind."""

import importlib.util
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from raytemplate import plugins
from raytemplate.api.workspaces import workspace_at
from raytemplate.errors import RaytemplateError
from raytemplate.history.in_mlflow import ask_all
from raytemplate.ledger.opening import open_ledger
from raytemplate.models.installed import install_step, missing_packages
from raytemplate.models.options import Family
from raytemplate.planning.look import this_machine
from raytemplate.records.looked import Finding
from raytemplate.store.workspace import Workspace
from raytemplate.units import show_bytes

_LEAST_DISK_BYTES = 2_000_000_000
"""Free disk below which runs soon fail: Ray's session and MLflow's database alone take hundreds of megabytes."""
_LEAST_SHARED_BYTES = 500_000_000
"""Shared memory below which Ray puts its object store on disk, which is slow."""
_STORE_BYTES = 100_000_000
_SHARED_MEMORY = Path("/dev/shm")


def doctor(*, workspace: str | None = None, start_ray: bool = True) -> tuple[Finding, ...]:
    """Look at the packages, the model families, the sources, the machine, Ray and the workspace.

    Args:
        start_ray: start a Ray of one CPU and end it, which takes some seconds.
    """
    found_in = workspace_at(workspace)
    ray = _ray() if start_ray else ()
    extras = (*_extras("sources", _OF_SOURCES), *_extras("exports", _OF_EXPORTS))
    return (*_packages(), *_families(), *extras, *_machine(found_in), *ray, *_workspace(found_in))


def _packages() -> Iterator[Finding]:
    said = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    yield Finding(part="packages", name="python", state="good", found=said)
    for text in metadata.requires("raytemplate") or ():
        wanted = Requirement(text)
        if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
            yield _package(wanted)
    if importlib.util.find_spec("torchvision"):
        step = "pip uninstall torchvision"
        said = "beside a CPU build of torch it breaks torchmetrics and transformers"
        yield Finding(part="packages", name="torchvision", state="bad", found=said, next_step=step)


def _package(wanted: Requirement) -> Finding:
    step = f"pip install '{wanted.name}{wanted.specifier}'"
    try:
        version = metadata.version(wanted.name)
    except metadata.PackageNotFoundError:
        return Finding(part="packages", name=wanted.name, state="bad", found="not installed", next_step=step)
    if wanted.specifier.contains(version, prereleases=True):
        return Finding(part="packages", name=wanted.name, state="good", found=version)
    said = f"{version}, expected {wanted.specifier}"
    return Finding(part="packages", name=wanted.name, state="bad", found=said, next_step=step)


def _families() -> Iterator[Finding]:
    for name in plugins.names(plugins.FAMILIES):
        try:
            family: Family = plugins.load(plugins.FAMILIES, name)
        except RaytemplateError as error:
            yield Finding(part="families", name=name, state="bad", found=error.what, next_step=error.next_step)
            continue
        if missing := missing_packages(family):
            said = f"{' and '.join(missing)} not installed"
            yield Finding(part="families", name=name, state="absent", found=said, next_step=install_step(family))
        else:
            yield Finding(part="families", name=name, state="good", found="ready")


_OF_SOURCES = {"delta": ("lake", ("deltalake",)), "sql": ("sql", ("sqlalchemy", "adbc_driver_postgresql"))}
"""Source -> the extra that brings what it needs, and the modules."""
_OF_EXPORTS = {"openlineage": ("lineage", ("openlineage",))}
"""Export -> the same."""


def _extras(part: str, of: Mapping[str, tuple[str, tuple[str, ...]]]) -> Iterator[Finding]:
    for name, (extra, modules) in of.items():
        missing = [module for module in modules if importlib.util.find_spec(module) is None]
        if missing:
            said, step = f"{' and '.join(missing)} not installed", f"pip install 'raytemplate[{extra}]'"
            yield Finding(part=part, name=name, state="absent", found=said, next_step=step)
        else:
            yield Finding(part=part, name=name, state="good", found="ready")


def _machine(workspace: Workspace) -> Iterator[Finding]:
    node = this_machine()
    gpus = f"{node.gpus:g} GPUs {node.accelerator}".rstrip() if node.gpus else "no GPU"
    said = f"{node.cpus:g} CPUs, {show_bytes(node.memory_bytes)} of memory, {gpus}"
    yield Finding(part="machine", name="this one", state="good", found=said)
    for name, folder in (("disk of the workspace", workspace.folder), ("disk of Ray", Path(tempfile.gettempdir()))):
        step = "free some disk, or choose a workspace on another one: --workspace DIR"
        yield _room(name, folder, _LEAST_DISK_BYTES, step)
    if _SHARED_MEMORY.is_dir():
        step = "in a container: --shm-size=2g"
        yield _room("shared memory", _SHARED_MEMORY, _LEAST_SHARED_BYTES, step)
    now = datetime.now(UTC)
    said = f"{now:%Y-%m-%d %H:%M} UTC, --as-of now is {now:%Y-%m-%d}"
    yield Finding(part="machine", name="clock", state="good", found=said)


def _room(name: str, folder: Path, least_bytes: int, step: str) -> Finding:
    there = next(path for path in (folder, *folder.parents) if path.is_dir())
    free = shutil.disk_usage(there).free
    said = f"{show_bytes(free)} free in {there}"
    if free >= least_bytes:
        return Finding(part="machine", name=name, state="good", found=said)
    said = f"{said}, expected at least {show_bytes(least_bytes)}"
    return Finding(part="machine", name=name, state="bad", found=said, next_step=step)


def _ray() -> Iterator[Finding]:
    from raytemplate.engines.ray.clusters.cluster import LocalRay

    began = time.monotonic()
    try:
        with LocalRay(num_cpus=1, object_store_bytes=_STORE_BYTES) as ray:
            ray.wait()
            took = time.monotonic() - began
    except RaytemplateError as error:
        yield Finding(part="Ray", name="start", state="bad", found=error.what, next_step=error.next_step)
    else:
        yield Finding(part="Ray", name="start", state="good", found=f"starts here in {took:.1f} s")
    if address := os.environ.get("RAY_ADDRESS"):
        said = f"RAY_ADDRESS is {address}; runs use it only with --address auto"
        yield Finding(part="Ray", name="address", state="good", found=said)


def _workspace(workspace: Workspace) -> Iterator[Finding]:
    if not workspace.root.is_dir():
        said = f"none at {workspace.folder} yet; the first run makes it"
        yield Finding(part="workspace", name="folder", state="absent", found=said)
        return
    writable = os.access(workspace.root, os.W_OK)
    said = f"{workspace.root}, {'can' if writable else 'cannot'} be written"
    yield Finding(part="workspace", name="folder", state="good" if writable else "bad", found=said)
    yield from _ledger(workspace)


def _ledger(workspace: Workspace) -> Iterator[Finding]:
    differs: tuple[str, ...] = ()
    try:
        ledger = open_ledger(workspace)
        faults = ledger.faults()
        if not faults:
            differs = ask_all(ledger, workspace)
    except RaytemplateError as error:
        faults = (error.what,)
    said = f"{len(faults)} faults" if faults else "no event was changed or lost"
    step = "raytemplate ledger verify" if faults else ""
    yield Finding(part="workspace", name="ledger", state="bad" if faults else "good", found=said, next_step=step)
    if differs:
        more = f"; {len(differs) - 1} more" if len(differs) > 1 else ""
        yield Finding(
            part="workspace",
            name="MLflow's copy",
            state="bad",
            found=f"{''.join(differs[:1])}{more}",
            next_step="raytemplate ledger repair",
        )
