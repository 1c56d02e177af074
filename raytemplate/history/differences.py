"""Compares two runs through their records: template, plan, data, raw profiles, code, environment, metrics."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from raytemplate.execution.image import image_of
from raytemplate.execution.lock import RunLock, read_lock
from raytemplate.history.runs import Run
from raytemplate.planning.stages import RunPlan
from raytemplate.records.evaluated import Evaluation
from raytemplate.records.ingested import FileRead, Snapshot
from raytemplate.records.profiled import DataProfile, WindowProfile
from raytemplate.reports.differences import Changed, Differences, Section
from raytemplate.reports.profiles_compared import column_shifts
from raytemplate.reports.resolved import leaves, value_text
from raytemplate.reports.wording import about_seconds, metric_text, short
from raytemplate.units import show_bytes, show_moment

_MOST_FILES = 12
_MOST_COLUMNS = 30
_TRAIN = "train"


def differences(first: Run, second: Run) -> Differences:
    """What differs between two runs.

    Raises:
        IntegrityError: a record of one of them is damaged.
    """
    a, b = read_lock(first.journal), read_lock(second.journal)
    sections = (
        Section(title="template", changed=_template(a, b), same=_same_template(a, b)),
        Section(title="plan", changed=_changed(_plan(a.plan), _plan(b.plan)), same="the plan"),
        Section(title="data", changed=(*_keys(first, second), *_files(first, second)), same="the bytes that were read"),
        *_profiles(first, second),
        Section(title="code", changed=_changed(_code(a), _code(b)), same="the code"),
        Section(title="environment", changed=_environments((first, a), (second, b)), same="the environment"),
        Section(title="metrics", changed=_changed(_metrics(first), _metrics(second)), same="the metrics"),
    )
    return Differences(first=first.id, second=second.id, sections=sections, note=_without_profile(first, second))


def _changed(first: Mapping[str, str], second: Mapping[str, str]) -> tuple[Changed, ...]:
    """Names in only one of the two, or with different values; in the order of the first, then of the second."""
    names = [*first, *(name for name in second if name not in first)]
    return tuple(
        Changed(what=name, first=first.get(name, "-"), second=second.get(name, "-"))
        for name in names
        if first.get(name) != second.get(name)
    )


def _template(first: RunLock, second: RunLock) -> tuple[Changed, ...]:
    """Values that differ, each with the layer it came from. A value that only moved to another line does not differ."""
    changed = _changed(_values(first), _values(second))
    return tuple(
        replace(c, first=_placed(c.first, first, c.what), second=_placed(c.second, second, c.what)) for c in changed
    )


def _values(lock: RunLock) -> dict[str, str]:
    """Dotted path -> value."""
    if not lock.resolved:
        return {"version": lock.plan.version}
    return {path: value_text(value) or "none" for path, value in leaves(lock.resolved)}


def _placed(value: str, lock: RunLock, path: str) -> str:
    return f"{value} ({lock.origins[path]})" if path in lock.origins else value


def _same_template(first: RunLock, second: RunLock) -> str:
    if first.resolved and second.resolved:
        return "the template"
    return "the template's version (a run of a saved plan keeps no more of it)"


def _plan(plan: RunPlan) -> dict[str, str]:
    """What was decided from the template, the data and the machine."""
    windows = {
        f"{w.name} window": f"{show_moment(w.start)} .. {show_moment(w.end)}, {w.num_rows:,} rows"
        for w in plan.ingest.windows
    }
    return {
        "name": plan.name,
        "variant": plan.variant,
        "as of": show_moment(plan.as_of),
        **windows,
        **({"features taken": str(plan.ingest.taken.name)} if plan.ingest.taken else {}),
        "ingest": plan.ingest.mode,
        "workers": str(plan.fit.workers),
        "machine": plan.machine,
        "expected": about_seconds(plan.forecast.seconds),
    }


def _keys(first: Run, second: Run) -> tuple[Changed, ...]:
    """The ids of the keys that values were hashed with."""
    ids = ({"key of data.mask": key} if (key := _mask_key(run)) else {} for run in (first, second))
    return _changed(*ids)


def _mask_key(run: Run) -> str:
    snapshot = run.journal.read(Snapshot)
    return f"id {snapshot.mask_key}" if snapshot and snapshot.mask_key else ""


def _files(first: Run, second: Run) -> tuple[Changed, ...]:
    """Files that only one of the runs has read, or of which they read different bytes."""
    a, b = (_read(run) for run in (first, second))
    names = sorted(name for name in {*a, *b} if _of(a, name) != _of(b, name))
    shown = [Changed(what=name, first=_file(a.get(name)), second=_file(b.get(name))) for name in names[:_MOST_FILES]]
    if len(names) > _MOST_FILES:
        shown.append(Changed(what=f"and {len(names) - _MOST_FILES:,} more files", first="", second=""))
    return tuple(shown)


def _read(run: Run) -> dict[str, FileRead]:
    snapshot = run.journal.read(Snapshot)
    return {file.path: file for file in snapshot.files} if snapshot else {}


def _of(files: Mapping[str, FileRead], name: str) -> str:
    return files[name].sha256 if name in files else ""


def _file(file: FileRead | None) -> str:
    return f"{short(file.sha256)}, {show_bytes(file.bytes_read)} read" if file else "not read"


def _profiles(first: Run, second: Run) -> Iterator[Section]:
    """The raw columns of the train window; nothing unless both runs kept their profile."""
    a, b = _profile(first), _profile(second)
    if a is None or b is None:
        return
    columns = column_shifts(a, b)
    changed = [
        Changed(what=f"{column.column}: {shift.what}", first=shift.first, second=shift.second)
        for column in columns[:_MOST_COLUMNS]
        for shift in column.shifts
    ]
    if len(columns) > _MOST_COLUMNS:
        changed.append(Changed(what=f"and {len(columns) - _MOST_COLUMNS:,} more columns", first="", second=""))
    title = "raw profile of the train window"
    yield Section(title=title, changed=tuple(changed), same=f"the {title}")


def _profile(run: Run) -> WindowProfile | None:
    kept = run.journal.read(DataProfile)
    return next((window for window in kept.windows if window.name == _TRAIN), None) if kept else None


def _without_profile(first: Run, second: Run) -> str:
    """What to say of runs that kept no profile of their raw columns: those of earlier versions."""
    runs = dict.fromkeys(run.id for run in (first, second) if _profile(run) is None)
    return f"Raw columns are not compared: no profile kept of run {' and run '.join(runs)}." if runs else ""


def _environments(*runs: tuple[Run, RunLock]) -> tuple[Changed, ...]:
    """Versions of packages, and the container image."""
    images = [image_of(run.journal, lock) for run, lock in runs]
    told = zip((lock for _, lock in runs), images, strict=True)
    return _changed(*({**lock.environment, **({"image": image} if image else {})} for lock, image in told))


def _code(lock: RunLock) -> dict[str, str]:
    own = {"own modules": short(lock.plan.code.sha256)} if lock.plan.code.sha256 else {}
    return {"raytemplate": short(lock.code_sha256), **own}


def _metrics(run: Run) -> dict[str, str]:
    """The candidate's metrics on the test window, and what was decided."""
    evaluation = run.journal.read(Evaluation)
    values = {name: metric_text(each.value) for name, each in evaluation.metrics.items()} if evaluation else {}
    return {**values, "state": run.state}
