"""The ingest stage of a plan: which columns and rows are read, how rows are divided, and whether they fit in memory."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Literal

from raytemplate.data.condition_types import plain_type
from raytemplate.data.conditions import parse_condition, target_columns
from raytemplate.data.features.inputs import reads
from raytemplate.data.features.options import TextOptions
from raytemplate.data.mask_options import DROP
from raytemplate.data.options import DataSpec
from raytemplate.data.schema_changes import Schema, as_schema
from raytemplate.data.sources.as_read import word_of
from raytemplate.data.sources.listing import SourceFile, SourceTable
from raytemplate.data.sources.naming import SQL
from raytemplate.data.sources.source import handles_of
from raytemplate.data.sources.text.rules import Rules
from raytemplate.data.split import Split
from raytemplate.errors import PlanError
from raytemplate.evaluation.options import GroupSpec
from raytemplate.planning.columns import can_be_hashed, hashed_as
from raytemplate.planning.features import every_searched, feature_steps, num_feature_sets, searches_features
from raytemplate.planning.inventory import Inventory
from raytemplate.planning.masks import mask_of
from raytemplate.planning.moments import most_inside, overlaps
from raytemplate.planning.promised import contract_of, promises_of, row_numbers
from raytemplate.planning.searching import trials_at_once
from raytemplate.planning.stages import FeatureStep, FileSlice, IngestStage, Window
from raytemplate.records.codec import Settings
from raytemplate.spec.schema import TemplateSpec
from raytemplate.units import show_bytes

_MEMORY_SHARE = 0.25
"""Share of the smallest node's memory that rows may take."""
_STORE_SHARE = 1 / 3
"""Share of the object store that rows may take: it holds a block's raw and encoded rows at the same time."""
_BYTES_A_VALUE, _BYTES_ENCODED = 12, 4
"""Bytes of one value: raw and encoded together, and encoded alone."""


def split_of(data: DataSpec, source: SourceTable, known: Iterable[tuple[str, Schema]] = ()) -> Split | None:
    """The split by row hash that a template asks for; None if it uses windows of time.

    Args:
        known: the id of the champion's split and the columns of its data, and those of the feature set that is taken.
            If such a split differs only in hashing values as earlier versions did, it is kept, because the champion
            must not be judged on rows that it was trained on.
    """
    if data.split is None:
        return None
    # The target is not hashed: rows that differ only in their target would be separated by it, and with few features
    # the test window could hold exactly the answers that train lacks.
    answer = (*target_columns(data.target), *data.split.ignore)
    columns = data.keys or tuple(n for n, kind in source.schema.items() if n not in answer and can_be_hashed(kind))
    columns = tuple(sorted(columns))
    now = Split(
        validation=data.split.validation,
        test=data.split.test,
        seed=data.split.seed,
        columns=columns,
        by_keys=bool(data.keys),
        kinds=tuple(hashed_as(source.schema[n]) for n in columns),
        exact_decimals=True,
    )
    rounded = replace(now, exact_decimals=False)
    decimals = _decimals(as_schema(source.schema), columns)
    for split, schema in known:
        # Arrow's cast of 0.3 depends on the type, so rows keep their sides only if no decimal has another type now.
        same = decimals == _decimals(schema, columns) if schema else not decimals
        earlier = (rounded, replace(rounded, kinds=())) if same else ()
        if found := next((one for one in (now, *earlier) if one.id == split), None):
            return found
    return now


def _decimals(schema: Schema, columns: Collection[str]) -> dict[str, str]:
    """Of these columns those of decimals with places after the point, with their types."""
    kinds = {name: plain_type(kind) for name, kind in schema if name in columns}
    return {name: kind for name, kind in kinds.items() if kind.startswith("decimal") and not kind.endswith(", 0)")}


def ingest_stage(
    spec: TemplateSpec,
    inventory: Inventory,
    windows: tuple[Window, Window, Window],
    split: Split | None,
    files: tuple[SourceFile, ...],
) -> IngestStage:
    """The stage that reads, encodes and profiles rows.

    Args:
        windows: train, validation and test.
        split: how rows are divided if not by time.
        files: those to plan with; only a sample of the source's if `data.rows` is set.

    Raises:
        PlanError: memory mode was asked for, and the rows do not fit.
    """
    source, data = inventory.source, spec.data
    features = feature_steps(spec)
    searched = every_searched(spec, features)
    columns = columns_read(spec, inventory, searched)
    only_keys = tuple(key for key in data.keys if key not in columns)
    columns += only_keys
    num_rows = sum(w.num_rows for w in windows)
    taken = inventory.taken
    width = _text_width(features) + (taken.num_columns if taken else 0)
    memory = num_rows * (len(columns) * _BYTES_A_VALUE + 4 * width)
    if keeps_rows := searches_features(spec):
        encoded = len(columns) * _BYTES_ENCODED + 4 * _text_width(searched)
        more = int(min(num_feature_sets(spec), trials_at_once(spec, inventory) + 1)) * encoded
        memory += sum(w.num_rows for w in windows[:2]) * (len(columns) * (_BYTES_A_VALUE - _BYTES_ENCODED) + more)
    read = tuple(dict.fromkeys((*columns, *(split.columns if split else ()))))
    planned = tuple(s for f in files if (s := _slice(f, read, windows, split)) is not None)
    promises = promises_of(spec)
    return IngestStage(
        source=source.kind,
        root=source.root,
        num_files_listed=len(source.files),
        files=planned,
        columns=columns,
        time=data.time,
        target=data.target,
        keys=data.keys,
        drop=data.drop,
        windows=windows,
        features=features,
        baseline=baseline_of(spec),
        newest=source.time_max,
        mode=_mode(spec, inventory, memory, _most(windows, files, num_rows)),
        memory_bytes=memory,
        seed=spec.training.seed,
        task=data.task,
        positive=data.positive,
        contract=contract_of(spec),
        reading=source.reading,
        location=source.location,
        version=source.version,
        split=split,
        keeps_rows=keeps_rows,
        gaps=True,
        rules=Rules(**spec.data.csv.model_dump()),
        types=_types(source, columns),
        mask=mask_of(spec),
        name=source.name,
        promises=promises,
        source_columns=as_schema(source.schema),
        row_numbers=row_numbers(planned, source.files) if promises or spec.contract.columns else Settings(),
        keep="copy" if source.kind == SQL else data.keep,
        only_keys=only_keys,
        taken=taken,
    )


