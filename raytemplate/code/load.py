"""Loads the user's own modules only from the code that travelled with a run or a model."""

import importlib
import os
import sys
import threading
import traceback
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import ModuleType
from typing import Any

from raytemplate.code.files import digest_of
from raytemplate.errors import IntegrityError, RaytemplateError, TrainingFailed, UsageError, in_words

CODE = "code"
_folder: ContextVar[Path | None] = ContextVar("folder", default=None)
_loaded: dict[str, dict[str, ModuleType]] = {}
_imported_from: set[Path] = set()
_one_at_a_time = threading.RLock()


@contextmanager
def code_in(folder: Path) -> Generator[None]:
    """Inside the block `load_attribute` imports from this folder only, and nothing at all if it does not exist."""
    token = _folder.set(folder)
    try:
        yield
    finally:
        _folder.reset(token)


def current_folder() -> Path | None:
    """The folder of the enclosing `code_in`, to pass on to work in another thread or process."""
    return _folder.get()


def load_attribute(target: str) -> Any:
    """The object that "my_pkg.model:build" names. Outside `code_in` it is imported from this process's path.

    Two models may carry two versions of one module; each gets its own.

    Raises:
        IntegrityError: the code that travelled does not hold the module.
        UsageError: importing the module failed; names the line in the user's file.
    """
    module, _, attribute = target.partition(":")
    folder = _folder.get()
    try:
        found = importlib.import_module(module) if folder is None else _import_from(folder, module)
        return getattr(found, attribute)
    except RaytemplateError:
        raise
    except Exception as error:  # importing a user's module runs their code, which may raise anything
        raise UsageError(f"{target} cannot be loaded: {_where(error, module)}{in_words(error)}") from error


@contextmanager
def blamed_on(target: str) -> Generator[None]:
    """Turn an error from the target's package into one line with its location; other errors pass.

    Raises:
        TrainingFailed: the user's own code failed.
    """
    try:
        yield
    except RaytemplateError:
        raise
    except Exception as error:  # the user's code may raise anything; errors from elsewhere are raised again
        location = _where(error, target.partition(":")[0])
        if not location:
            raise
        raise TrainingFailed(f"{target} failed: {location}{in_words(error)}") from error


def _import_from(folder: Path, module: str) -> ModuleType:
    names = {path.stem for path in folder.glob("*")} if folder.is_dir() else set[str]()
    if module.partition(".")[0] not in names:
        raise IntegrityError(f"{folder}: does not hold {module}, which the model names")
    # Bytecode would add files to a folder whose manifest lists all of them.
    sys.dont_write_bytecode = True
    with _one_at_a_time:
        own = _loaded.setdefault(digest_of(folder), {})
        _imported_from.add(folder.absolute())
        _lead_to(folder, own)
        others = _taken_out(names)
        sys.modules.update(own)
        sys.path.insert(0, str(folder))
        importlib.invalidate_caches()
        try:
            return importlib.import_module(module)
        finally:
            sys.path.remove(str(folder))
            own.update(_of(names))
            # Modules that were loaded before stay loaded, so that their later imports find their own version.
            if any(own.get(name) is not other for name, other in others.items()):
                _taken_out(names)
                sys.modules.update(others)


def is_imported_from(folder: Path) -> bool:
    """Whether this process has imported modules from a folder or one below it. They may import others of it later."""
    return any(each.is_relative_to(folder.absolute()) for each in _imported_from)


def _lead_to(folder: Path, own: Mapping[str, ModuleType]) -> None:
    """Let packages whose folder is gone find the rest of themselves in a folder that holds the same code."""
    for name, package in own.items():
        if hasattr(package, "__path__") and not any(os.path.isdir(path) for path in package.__path__):
            package.__path__ = [str(folder.joinpath(*name.split(".")))]


def _of(names: set[str]) -> dict[str, ModuleType]:
    return {name: module for name, module in sys.modules.items() if name.partition(".")[0] in names}


def _taken_out(names: set[str]) -> dict[str, ModuleType]:
    found = _of(names)
    for name in found:
        del sys.modules[name]
    return found


def _where(error: BaseException, module: str) -> str:
    """ "my_pkg/model.py:7: ", the innermost line in the user's own package; "" if there is none.

    Frames are recognised by module, never by path: a project's folder may have the same name as its package, and also
    hold the environment with everybody else's code.
    """
    package = module.partition(".")[0]
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        name = str(frame.f_globals.get("__name__", ""))
        if name.partition(".")[0] == package:
            file = Path(frame.f_code.co_filename)
            depth = name.count(".") + 1 + (file.name == "__init__.py")
            return f"{Path(*file.parts[-depth:])}:{line}: "
    return ""
