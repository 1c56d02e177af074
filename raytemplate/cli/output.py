"""How every command ends: text for a person, or one JSON document for a program; and the same for what went wrong."""

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

SCHEMA_VERSION = 1
"""Of the documents that `--json` prints. A new field does not change it; a field that goes or changes does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a command has found.

    Args:
        kind: what the document is called with `--json`: a program looks at it first.
        data: fields of that document: records, or what JSON knows.
        text: what a person reads; several where they come one after the other.
        code: the exit code.
    """

    kind: str
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    text: str | Iterable[str]
    code: int = 0


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was asked of the output. Taken from the arguments as they are, so that a misspelt option obeys it too."""

    as_json: bool = False
    quiet: bool = False

    @classmethod
    def of(cls, arguments: Sequence[str]) -> Wishes:
        """The wishes among a command's arguments."""
        options = arguments[: arguments.index("--")] if "--" in arguments else arguments
        return cls("--json" in options, "--quiet" in options)


def wishes() -> Wishes:
    """What was asked of the output of the command that runs."""
    context = click.get_current_context(silent=True)
    found = context.find_root().obj if context else None
    return found if isinstance(found, Wishes) else Wishes()


def _coloured(text: str) -> str:
    """On a terminal, a champion that fails in red; see no-color.org."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    from raytemplate.reports.service import FAILS

    return text.replace(FAILS, click.style(FAILS, fg="red"))


def give(answer: Answer, asked: Wishes) -> int:
    """Print an answer on stdout; its exit code.

    Raises:
        Unavailable: stdout takes no more. What the command did is done.
    """
    pieces = [answer.text] if isinstance(answer.text, str) else answer.text
    try:
        if asked.as_json:
            text = {} if isinstance(answer.text, str) else {"text": "".join(pieces)}
            print(_document(answer.kind, {**answer.data, **text}))
        else:
            for piece in pieces:
                print(_coloured(piece), end="\n" if isinstance(answer.text, str) else "", flush=True)
        sys.stdout.flush()
    except BrokenPipeError:
        return answer.code  # whoever read has seen enough, as with `| head`
    except OSError as error:
        raise Unavailable(
            f"stdout: the result could not be written: {error.strerror}",
            next_step="what was done is kept: raytemplate runs",
        ) from error
    return answer.code


def tell(error: RaytemplateError, asked: Wishes, stream: TextIO) -> int:
    """Say what went wrong on `stream`; its exit code."""
    code = error.code if isinstance(error, Interrupted) else error.exit_code
    notes = tuple(getattr(error, "__notes__", ()))
    if asked.as_json:
        problems = [{"where": p.where, "path": p.path, "message": p.message} for p in _problems(error)]
        said = {"error": type(error).__name__, "exit_code": code, "what": "\n".join([error.what, *notes])}
        _say(_document("Error", {**said, "next_step": error.next_step, "problems": problems}, indent=None), stream)
        return code
    _say("\n".join([error.what, *notes, *([f"  {error.next_step}"] if error.next_step else [])]), stream)
    return code


def _problems(error: RaytemplateError) -> Sequence[Any]:
    return error.problems if isinstance(error, SpecError) else ()


def _document(kind: str, data: Mapping[str, Any], *, indent: int | None = 1) -> str:
    from raytemplate.records.codec import encode

    return json.dumps({"schema": SCHEMA_VERSION, "kind": kind, **encode(data)}, indent=indent, ensure_ascii=False)


def _say(text: str, stream: TextIO) -> None:
    with suppress(OSError):  # nobody can be told any more; the exit code still says it
        print(text, file=stream, flush=True)
