"""How every command ends: with text for a person or one JSON document for a program, for errors too."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TextIO

import click

from raytemplate.errors import Interrupted, RaytemplateError, SpecError, Unavailable
from raytemplate.reports.visible import visible, visible_json

SCHEMA_VERSION = 1
"""Version of the documents that `--json` prints. A new field leaves it as it is; a removed or changed field raises it.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a command has found."""

    kind: str
    """The kind of the `--json` document: what a program looks at first."""
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Fields of that document: records or plain JSON values."""
    text: str | Iterable[str]
    """What a person reads; several pieces if they arrive one by one."""
    code: int = 0
    """The exit code."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """How the user wants the output. Read from the raw arguments, so that it holds for errors in other options too."""

    as_json: bool = False
    """Whether `--json` was given."""
    quiet: bool = False
    """Whether `--quiet` was given."""

    @classmethod
    def of(cls, arguments: Sequence[str]) -> Wishes:
        """The wishes among a command's arguments."""
        options = arguments[: arguments.index("--")] if "--" in arguments else arguments
        return cls("--json" in options, "--quiet" in options)


def wishes() -> Wishes:
    """How the user wants the output of the current command."""
    context = click.get_current_context(silent=True)
    found = context.find_root().obj if context else None
    return found if isinstance(found, Wishes) else Wishes()


def _coloured(text: str) -> str:
    """The text with a failing champion in red, on a terminal that allows colour; see no-color.org."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    from raytemplate.reports.service import FAILS

    return text.replace(FAILS, click.style(FAILS, fg="red"))


def give(answer: Answer, asked: Wishes) -> int:
    """Print an answer on stdout and return its exit code.

    Raises:
        Unavailable: stdout cannot be written. What the command did stays done.
    """
    pieces = [answer.text] if isinstance(answer.text, str) else answer.text
    try:
        if asked.as_json:
            text = {} if isinstance(answer.text, str) else {"text": "".join(pieces)}
            print(visible_json(_document(answer.kind, {**answer.data, **text})))
        else:
            for piece in pieces:
                print(_coloured(visible(piece)), end="\n" if isinstance(answer.text, str) else "", flush=True)
        sys.stdout.flush()
    except BrokenPipeError:
        return answer.code  # the reader has closed the pipe, as `| head` does
    except OSError as error:
        raise Unavailable(
            f"stdout: the result could not be written: {error.strerror}",
            next_step="what was done is kept: raytemplate runs",
        ) from error
    return answer.code


def tell(error: RaytemplateError, asked: Wishes, stream: TextIO) -> int:
    """Print an error on `stream` and return its exit code."""
    code = error.code if isinstance(error, Interrupted) else error.exit_code
    notes = tuple(getattr(error, "__notes__", ()))
    if asked.as_json:
        problems = [{"where": p.where, "path": p.path, "message": p.message} for p in _problems(error)]
        said = {"error": type(error).__name__, "exit_code": code, "what": "\n".join([error.what, *notes])}
        document = _document("Error", {**said, "next_step": error.next_step, "problems": problems}, indent=None)
        _say(visible_json(document), stream)
        return code
    _say(visible("\n".join([error.what, *notes, *([f"  {error.next_step}"] if error.next_step else [])])), stream)
    return code


def _problems(error: RaytemplateError) -> Sequence[Any]:
    return error.problems if isinstance(error, SpecError) else ()


def _document(kind: str, data: Mapping[str, Any], *, indent: int | None = 1) -> str:
    from raytemplate.records.codec import encode

    return json.dumps({"schema": SCHEMA_VERSION, "kind": kind, **encode(data)}, indent=indent, ensure_ascii=False)


def _say(text: str, stream: TextIO) -> None:
    with suppress(OSError):  # there is no reader any more; the exit code still tells
        print(text, file=stream, flush=True)
