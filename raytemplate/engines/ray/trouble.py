"""Turns what Ray, a library or a project's own code raised into one error: what, why, and which key to change."""

import errno
import re
import sys
import sysconfig
import textwrap
import traceback
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from raytemplate.engines.ray.signs import SIGNS, Sign
from raytemplate.errors import EngineError, OwnCodeFailed, RaytemplateError, TrainingFailed
from raytemplate.store.atomic import storage_error

_FRAME = re.compile(r'File "(?P<file>[^"<]+)", line (?P<line>\d+), in (?P<function>\S+)')
_LIBRARIES = tuple(
    {str(Path(sysconfig.get_path(name)).resolve()) for name in ("stdlib", "purelib", "platlib")}
    | {str(Path(__file__).resolve().parents[2]), str(Path(sys.base_prefix).resolve() / "lib")}
)
_RAY_TRAIN = re.compile(r"^ray\.train\..*")
_MOST_DEPTH = 12
_MOST_CHARACTERS = 300
_KILLED = re.compile(r"SIGKILL|exit code 137|killed by the OOM killer|signal 9", re.IGNORECASE)


def translate(stage: str, error: BaseException) -> RaytemplateError | None:
    """The error to show to the user, or None if it is a bug in raytemplate.

    Args:
        stage: the stage in which it happened, such as "fit".
        error: as raised, including whatever Ray has wrapped around it.
    """
    inside = tuple(_chain(error))
    ours = next((e for e in inside if isinstance(e, RaytemplateError)), None)
    if ours is not None:
        return ours
    return _known(stage, inside) or _of_own_code(stage, inside) or _of_ray(stage, inside)


def reason(error: BaseException) -> str:
    """The error in a few words, to be quoted inside another message."""
    inside = tuple(_chain(error))
    ours = next((e for e in inside if isinstance(e, RaytemplateError)), None) or _known("", inside)
    return ours.what.removeprefix(": ") if ours is not None else _sentence(inside[-1])


def is_lost(errors: Iterable[BaseException]) -> bool:
    """Whether every one of these is about a lost machine, process or connection, and none about the work itself."""
    return all((sign := _sign(tuple(_chain(error)))[0]) is not None and sign.lost for error in errors)


def _known(stage: str, inside: tuple[BaseException, ...]) -> RaytemplateError | None:
    sign, error = _sign(inside)
    if sign is not None and error is not None:
        location = "" if sign.lost else _own_frame(inside)
        memory = "; often the machine was out of memory" if sign.lost and _KILLED.search(str(error)) else ""
        what = f"{stage}: {sign.means}{memory}{f' at {location}' if location else ''}: {_sentence(error)}"
        return sign.kind(what, sign.change)
    full = next((e for e in inside if isinstance(e, OSError) and e.errno and e.filename), None)
    if full is None:
        return None
    # A missing file may have been opened for reading; "cannot be written" would mislead.
    return storage_error(full, Path(str(full.filename)), "found" if full.errno == errno.ENOENT else "written")


def _sign(inside: tuple[BaseException, ...]) -> tuple[Sign | None, BaseException | None]:
    """The first sign that fits any of these errors, and that error; none if one is a `RaytemplateError`."""
    if any(isinstance(error, RaytemplateError) for error in inside):
        return None, None
    for sign in SIGNS:
        for error in inside:
            if _names(error) & set(sign.names) and (not sign.text or any(text in str(error) for text in sign.text)):
                return sign, error
    return None, None


def _of_own_code(stage: str, inside: tuple[BaseException, ...]) -> RaytemplateError | None:
    location = _own_frame(inside)
    if not location:
        return None
    return OwnCodeFailed(
        f"{stage}: {location}: {_sentence(inside[-1])}", next_step=f"mend {location.partition(', in ')[0]}"
    )


def _of_ray(stage: str, inside: tuple[BaseException, ...]) -> RaytemplateError | None:
    inner = inside[-1]
    group = next((error for error in inside if getattr(error, "worker_failures", None)), None)
    if group is not None:
        return TrainingFailed(f"worker {_telling(group)[0]}: {_sentence(inner)}")
    if any(_module(e).partition(".")[0] == "ray" for e in inside):
        return EngineError(stage, _sentence(inner))
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and the errors inside it, outermost first."""
    for _ in range(_MOST_DEPTH):
        if error is None:
            return
        yield error
        inner = _telling(error)[1] if getattr(error, "worker_failures", None) else None
        for name in ("controller_failure", "health_check_failure", "cause", "__cause__", "__context__"):
            inner = inner if isinstance(inner, BaseException) else getattr(error, name, None)
        error = inner if isinstance(inner, BaseException) else None


def _telling(group: BaseException) -> tuple[int, BaseException]:
    """The rank of the worker whose error caused those of the others, and that error."""
    failures: Mapping[int, BaseException] = getattr(group, "worker_failures")  # noqa: B009

    def order(rank: int) -> int:
        sign, _ = _sign(tuple(_chain(failures[rank])))
        return SIGNS.index(sign) if sign is not None else -1

    first = min(sorted(failures), key=order)
    return first, failures[first]


def _own_frame(inside: tuple[BaseException, ...]) -> str:
    """The deepest frame outside raytemplate and the libraries, as FILE:LINE, in FUNCTION; "" if there is none."""
    # An error that crossed processes has lost its frames, but its wrapper kept them as text.
    text = "".join(traceback.format_exception(inside[0])) + "".join(str(error) for error in inside)
    found = [m for m in _FRAME.finditer(text) if not _is_library(m["file"])]
    return f"{found[-1]['file']}:{found[-1]['line']}, in {found[-1]['function']}" if found else ""


def _is_library(file: str) -> bool:
    path = str(Path(file).resolve()) if Path(file).is_absolute() else ""
    return not path or path.startswith(_LIBRARIES) or "site-packages" in path or "/raytemplate/" in path


def _sentence(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
    # The text of a task's error is a whole trace that ends with the message; all others begin with the message.
    if "ray.exceptions.RayTaskError" in _names(error):
        return textwrap.shorten(lines[-1], _MOST_CHARACTERS)
    return textwrap.shorten(f"{type(error).__name__}: {lines[0]}".rstrip(": "), _MOST_CHARACTERS)


def _names(error: BaseException) -> set[str]:
    return {f"{_RAY_TRAIN.sub('ray.train', kind.__module__)}.{kind.__qualname__}" for kind in type(error).__mro__}


def _module(error: BaseException) -> str:
    return type(error).__module__
