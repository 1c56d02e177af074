"""What a model was made from, as `lineage` prints it and as an in-toto statement."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

from raytemplate.reports.layout import table
from raytemplate.reports.wording import short
from raytemplate.units import count

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:raytemplate:retraining:v1"
_MOST_FILES = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Material:
    """One thing that a model was made from, or that its run has recorded."""

    what: str
    """Its kind, such as "template" or "file"."""
    name: str
    """Its name, and what a person would want to know of it."""
    digest: str
    """sha256: 64 hexadecimal digits; "" if none was recorded. A file's is that of the bytes that were read of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lineage:
    """What one run's model was made from, and what was made from it."""

    run_id: str
    name: str
    """Name of the template and of the model."""
    version: int
    """Version of the registered model; 0 if it was not registered."""
    standing: str
    """State of that version, such as "champion"; "" without one."""
    started: datetime
    ended: datetime | None
    by: str
    """Who started the run, and where."""
    template: Mapping[str, Any]
    """The template with every layer merged; empty if the run started from a saved plan."""
    as_of: str
    raytemplate: str
    """Version of this package that made it; "" if not recorded."""
    digest: str
    """Digest of the model's files; "" if the run has left none."""
    materials: tuple[Material, ...]
    """What it was made from, in the order of a run."""
    files: tuple[Material, ...]
    """The files that it read."""
    made_from_it: tuple[str, ...]
    """Ids of runs whose training started from this model."""
    features_taken_by: tuple[str, ...] = ()
    """Ids of runs that took the fitted features of this model."""

    def __str__(self) -> str:
        rows = [row for material in self.materials for row in self._rows(material)]
        last = [f"\n  Training started from it in run {', '.join(self.made_from_it)}."] if self.made_from_it else []
        if self.features_taken_by:
            some = "runs" if len(self.features_taken_by) > 1 else "run"
            last.append(f"\n  Its features were taken by {some} {', '.join(self.features_taken_by)}.")
        return "\n".join([self._head(), "", table(rows, gaps=(3, 3, 0)), *last, f"\n  raytemplate show {self.run_id}"])

    def __repr__(self) -> str:
        return f"<lineage of {self.subject}: {count(len(self.materials), 'material')}>"

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"

    @property
    def subject(self) -> str:
        """The model's name and version, or the run if it was not registered."""
        return f"{self.name}/{self.version}" if self.version else f"run {self.run_id} of {self.name}"

    def _head(self) -> str:
        standing = f", {self.standing}" if self.standing else ""
        made = f"run {self.run_id}, " if self.version else ""
        return f"{self.subject}{standing}   {made}{self.started.strftime('%Y-%m-%d %H:%M')} UTC by {self.by}"

    def _rows(self, material: Material) -> list[tuple[str, str, str]]:
        rows = [(material.what, short(material.digest) or "-", material.name)]
        if material.what == "snapshot":
            rows += [("", short(file.digest), file.name) for file in self.files[:_MOST_FILES]]
            more = len(self.files) - _MOST_FILES
            rows += [("", "", f"and {count(more, 'more file')}")] if more > 0 else []
        return rows

    def statement(self) -> dict[str, Any]:
        """An in-toto v1 Statement about the model with a predicate in the form of SLSA provenance v1, unsigned.

        The digest of a data file covers only the bytes that were read, so it has a name of its own.
        """
        made = (
            "template", "plan", "code", "own modules", "environment", "image",
            "snapshot", "features taken", "trained from",
        )  # fmt: skip
        inputs = [m for m in self.materials if m.what in made and m.digest]
        tagged = [m for m in self.materials if m.what == "image" and not m.digest]
        left = [m for m in self.materials if m.what not in (*made, "model") and m.digest]
        return {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": self.subject, "digest": {"sha256": self.digest}}],
            "predicateType": PREDICATE_TYPE,
            "predicate": {
                "buildDefinition": {
                    "buildType": BUILD_TYPE,
                    "externalParameters": {"template": dict(self.template), "asOf": self.as_of},
                    "resolvedDependencies": [
                        *({**_described(m), "annotations": {"about": m.name}} for m in inputs),
                        *({"name": m.what, "uri": m.name} for m in tagged),
                        *({"uri": f.name, "digest": {"sha256-of-bytes-read": f.digest}} for f in self.files),
                    ],
                },
                "runDetails": {
                    "builder": {"id": f"urn:raytemplate:{self.raytemplate or 'unknown'}"},
                    "metadata": {
                        "invocationId": self.run_id,
                        "startedOn": self.started.isoformat(),
                        "finishedOn": self.ended.isoformat() if self.ended else None,
                    },
                    "byproducts": [_described(m) for m in left],
                },
            },
        }  # fmt: skip


def _described(material: Material) -> dict[str, Any]:
    return {"name": material.what, "digest": {"sha256": material.digest}}


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """A run that has read a file."""

    run_id: str
    name: str
    version: int
    """Version that the run registered; 0 if none."""
    state: str
    """How the run ended."""
    as_of: str
    started: datetime
    num_files: int
    """Files that it read, of a folder."""
    digest: str
    """Digest of the bytes it read of the file; of a folder, over those of its files."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenBy:
    """The runs that have read a file or the files of a folder, newest first."""

    path: str
    seen: tuple[Seen, ...]

    def __str__(self) -> str:
        rows = [("model", "run", "as of", "state", "bytes read")]
        rows += [
            (f"{s.name}/{s.version}" if s.version else s.name, s.run_id, s.as_of, s.state, short(s.digest))
            for s in self.seen
        ]
        models = {(s.name, s.version) for s in self.seen if s.version}
        told = f"{self.path}: read by {count(len(self.seen), 'run')} and {count(len(models), 'registered model')}"
        return f"{told}\n\n{table(rows, gaps=(3, 3, 3, 3))}\n\n  raytemplate lineage {self.seen[0].run_id}"

    def __repr__(self) -> str:
        return f"<{self.path}: read by {count(len(self.seen), 'run')}>"

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"