def _types(source: SourceTable, columns: tuple[str, ...]) -> Settings:
    return Settings({name: word_of(source.schema[name]) for name in columns if name in source.schema})


def _most(windows: tuple[Window, ...], files: tuple[SourceFile, ...], num_rows: int) -> float:
    """The highest possible number of rows, as a multiple of the expected number."""
    if all(window.exact for window in windows) or any(window.start == window.end for window in windows):
        return 1.0
    start, end = windows[0].start, windows[-1].end
    most = sum(most_inside(group, start, end) for file in files for group in file.slices)
    return max(1.0, min(window.share for window in windows) * most / max(1, num_rows))


def _text_width(steps: tuple[FeatureStep, ...]) -> int:
    """Most dense columns that text columns become; a column with several steps counts with its widest."""
    texts = [step for step in steps if step.kind == "text"]
    widths = sorted((TextOptions.model_validate(dict(step.settings)).width, step.column) for step in texts)
    return sum({column: width for width, column in widths}.values())


def columns_read(spec: TemplateSpec, inventory: Inventory, features: tuple[FeatureStep, ...]) -> tuple[str, ...]:
    """Every column the run reads: its own, the baseline's, and those the champion needs to be scored again."""
    wanted = [*([spec.data.time] if spec.data.time else []), *target_columns(spec.data.target)]
    wanted += inventory.taken.columns if inventory.taken else ()
    wanted += [column for step in features for column in (*reads(step), *step.settings.get("fold_by", ()))]
    if spec.data.drop:
        wanted += parse_condition(spec.data.drop).columns
    wanted += spec.evaluation.baseline.columns
    wanted += spec.evaluation.slices
    if isinstance(spec.evaluation.resample, GroupSpec):
        wanted.append(spec.evaluation.resample.group)
    wanted += spec.contract.columns
    wanted += [name for one in spec.contract.rows for name in parse_condition(one.rule).columns]
    wanted += spec.contract.unique.rule if spec.contract.unique else ()
    if inventory.champion is not None:
        gone = [name for name, rule in spec.data.mask.items() if rule == DROP]
        wanted += [c for c in inventory.champion.columns if c in inventory.source.schema and c not in gone]
    return tuple(dict.fromkeys(wanted))


def _slice(
    file: SourceFile, columns: tuple[str, ...], windows: tuple[Window, ...], split: Split | None
) -> FileSlice | None:
    """The slices of a file that may hold rows of the windows; None if there are none.

    Args:
        columns: those that are read, the columns of the split among them.
    """
    start, end = windows[0].start, windows[-1].end
    held = [one for one in file.slices if one.num_rows and (split is not None or overlaps(one, start, end))]
    if not held:
        return None
    return FileSlice(
        path=file.path,
        size_bytes=file.size_bytes,
        sha256=file.sha256,
        slices=tuple(one.number for one in held),
        num_rows=sum(one.num_rows for one in held),
        bytes_to_read=sum(one.bytes_of(columns) for one in held),
        handle=file.handle,
        handles=handles_of(held),
    )


def _mode(spec: TemplateSpec, inventory: Inventory, memory: int, most: float) -> Literal["memory", "stream"]:
    """The ingest mode. Auto chooses memory only if the highest possible number of rows fits: the number expected may be
    an estimate."""
    smallest = min(n.memory_bytes for n in inventory.cluster.nodes)
    store = min((n.object_store_bytes for n in inventory.cluster.nodes if n.object_store_bytes), default=smallest)

    def fits(need: float) -> bool:
        return need <= min(smallest * _MEMORY_SHARE, store * _STORE_SHARE)

    if spec.data.ingest == "memory" and not fits(memory):
        shorter = "set data.rows" if spec.data.split else "shorten data.windows.train"
        raise PlanError(
            f"data.ingest: memory needs about {show_bytes(memory)}; a quarter of this machine's {show_bytes(smallest)} "
            "may be used",
            next_step=f"set data.ingest: stream, or {shorter}",
        )
    if spec.data.ingest == "auto":
        return "memory" if fits(memory * most) else "stream"
    return spec.data.ingest


def baseline_of(spec: TemplateSpec) -> Settings:
    """The rule and its columns; for the rule `quantile_by` also the quantile."""
    baseline = spec.evaluation.baseline
    which = {"quantile": spec.training.quantile} if baseline.rule == "quantile_by" else {}
    return Settings({baseline.rule: list(baseline.columns), **which})
