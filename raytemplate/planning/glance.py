"""A glance at the data, enough to check a template against it: names and types of columns, within a second.

Parquet files give them in their footers. Only the beginning of a text file is read: the type seen there may turn out to
be another one further on, except for text, which stays text, and for types that the contract promises.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from raytemplate.data.mask_options import HASH
from raytemplate.data.sources.folders import say_left_out
from raytemplate.data.sources.listing import SourceTable
from raytemplate.data.sources.locations import is_uri
from raytemplate.data.sources.reader import find_source, list_files
from raytemplate.data.sources.source import ListOrder
from raytemplate.errors import DataError, FieldError, Forbidden, Problem, SpecError, Unavailable, UsageError
from raytemplate.planning.columns import column_problems
from raytemplate.planning.order import order_of
from raytemplate.secret import found_from, resolve
from raytemplate.spec.schema import TemplateSpec
from raytemplate.starting.starters import MARK

_MOST_FILES = 32
"""Files up to which all are looked at; of more files, or of files in a bucket, only the first."""
_MOST_BYTES, _LEAST_BYTES = 8 * 2**20, 2**16
"""Bytes to read of all text files together, and of each one at least."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Glance:
    """What was seen."""

    schema: Mapping[str, str]
    """Column -> Arrow type as text."""

    unsure: frozenset[str]
    """Columns whose type may turn out to be another one further on."""

    part: str
    """What was looked at, in words."""

    left_out: str = ""
    """What the source holds that is not read, in words."""

    by_path: tuple[str, ...] = ()
    """Columns that come from the paths of files."""

    padded: tuple[str, ...] = ()
    """See `SourceTable`."""

    no_time: str = ""
    """Why `data.time` holds no times, with the first value that is not one; "" if it does."""

    @property
    def sure(self) -> dict[str, str]:
        """The schema, with "" for a type that is not certain."""
        return {name: "" if name in self.unsure else kind for name, kind in self.schema.items()}


def check_data(spec: TemplateSpec) -> tuple[str, ...]:
    """Compare what a template asks of its data with a glance at it.

    Returns:
        Warnings: the data was not looked at, and why; or what will be a problem if the types stay as they begin.

    Raises:
        SpecError: every problem that is certain.
    """
    source = spec.origins.get("data.source")
    if source is not None and source.comment.startswith(MARK):
        return (_not_looked_at(spec, "its path is still to be filled in"),)
    try:
        seen = glance(spec)
    except FieldError as error:
        raise SpecError((_problem(spec, error.field, error.message),)) from error
    except DataError as error:
        raise SpecError((_problem(spec, "data.source", error.what),)) from error
    except (Forbidden, Unavailable) as error:
        return (_not_looked_at(spec, error.what),)
    if problems := _certain(spec, seen):
        raise SpecError(problems)
    likely = column_problems(spec, seen.schema, seen.by_path, seen.padded)
    left = (f"{spec.where('data.source')}  data.source: warning: {seen.left_out}",) if seen.left_out else ()
    return (
        *left,
        *_no_key(spec),
        *(f"{one.where}  {one.path}: warning: {one.message} (by {seen.part})" for one in likely),
    )


def _no_key(spec: TemplateSpec) -> tuple[str, ...]:
    """A warning if hashes need a key that is not on this machine; another one may read the data."""
    if HASH not in spec.data.mask.values():
        return ()
    try:
        resolve(found_from(spec.data.mask_key, spec.folder), "data.mask_key", os.environ)
    except UsageError as error:
        return (f"{spec.where('data.mask_key')}  data.mask_key: warning: {error.what.partition(': ')[2]}",)
    return ()


def _certain(spec: TemplateSpec, seen: Glance) -> tuple[Problem, ...]:
    times = (_problem(spec, "data.time", seen.no_time),) if seen.no_time else ()
    padded = tuple(name for name in seen.padded if name not in seen.unsure)
    return (*times, *column_problems(spec, seen.sure, seen.by_path, padded))


def _problem(spec: TemplateSpec, path: str, message: str) -> Problem:
    return Problem(where=spec.where(path), path=path, message=message)


def _not_looked_at(spec: TemplateSpec, why: str) -> str:
    return f"{spec.where('data.source')}  data.source: warning: the data was not looked at: {why}"


def problems_at_a_glance(spec: TemplateSpec) -> tuple[Problem, ...]:
    """Every certain problem with columns; none if the data cannot be looked at."""
    try:
        return _certain(spec, glance(spec))
    except (DataError, Forbidden, Unavailable):
        return ()


def glance(spec: TemplateSpec) -> Glance:
    """Names and types of the columns.

    Raises:
        DataError: no file, or one that cannot be read.
        Forbidden, Unavailable: the bucket denies access, or cannot be reached.
    """
    order = replace(order_of(spec), time="")  # a wrong time column is one problem of several; the listing must not fail
    _, there = find_source(spec.data.format, order)
    paths = there.files
    some = paths if len(paths) <= _MOST_FILES and not any(map(is_uri, paths[:1])) else paths[:1]
    most = max(_LEAST_BYTES, _MOST_BYTES // max(1, len(some)))
    order = replace(order, most_bytes=most, pattern=order.pattern if some == paths else paths[0])
    found, no_time = _listed(spec, order)
    part = f"the beginning of {found.files[0].path}" + (f", one of {len(paths):,} files" if len(paths) > 1 else "")
    unsure = _unsure(found, order.types, all_files=some == paths)
    schema = {name: "" if name in unsure and kind == "null" else kind for name, kind in found.schema.items()}
    schema |= {spec.data.time: ""} if no_time else {}
    left_out = say_left_out(there.left_out)
    by_path = tuple(found.partitions)
    return Glance(
        schema=schema,
        unsure=unsure,
        part=part,
        left_out=left_out,
        by_path=by_path,
        padded=found.padded,
        no_time=no_time,
    )


def _listed(spec: TemplateSpec, order: ListOrder) -> tuple[SourceTable, str]:
    """The files, with the time column read as times; if it holds none, the files without that, and the reason."""
    time = spec.data.time
    timed = replace(order, types={**order.types, time: "time"}) if time else order
    try:
        return list_files(spec.data.format, timed), ""
    except DataError as error:
        if not time:
            raise
        return list_files(spec.data.format, order), error.what


def _unsure(found: SourceTable, promised: Mapping[str, str], *, all_files: bool) -> frozenset[str]:
    if all_files and all(file.is_whole for file in found.files):
        return frozenset()
    types = found.partitions if found.kind == "parquet" else found.schema
    return frozenset(name for name, kind in types.items() if kind != "string" and name not in promised)
