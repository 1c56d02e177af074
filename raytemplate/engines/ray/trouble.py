"""What Ray, a library or a person's own code raised, as one error of ours: what, why, and which key to change."""

from __future__ import annotations

import re
import sys
import sysconfig
import textwrap
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from raytemplate.errors import (
    EngineError,
    OutOfMemory,
    OwnCodeFailed,
    RaytemplateError,
    TrainingFailed,
    Unavailable,
)
from raytemplate.store.atomic import storage_error

_FRAME = re.compile(r'File "(?P<file>[^"<]+)", line (?P<line>\d+), in (?P<function>\S+)')
_LIBRARIES = tuple(
    {str(Path(sysconfig.get_path(name)).resolve()) for name in ("stdlib", "purelib", "platlib")}
    | {str(Path(__file__).resolve().parents[2]), str(Path(sys.base_prefix).resolve() / "lib")}
)
_MOST_DEPTH = 12
_MOST_CHARACTERS = 300
_KILLED = re.compile(r"SIGKILL|exit code 137|killed by the OOM killer|signal 9", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sign:
    """One kind of trouble: the names of the classes it comes as, what it means, and what to change.

    `text`: what its message must hold, where the class alone does not tell.
    """

    names: tuple[str, ...]
    kind: Callable[[str, str], RaytemplateError]
    means: str
    change: str
    text: str = ""


def _out_of_memory(what: str, change: str) -> RaytemplateError:
    return OutOfMemory(what, next_step=change)


def _unavailable(what: str, change: str) -> RaytemplateError:
    return Unavailable(what, next_step=change)


def _own_code(what: str, change: str) -> RaytemplateError:
    return OwnCodeFailed(what, next_step=change)


SIGNS = (
    Sign(
        names=("torch.OutOfMemoryError", "torch.cuda.OutOfMemoryError"), kind=_out_of_memory,
        means="the GPU is out of memory", change="lower training.batch_size, or the size of the model",
    ),
    Sign(
        names=("ray.exceptions.OutOfMemoryError", "builtins.MemoryError", "pyarrow.lib.ArrowMemoryError"),
        kind=_out_of_memory, means="out of memory",
        change="set data.ingest: stream, lower training.batch_size, or ask for more: resources.per_worker.memory",
    ),
    Sign(
        names=("ray.exceptions.ObjectStoreFullError", "ray.exceptions.OutOfDiskError"), kind=_out_of_memory,
        means="Ray has no room for the data, in its object store or on the disk it spills to",
        change="make space below Ray's temporary folder, or set data.ingest: stream",
    ),
    Sign(
        names=("builtins.Exception",), kind=_unavailable, text="No space left on device", means="disk full",
        change="make space, then resume the run",
    ),
    Sign(
        names=("ray.exceptions.NodeDiedError", "ray.exceptions.ObjectLostError", "ray.exceptions.OwnerDiedError"),
        kind=_unavailable, means="a machine of the cluster was lost", change="",
    ),
    Sign(
        names=("ray.exceptions.RuntimeEnvSetupError",), kind=_unavailable,
        means="Ray could not prepare a worker's environment", change="see ray.log in the run's folder",
    ),
    Sign(
        names=("builtins.TypeError", "builtins.AttributeError", "pickle.PicklingError"), kind=_own_code, text="pickle",
        means="something cannot be sent to another process",
        change="keep open files, locks and lambdas out of what your code keeps at module level or returns",
    ),
    Sign(
        names=("builtins.ModuleNotFoundError", "builtins.ImportError"), kind=_own_code,
        means="an import failed",
        change="install the package where the workers run, or list your own module in code.modules",
    ),
)  # fmt: skip
"""Looked through in this order: the first that fits what was raised, or anything inside it, names the trouble."""


def translate(stage: str, error: BaseException) -> RaytemplateError | None:
    """The error a person should read, or None where what was raised is a bug of ours.

    Args:
        stage: where it happened, such as "fit".
        error: as raised, with whatever Ray has wrapped around it.
    """
    inside = tuple(_chain(error))
    ours = next((e for e in inside if isinstance(e, RaytemplateError)), None)
    if ours is not None:
        return ours
    return _known(stage, inside) or _killed(stage, inside) or _of_own_code(stage, inside) or _of_ray(stage, inside)


def _known(stage: str, inside: tuple[BaseException, ...]) -> RaytemplateError | None:
    for sign in SIGNS:
        for error in inside:
            if _names(error) & set(sign.names) and sign.text in str(error):
                place = _own_frame(inside)
                what = f"{stage}: {sign.means}{f' at {place}' if place else ''}: {_sentence(error)}"
                return sign.kind(what, sign.change)
    full = next((e for e in inside if isinstance(e, OSError) and e.errno and e.filename), None)
    return storage_error(full, Path(str(full.filename))) if full is not None else None


def _killed(stage: str, inside: tuple[BaseException, ...]) -> RaytemplateError | None:
    """A process that ended without a word: nobody knows why, but the usual reason is memory."""
    dead = {"ray.exceptions.ActorDiedError", "ray.exceptions.WorkerCrashedError"}
    error = next((e for e in inside if _names(e) & dead), None)
    if error is None:
        return None
    why = "; often the machine was out of memory" if _KILLED.search(str(error)) else ""
    return EngineError(
        stage, f"a worker process ended in the middle of its work{why}: {_sentence(error)}",
        next_step="resume the run; if it happens again, lower training.batch_size or set data.ingest: stream",
    )  # fmt: skip


def _of_own_code(stage: str, inside: tuple[BaseException, ...]) -> RaytemplateError | None:
    place = _own_frame(inside)
    if not place:
        return None
    return OwnCodeFailed(f"{stage}: {place}: {_sentence(inside[-1])}", next_step=f"mend {place.partition(', in ')[0]}")


def _of_ray(stage: str, inside: tuple[BaseException, ...]) -> RaytemplateError | None:
    outer, inner = inside[0], inside[-1]
    failures = getattr(outer, "worker_failures", None)
    if failures:
        return TrainingFailed(f"worker {min(failures)}: {_sentence(inner)}")
    if any(_module(e).partition(".")[0] == "ray" for e in inside):
        return EngineError(stage, _sentence(inner))
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what is inside it, outermost first."""
    for _ in range(_MOST_DEPTH):
        if error is None:
            return
        yield error
        failures = getattr(error, "worker_failures", None)
        inner = failures[min(failures)] if failures else None
        for name in ("controller_failure", "_base_exc", "cause", "__cause__", "__context__"):
            inner = inner if isinstance(inner, BaseException) else getattr(error, name, None)
        error = inner if isinstance(inner, BaseException) else None


def _own_frame(inside: tuple[BaseException, ...]) -> str:
    """FILE:LINE, in FUNCTION of the deepest frame that is neither ours nor a library's; "" where there is none."""
    # An error that crossed processes has lost its frames, but what wraps it kept them as text.
    text = "".join(traceback.format_exception(inside[0])) + "".join(str(error) for error in inside)
    found = [m for m in _FRAME.finditer(text) if not _is_library(m["file"])]
    return f"{found[-1]['file']}:{found[-1]['line']}, in {found[-1]['function']}" if found else ""


def _is_library(file: str) -> bool:
    path = str(Path(file).resolve()) if Path(file).is_absolute() else ""
    return not path or path.startswith(_LIBRARIES) or "site-packages" in path or "/raytemplate/" in path


def _sentence(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
    # A task's error is a whole trace that ends with what was raised; everything else begins with what it has to say.
    if "ray.exceptions.RayTaskError" in _names(error):
        return textwrap.shorten(lines[-1], _MOST_CHARACTERS)
    return textwrap.shorten(f"{type(error).__name__}: {lines[0]}".rstrip(": "), _MOST_CHARACTERS)


def _names(error: BaseException) -> set[str]:
    return {f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__}


def _module(error: BaseException) -> str:
    return type(error).__module__
