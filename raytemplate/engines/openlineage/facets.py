"""What OpenLineage has no facet for: a run of ours, its snapshot and the version that it registered."""

from __future__ import annotations

from importlib.metadata import version as installed

import attr
from openlineage.client.facet_v2 import DatasetFacet, RunFacet, set_producer

PRODUCER = "urn:raytemplate"
"""Who sends the events, as a URI."""
set_producer(PRODUCER)


def _schema(name: str) -> str:
    return f"{PRODUCER}:facets:{name}:1"


@attr.define
class RetrainingRunFacet(RunFacet):
    """`raytemplate_run`: the run in our own words."""

    run: str
    """Id of the run in its workspace."""
    plan: str
    """Id of its plan."""
    version: str
    """Version of the template."""
    variant: str
    """Variant of the template."""
    asOf: str  # noqa: N815  OpenLineage writes its fields so
    """The moment that the windows are counted back from."""
    commit: str
    """Git commit of the template's folder; "" if it is in none."""
    state: str
    """How the run ended, such as "approved"; "" while it runs."""
    raytemplate: str = attr.field(factory=lambda: installed("raytemplate"))
    """Version of this package."""

    @staticmethod
    def _get_schema() -> str:
        return _schema("run")


@attr.define
class WindowRead:
    """A window of a snapshot."""

    name: str
    """Name of the window."""
    rows: int
    """Rows that were used."""
    start: str | None = None
    """First moment; None if it is no range of time."""
    end: str | None = None
    """First moment after it; None if it is no range of time."""


@attr.define
class SnapshotDatasetFacet(DatasetFacet):
    """`raytemplate_snapshot`: exactly which data was read."""

    digest: str
    """sha256 over the bytes that were read, columns, windows and the rule for rows."""
    name: str
    """What a person can say for it, such as "flights@3f7f16"."""
    windows: list[WindowRead]
    """The windows."""

    @staticmethod
    def _get_schema() -> str:
        return _schema("snapshot")


@attr.define
class ModelDatasetFacet(DatasetFacet):
    """`raytemplate_model`: the version that a run registered."""

    digest: str
    """sha256 of the model's files."""
    outcome: str
    """What became of it: "promoted", "waiting" for a person, or "unchanged"."""

    @staticmethod
    def _get_schema() -> str:
        return _schema("model")
