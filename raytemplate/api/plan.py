"""Templates and plans: load, check, plan, save. Nothing is started."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from html import escape
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from raytemplate import plugins
from raytemplate.api.workspaces import workspace_at
from raytemplate.errors import DataError, FieldError, IntegrityError, PlanError, Problem, SpecError, UsageError
from raytemplate.models.installed import install_step, missing_packages
from raytemplate.models.options import Family
from raytemplate.planning.look import look
from raytemplate.planning.stages import RunPlan, id_of
from raytemplate.records import codec
from raytemplate.reports.explain import explain
from raytemplate.reports.typed import command_tail, sets_of
from raytemplate.reports.wording import about_seconds
from raytemplate.spec.load import load as _load
from raytemplate.spec.schema import Origin, TemplateSpec
from raytemplate.spec.variants import STANDARD
from raytemplate.store.handed_out import hand_out
from raytemplate.store.workspace import Workspace, create
from raytemplate.units import parse_moment, show_moment

if TYPE_CHECKING:
    from raytemplate.planning.inventory import Cluster, Inventory


def load(
    path: str | Path,
    *,
    set: Mapping[str, Any] | None = None,  # noqa: A002  read `load(path, set={...})`, as `--set`
    variant: str | None = None,
) -> TemplateSpec:
    """A template with every layer merged and validated.

    Args:
        set: dotted path -> value, like `--set`.
        variant: name of a variant declared in the template.

    Raises:
        SpecError: every problem, each with its location.
        UsageError: the file cannot be read.
    """
    return _load(path, overrides=set, variant=variant, environ=os.environ)


def as_spec(spec: TemplateSpec | str | Path) -> TemplateSpec:
    """The template itself, or the one that a path names."""
    return spec if isinstance(spec, TemplateSpec) else load(spec)


def as_text(as_of: str | date) -> str:
    """A moment as `--as-of` takes it; a time without an offset is UTC."""
    return as_of if isinstance(as_of, str) else as_of.isoformat()


def check(spec: TemplateSpec | str | Path) -> tuple[str, ...]:
    """Compare what a template requires of its data with the names and types of the columns; takes less than a second.

    Returns:
        Warnings: likely problems, or why the data could not be examined.

    Raises:
        SpecError: every problem, each with its location.
    """
    from raytemplate.planning.glance import check_data

    return check_data(as_spec(spec))


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A plan with the template it was made from; prints as `raytemplate plan` does, in a notebook too."""

    plan: RunPlan
    """The plan itself."""
    spec: TemplateSpec | None
    """The template it was made from; None for a plan that was read from a file."""
    workspace: Workspace
    """Where its runs are kept."""
    address: str = ""
    """The Ray that it was planned for; "" for a Ray of its own."""

    def __str__(self) -> str:
        from raytemplate.planning.reuse import REFUSED

        as_of, spec = self.plan.as_of, self.spec
        shown = show_moment(as_of) if parse_moment(show_moment(as_of)) == as_of else as_of.isoformat()
        sets, variant = (sets_of(spec), spec.variant) if spec else ((), STANDARD)
        variant = variant if variant != STANDARD else None
        tail = command_tail(shown, sets, variant, None, self.address, no_reuse=self.plan.reuse == REFUSED)
        return explain(self.plan, file=self.plan.template, command_tail=tail, address=self.address)

    def __repr__(self) -> str:
        about = about_seconds(self.plan.forecast.seconds)
        return f"<plan {self.plan.id} of {self.plan.name}, as of {show_moment(self.plan.as_of)}, {about}>"

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


def plan(
    spec: TemplateSpec | str | Path,
    as_of: str | date = "now",
    *,
    data: object = None,
    workspace: str | None = None,
    address: str | None = None,
    reuse: bool = True,
) -> Planned:
    """What a run would do. Nothing is started.

    Args:
        spec: a template, or the path of one.
        as_of: a date or time (UTC unless it has an offset), "now" (the last midnight UTC) or "latest".
        data: an Arrow table, or a pandas or polars frame, instead of `data.source`; it is kept in the workspace.
        address: a running Ray: "auto", "host:port", or the "http://host:8265" of its Jobs API.
        reuse: whether rows that an earlier run has read and encoded may be used again if nothing has changed. If not,
            the run also keeps none.

    Raises:
        SpecError, DataError, PlanError: what is wrong, where, and what to change.
    """
    from raytemplate.data.features.kind import load_kind
    from raytemplate.planning.compile import compile as compile_plan
    from raytemplate.planning.features import every_searched
    from raytemplate.planning.reuse import ELSEWHERE, REFUSED, with_reuse

    spec = as_spec(spec)
    found_in = workspace_at(workspace, start=spec.folder)
    _check_installed(spec)
    if data is not None:
        spec = _with_frame(spec, data, found_in)
    found = inventory_of(spec, found_in, _cluster(address) if address else None)
    plan_ = compile_plan(spec, found, as_text(as_of))
    for step in every_searched(spec, plan_.ingest.features):
        load_kind(step.kind)  # a plug-in's feature may not be importable: fail now rather than on a worker
    if reuse and not address:
        plan_ = with_reuse(plan_, found_in)
    else:
        plan_ = replace(plan_, reuse=ELSEWHERE if reuse else REFUSED)
    return Planned(plan=plan_, spec=spec, workspace=found_in, address=address or "")


