"""A feature set as `lineage features/MODEL/VERSION` prints it: what it holds, and what has taken it."""

from dataclasses import dataclass
from datetime import datetime
from html import escape

from raytemplate.reports.layout import hanging, table
from raytemplate.reports.wording import short
from raytemplate.units import count, show_moment


@dataclass(frozen=True, kw_only=True, slots=True)
class Use:
    """A run that has taken the set."""

    run_id: str
    name: str
    """Name of its template and model."""
    version: int
    """Version that the run registered; 0 if none."""
    state: str
    """How the run ended."""
    as_of: str
    started: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureSetView:
    """The fitted features of one version of a registered model."""

    model: str
    """Name of the model."""
    version: int
    """Version of the model, and of the set."""
    standing: str
    """State of that version, such as "champion"."""
    run_id: str
    """Run that made the model."""
    model_digest: str
    """Digest of the model's files, under which the content store keeps the set."""
    digest: str
    """sha256 over the fitted features: what plans that take them record."""
    seen_until: datetime
    """Moment up to which the model has seen data."""
    features: tuple[tuple[str, str], ...]
    """(name, kind) of each feature."""
    uses: tuple[Use, ...]
    """The runs that have taken it, newest first."""

    @property
    def name(self) -> str:
        """Its name, such as "features/flights-air-time/3"."""
        return f"features/{self.model}/{self.version}"

    def __str__(self) -> str:
        kinds: dict[str, list[str]] = {}
        for column, kind in self.features:
            kinds.setdefault(kind, []).append(column)
        held = "; ".join(f"{kind} {', '.join(columns)}" for kind, columns in kinds.items())
        lines = [
            ("features", f"{len(self.features)}: {held}"),
            ("digest", short(self.digest)),
            ("model", f"{self.model}/{self.version}, {self.standing}, digest {short(self.model_digest)}"),
            ("seen until", show_moment(self.seen_until)),
        ]
        about = "\n".join(hanging(f"  {name:<13}", text) for name, text in lines)
        return "\n\n".join([f"{self.name}   run {self.run_id}", about, self._uses()])

    def _uses(self) -> str:
        if not self.uses:
            return f"No run has taken it. To take it, write in a template:\n  features: {{from: {self.name}}}"
        rows = [("taken by", "run", "as of", "state")]
        rows += [(f"{u.name}/{u.version}" if u.version else u.name, u.run_id, u.as_of, u.state) for u in self.uses]
        return f"{table(rows, gaps=(3, 3, 3))}\n\n  raytemplate lineage {self.uses[0].run_id}"

    def __repr__(self) -> str:
        return f"<{self.name}: {count(len(self.features), 'feature')}, taken by {count(len(self.uses), 'run')}>"

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"
