"""Own modules loaded where they run: from the code that travelled with a run or a model, and from nowhere else."""

import importlib
import sys
import threading
import traceback
from collections.abc import Generator
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
_one_at_a_time = threading.RLock()


@contextmanager
def code_in(folder: Path) -> Generator[None]:
    """Within, `load_attribute` imports from that folder alone; nothing can be imported where it does not exist."""
    token = _folder.set(folder)
    try:
        yield
    finally:
        _folder.reset(token)


def current_folder() -> Path | None:
    """The folder of the `code_in` that this is called within, for what goes on elsewhere."""
    return _folder.get()


def load_attribute(target: str) -> Any:
    """What "my_pkg.model:build" stands for. Outside of `code_in`, by this process's own path.

    Two models may carry two versions of one module; each gets its own.

    Raises:
        IntegrityError: the code that travelled does not hold the module.
        UsageError: importing it failed, with the location in the person's own file.
    """
    module, _, attribute = target.partition(":")
    folder = _folder.get()
    try:
        found = importlib.import_module(module) if folder is None else _import_from(folder, module)
        return getattr(found, attribute)
    except RaytemplateError:
        raise
    except Exception as error:  # importing a person's module runs their code, which may raise anything
        raise UsageError(f"{target} cannot be loaded: {_where(error, module)}{in_words(error)}") from error


@contextmanager
def blamed_on(target: str) -> Generator[None]:
    """An error inside the module of a target becomes one line with its location there; others pass.

    Raises:
        TrainingFailed: the person's own code failed.
    """
    try:
        yield
    except RaytemplateError:
        raise
    except Exception as error:  # a person's own code may raise anything; what is not theirs is raised again
        location = _where(error, target.partition(":")[0])
        if not location:
            raise
        raise TrainingFailed(f"{target} failed: {location}{in_words(error)}") from error


def _import_from(folder: Path, module: str) -> ModuleType:
    names = {path.stem for path in folder.glob("*")} if folder.is_dir() else set[str]()
    if module.partition(".")[0] not in names:
        raise IntegrityError(f"{folder}: does not hold {module}, which the model names")
    # A compiled file would be one more in a folder whose files are all accounted for.
    sys.dont_write_bytecode = True
    with _one_at_a_time:
        own = _loaded.setdefault(digest_of(folder), {})
        others = _taken_out(names)
        sys.modules.update(own)
        sys.path.insert(0, str(folder))
        importlib.invalidate_caches()
        try:
            return importlib.import_module(module)
        finally:
            sys.path.remove(str(folder))
            own.update(_of(names))
            # What was there first stays there, so that what it imports later is its own.
            if any(own.get(name) is not other for name, other in others.items()):
                _taken_out(names)
                sys.modules.update(others)


def _of(names: set[str]) -> dict[str, ModuleType]:
    return {name: module for name, module in sys.modules.items() if name.partition(".")[0] in names}


def _taken_out(names: set[str]) -> dict[str, ModuleType]:
    found = _of(names)
    for name in found:
        del sys.modules[name]
    return found


def _where(error: BaseException, module: str) -> str:
    """ "my_pkg/model.py:7: " of the innermost line in the person's own package; "" if there is none.

    A frame is told by its module, never by its path: a project's folder may have the name of its package, and hold the
    environment with everything that is not the person's.
    """
    package = module.partition(".")[0]
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        name = str(frame.f_globals.get("__name__", ""))
        if name.partition(".")[0] == package:
            file = Path(frame.f_code.co_filename)
            depth = name.count(".") + 1 + (file.name == "__init__.py")
            return f"{Path(*file.parts[-depth:])}:{line}: "
    return ""