def inventory_of(spec: TemplateSpec, workspace: Workspace, cluster: Cluster | None = None) -> Inventory:
    """The inventory; if files do not fit the template, the error lists every wrong column, not only the first."""
    from raytemplate.planning.glance import problems_at_a_glance

    try:
        return look(spec, workspace, cluster)
    except FieldError as error:
        raise _located(spec, error) from None
    except DataError:
        if problems := problems_at_a_glance(spec):
            raise SpecError(problems) from None
        raise


def _located(spec: TemplateSpec, error: FieldError) -> SpecError:
    return SpecError((Problem(where=spec.where(error.field), path=error.field, message=error.message),))


def _with_frame(spec: TemplateSpec, data: object, workspace: Workspace) -> TemplateSpec:
    """The template with an in-memory table as its source; the run's lock names the file that the table is kept in."""
    from raytemplate.planning.feature_sets import feature_set_of
    from raytemplate.planning.frames import frame_as_read
    from raytemplate.store.frames import keep_frame

    if spec.data.mask:
        raise UsageError(
            "plan: data.mask masks columns of data=..., and the table would be kept in the workspace before that",
            next_step="write the table to a Parquet file outside the workspace, and name it in data.source",
        )
    try:
        taken = feature_set_of(spec.features.taken_from, workspace)
    except FieldError as error:
        raise _located(spec, error) from None
    table = frame_as_read(data, spec, taken.types if taken else None)
    create(workspace)
    changed = {"source": keep_frame(table, workspace), "format": "parquet"}
    origins = {**spec.origins, **{f"data.{name}": Origin(layer="plan(data=...)") for name in changed}}
    resolved = {**spec.resolved, "data": {**spec.resolved["data"], **changed}}
    return replace(spec, data=spec.data.model_copy(update=changed), origins=origins, resolved=resolved)


def _cluster(address: str) -> Cluster:
    from raytemplate.engines.ray.jobs.client import nodes_at

    return nodes_at(address)


def _check_installed(spec: TemplateSpec) -> None:
    family: Family = plugins.load(plugins.FAMILIES, spec.family)
    if missing := missing_packages(family):
        raise PlanError(
            f"model.kind {spec.family} needs {' and '.join(missing)}, not installed here",
            next_step=install_step(family),
        )


def save_plan(planned: Planned, path: Path) -> None:
    """Write a plan for `read_plan`. Its paths are relative to the file, so it also works in a copy of the project.

    Raises:
        Unavailable, UsageError: `path` cannot be written.
    """
    plan_ = _moved(planned.plan, lambda named: os.path.relpath(named, path.absolute().parent))
    hand_out(path, codec.dumps(plan_), begins=b"{")


def _moved(plan_: RunPlan, move: Callable[[str], str]) -> RunPlan:
    """The plan with the paths of its template and data changed by `move`."""
    return replace(plan_, template=move(plan_.template), ingest=replace(plan_.ingest, root=move(plan_.ingest.root)))


def read_plan(path: Path, *, workspace: str | None = None) -> Planned:
    """A plan that `plan --save` wrote, for `run`.

    Raises:
        UsageError: no such file, or it is not a plan.
        IntegrityError: the plan was edited.
    """
    again = f"raytemplate plan FILE --save {quote(str(path))}"
    if not path.is_file():
        raise UsageError(f"{path}: {'is a folder' if path.is_dir() else 'no such file'}", next_step=again)
    try:
        found = codec.loads(RunPlan, path.read_bytes(), where="it")
    except IntegrityError as error:
        raise UsageError(
            f"{path}: expected a plan that plan --save wrote; {error.what}", next_step=error.next_step or again
        ) from error
    beside = path.absolute().parent
    found = _moved(found, lambda named: str(Path(os.path.normpath(beside / named))))
    if id_of(json.loads(path.read_bytes())) != found.id:  # the file's own fields: an earlier version wrote fewer
        raise IntegrityError(
            f"{path}: edited since it was saved: it is no longer plan {found.id}",
            next_step=f"raytemplate plan {quote(found.template)} --save {quote(str(path))}",
        )
    found_in = workspace_at(workspace, start=Path(found.template).parent)
    return Planned(plan=replace(found, template=os.path.relpath(found.template)), spec=None, workspace=found_in)
