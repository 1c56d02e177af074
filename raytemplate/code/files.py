"""Files of the user's own modules: found beside the template or installed, digested, copied. Imports none of them."""

import hashlib
import importlib.util
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from raytemplate.errors import IntegrityError, PlanError
from raytemplate.units import show_bytes

_ROOT_MARKS = ("pyproject.toml", "setup.py", ".git")
_COMPILED = (".so", ".pyd")
_MOST_BYTES = 20_000_000
"""Most bytes of Python files that travel with a run and a model."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeRef:
    """The user's own code that a run uses."""

    modules: tuple[str, ...] = ()
    """Modules that the template may name."""

    sha256: str = ""
    """Digest of all their files; "" without any."""


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Package:
    """A package (a folder) or a single module (a file)."""

    name: str
    """Name that is imported."""

    path: Path
    """The folder or file."""

    def files(self) -> Iterator[tuple[str, Path]]:
        """(posix name, file) of every Python file, sorted.

        Raises:
            PlanError: it holds compiled modules, which work on one kind of machine only.
        """
        if self.path.is_file():
            yield self.path.name, self.path
            return
        for location, folders, names in os.walk(self.path):
            folders[:] = sorted(f for f in folders if f != "__pycache__" and not f.startswith("."))
            for name in sorted(names):
                if name.endswith(_COMPILED):
                    raise PlanError(
                        f"code.modules: {self.name} holds compiled modules such as {name}",
                        next_step="name a module of your own that imports it",
                    )
                if name.endswith(".py"):
                    path = Path(location, name)
                    yield f"{self.name}/{path.relative_to(self.path).as_posix()}", path

    def module_file(self, module: str) -> Path | None:
        """The file of a module of this package, such as "my_pkg.model"; None if there is none."""
        parts = module.split(".")[1:]
        if self.path.is_file():
            return None if parts else self.path
        location = self.path.joinpath(*parts)
        beside = location.with_name(f"{location.name}.py")
        if parts and beside.is_file():
            return beside
        return location / "__init__.py" if (location / "__init__.py").is_file() else None


def find_package(module: str, folder: Path) -> Package | None:
    """The package that holds a module: from the template's folder, from those above it up to the project's root, or
    installed; None if there is none.

    Args:
        folder: the template's folder.
    """
    name = module.partition(".")[0]
    for location in looked_in(folder):
        if (location / f"{name}.py").is_file():
            return Package(name=name, path=location / f"{name}.py")
        if (location / name).is_dir() and any((location / name).glob("*.py")):
            return Package(name=name, path=location / name)
    return _installed(name)


def looked_in(folder: Path) -> tuple[Path, ...]:
    """Folders where a project's modules may be: from the template's folder up to the first that looks like the root."""
    folder = folder.absolute()
    chain = [folder, *folder.parents]
    root = next((n for n, location in enumerate(chain) if any((location / mark).exists() for mark in _ROOT_MARKS)), 0)
    return tuple(p for location in chain[: root + 1] for p in (location, location / "src"))


def _installed(name: str) -> Package | None:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Package(name=name, path=Path(next(iter(spec.submodule_search_locations))))
    return Package(name=name, path=Path(spec.origin)) if spec.origin and spec.origin.endswith(".py") else None


def code_of(modules: Iterable[str], folder: Path) -> CodeRef:
    """The code that `code.modules` refers to now, with its digest.

    Raises:
        PlanError: the files are too large, some are compiled, or a module does not exist.
    """
    named = tuple(modules)
    packages = _packages(named, folder)
    size = sum(path.stat().st_size for package in packages for _, path in package.files())
    if size > _MOST_BYTES:
        raise PlanError(
            f"code.modules: {show_bytes(size)} of Python files, at most {show_bytes(_MOST_BYTES)} travel with a model",
            next_step="name modules of your own, not of a library",
        )
    return CodeRef(modules=named, sha256=_digest(file for package in packages for file in package.files()))


def take_along(code: CodeRef, folder: Path, target: Path) -> None:
    """Copy the code to `target`, so that a run and its model do not depend on later changes to the project.

    Raises:
        IntegrityError: the files have changed since the plan was made.
    """
    if not code.modules:
        return
    now = code_of(code.modules, folder)
    if now.sha256 != code.sha256:
        raise IntegrityError(f"{', '.join(code.modules)}: changed since the plan was made", next_step="plan again")
    for package in _packages(code.modules, folder):
        for name, path in package.files():
            copy = target / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)


def digest_of(folder: Path) -> str:
    """The digest of a folder that `take_along` made."""
    return _digest((path.relative_to(folder).as_posix(), path) for path in sorted(folder.rglob("*.py")))


def package_digest(name: str) -> str:
    """The digest of every file of an installed package or module that can be imported; "" if it is not there."""
    package = _installed(name)
    if package is None:
        return ""
    paths = [package.path] if package.path.is_file() else package.path.rglob("*")
    return _digest(
        (path.relative_to(package.path.parent).as_posix(), path)
        for path in paths
        if path.suffix in (".py", *_COMPILED) and path.is_file()
    )


def _packages(modules: tuple[str, ...], folder: Path) -> tuple[Package, ...]:
    found = {module: find_package(module, folder) for module in modules}
    if missing := [module for module, package in found.items() if package is None]:
        raise PlanError(f"code.modules: no module {', '.join(missing)}")
    return tuple(sorted({package for package in found.values() if package is not None}))


def _digest(files: Iterable[tuple[str, Path]]) -> str:
    """sha256 over names and bytes; "" if there are no files."""
    digest, empty = hashlib.sha256(), True
    for name, path in sorted(files):
        digest.update(name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
        empty = False
    return "" if empty else digest.hexdigest()
