"""Look: take the inventory, read-only. Machine, footers of the sources, head and earlier timings of the workspace."""

import json
import os
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from raytemplate.code.files import code_of
from raytemplate.data.kept_times import without_dropped
from raytemplate.data.sources.reader import list_files
from raytemplate.errors import IntegrityError
from raytemplate.ledger.opening import open_ledger
from raytemplate.models.saved import read_about
from raytemplate.planning.classes import count_classes
from raytemplate.planning.feature_sets import feature_set_of, seen_by_versions
from raytemplate.planning.inventory import Champion, Cluster, Inventory, Node, Timing
from raytemplate.planning.made_from import made_from
from raytemplate.planning.masks import has_other_key, mask_of
from raytemplate.planning.order import order_of
from raytemplate.planning.stages import RunPlan
from raytemplate.records import codec
from raytemplate.records.codec import Settings
from raytemplate.records.run import RunEnd, RunStart
from raytemplate.records.swept import SweepResult
from raytemplate.spec.schema import TemplateSpec
from raytemplate.store.content_store import ContentStore
from raytemplate.store.workspace import Workspace

_RUNS_LOOKED_AT = 20
_GPU_TYPE = re.compile(r"\b(?:B[23]00|GB200|H200|H100|H20|A100|A10G?|L40S?|L4|T4|V100|P100|P4|K80)\b")


def look(spec: TemplateSpec, workspace: Workspace, cluster: Cluster | None = None) -> Inventory:
    """The inventory for one template, as of this moment.

    Args:
        cluster: the machines of a run; None for this machine alone.

    Raises:
        DataError: the source cannot be listed, and the file is named; or there is no such feature set.
        PlanError: the user's own code cannot travel.
        IntegrityError: the files of the feature set are gone or damaged.
    """
    champion = champion_of(spec.name, workspace)  # first: without a trustworthy ledger there is no point in listing
    if champion is not None and has_other_key(ContentStore(workspace.models).path(champion.digest), mask_of(spec)):
        champion = replace(champion, other_key=True)
    taken = feature_set_of(spec.features.taken_from, workspace)
    listed = list_files(spec.data.format, order_of(spec, workspace.listings, taken.types if taken else None))
    source = without_dropped(listed, spec.data.drop, spec.data.time)
    return Inventory(
        now=datetime.now(UTC),
        cluster=cluster or Cluster(nodes=(this_machine(),)),
        source=source,
        champion=champion,
        history=_history(spec.name, workspace),
        winners=_winners(spec.name, spec.variant, workspace) if spec.tuning.space and spec.tuning.warm_start else (),
        code=code_of(spec.code.modules, spec.folder),
        num_classes=count_classes(spec, source),
        taken=taken,
        taken_versions=seen_by_versions(taken.model, workspace) if taken else (),
    )


def this_machine() -> Node:
    """The machine this process runs on: CPUs it may use, memory, GPUs that the GPU driver shows."""
    return Node(
        name="this machine",
        cpus=float(len(os.sched_getaffinity(0))),
        gpus=float(_num_gpus()),
        memory_bytes=_memory_bytes(),
        accelerator=_accelerator(),
    )


def _memory_bytes() -> int:
    """Memory of the machine, or the container's limit if that is lower."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text().strip() if limit.exists() else "max"
    return min(total, int(text)) if text.isdigit() else total


def _num_gpus() -> int:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([d for d in visible.split(",") if d.strip() not in ("", "-1")])
    return len(list(Path("/dev").glob("nvidia[0-9]*")))


def _accelerator() -> str:
    """The type of this machine's GPUs as Ray names it, such as "A100"; "" if the GPU driver does not tell."""
    for path in Path("/proc/driver/nvidia/gpus").glob("*/information"):
        model = re.search(r"^Model:\s*(.+)$", path.read_text(), re.MULTILINE)
        kind = _GPU_TYPE.search(model[1]) if model else None
        if kind is not None:
            return kind[0]
    return ""


def champion_of(model: str, workspace: Workspace) -> Champion | None:
    """The head of a model, with what its champion's files tell about it.

    Raises:
        IntegrityError: the ledger is lost, or its entries for the model were edited.
    """
    head = open_ledger(workspace).head(model)
    if head is None:
        return None
    folder = ContentStore(workspace.models).path(head.digest)
    try:
        about = read_about(folder)
        columns, split, family = about.columns, about.split, about.family
    except (OSError, IntegrityError):
        # The ledger still names it; evaluation reports that it cannot be scored, and beats-champion blocks.
        columns, split, family = (), "", ""
    plan = _plan_of(workspace, head.run_id)
    return Champion(
        version=head.version,
        digest=head.digest,
        term=head.term,
        columns=columns,
        run_id=head.run_id,
        seen_until=head.seen_until,
        split=split,
        family=family,
        made_from=made_from(plan) if plan else "",
        schema=plan.ingest.source_columns if plan else (),
    )


def _plan_of(workspace: Workspace, run_id: str) -> RunPlan | None:
    """The plan of a run; None if its records are gone or damaged."""
    try:
        lock = json.loads((workspace.runs / run_id / "run.lock").read_bytes())
        return codec.decode(RunPlan, lock["plan"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _winners(name: str, variant: str, workspace: Workspace) -> tuple[Settings, ...]:
    found: list[tuple[datetime, Settings]] = []
    for path in workspace.runs.glob("*/sweep.json"):
        try:
            start = codec.loads(RunStart, (path.parent / "run.json").read_bytes())
            swept = codec.loads(SweepResult, path.read_bytes())
        except (OSError, IntegrityError):
            continue  # being written, or damaged: a search can do without it
        if (start.name, start.variant) == (name, variant):
            found.append((start.started, swept.best.values))
    newest = (values for _, values in sorted(found, key=lambda one: one[0], reverse=True))
    return tuple(dict.fromkeys(newest))


def _history(name: str, workspace: Workspace) -> tuple[Timing, ...]:
    """Timings of the newest finished runs of a template, oldest first."""
    ends: list[RunEnd] = []
    for path in workspace.runs.glob("*/end.json"):
        try:
            start = codec.loads(RunStart, (path.parent / "run.json").read_bytes())
            end = codec.loads(RunEnd, path.read_bytes())
        except (OSError, IntegrityError):
            continue  # being written, or damaged: an estimate can do without it
        if len(list(path.parent.glob("attempt-*.json"))) > 1:
            continue  # resumed: its times cover parts of stages, and the restart
        if start.name == name and end.state in ("approved", "held", "rejected", "unchanged", "shown"):
            ends.append(end)
    ends.sort(key=lambda end: end.ended)
    return tuple(
        Timing(stage=t.stage, family=end.family, work=t.work, seconds=t.actual_s)
        for end in ends[-_RUNS_LOOKED_AT:]
        for t in end.timings
        if not t.reused
    )
