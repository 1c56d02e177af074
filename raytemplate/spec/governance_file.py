"""Reads `governance.yaml`: safe YAML, every problem with its line."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from raytemplate.document import Document, read
from raytemplate.errors import Problem, SpecError
from raytemplate.governance.settings import GovernanceFile
from raytemplate.records.governed import GovernanceSettings
from raytemplate.spec.names import unknown_names
from raytemplate.spec.wording import Fault, validate
from raytemplate.store.atomic import storage_errors

_TEAM_NEEDS = (("people", "may decide"), ("promoters", "may sign events"))
_OF_IDS = tuple(f"keys.{name}." for name, _ in _TEAM_NEEDS)


def read_governance(path: Path) -> GovernanceSettings:
    """The settings that a file proposes.

    Raises:
        SpecError: every problem, each with its line.
        UsageError: there is no such file, or it cannot be read.
    """
    with storage_errors(path, doing="read"):
        data = path.read_bytes()
    document = read(data, str(path))
    found = validate(GovernanceFile, _with_ids_as_typed(document), "")
    faults = (*_unknown(document), *_wrong(found)) if isinstance(found, tuple) else _missing_in_team(found)
    told = (problem for problem in document.problems if not problem.path.startswith(_OF_IDS))
    problems = (*told, *(_located(document, str(path), fault) for fault in faults))
    if problems or isinstance(found, tuple):
        raise SpecError(problems)
    return found.settings


def _unknown(document: Document) -> Iterator[Fault]:
    for path, message in unknown_names(GovernanceFile, document.value, ""):
        yield Fault(path=path, item=None, message=message)


def _wrong(faults: Sequence[Fault]) -> Iterator[Fault]:
    return (fault for fault in faults if not fault.message.startswith("no such field"))


def _with_ids_as_typed(document: Document) -> dict[str, Any]:
    """The document, with ids of keys as they were typed: YAML takes those without a letter, or with one "e", for
    numbers."""
    keys = document.value.get("keys")
    if not isinstance(keys, dict):
        return document.value
    named = cast("dict[str, Any]", keys)
    typed = {
        name: [
            document.text(f"keys.{name}.{number}") if isinstance(each, int | float) else each
            for number, each in enumerate(cast("list[Any]", named[name]))
        ]
        for name, _ in _TEAM_NEEDS
        if isinstance(named.get(name), list)
    }
    return {**document.value, "keys": {**named, **typed}}


def _missing_in_team(found: GovernanceFile) -> tuple[Fault, ...]:
    """In team mode both lists of keys are needed: without them anyone could decide."""
    if found.mode != "team":
        return ()
    return tuple(
        Fault(path=f"keys.{name}", item=None, message=f"missing; mode: team needs the ids of the keys that {may}")
        for name, may in _TEAM_NEEDS
        if not getattr(found.keys, name)
    )


def _located(document: Document, where: str, fault: Fault) -> Problem:
    path = fault.path if fault.item is None else f"{fault.path}.{fault.item}"
    while path and not document.line(path):
        path = path.rpartition(".")[0]
    return Problem(where=f"{where}:{document.line(path) or 1}", path=fault.path, message=fault.message)
