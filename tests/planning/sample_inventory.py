"""Inventories without files: a year of flights on a machine of two CPUs."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from small_flights import SHIPPED

from raytemplate.data.sources.listing import Slice, SourceFile, SourceTable
from raytemplate.planning.inventory import Champion, Cluster, Inventory, Node
from raytemplate.spec.load import load

TEXT = ("carrier", "origin", "dest")
NUMBERS = (
    "air_time", "distance", "seats", "temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib", "dep_delay",
)  # fmt: skip
SCHEMA = {
    "time_hour": "timestamp[us, tz=UTC]",
    "flight": "int64",
    **dict.fromkeys(TEXT, "string"),
    **dict.fromkeys(NUMBERS, "double"),
}
NEWEST = datetime(2014, 1, 1, 4, tzinfo=UTC)


def moment(month, day=1):
    return datetime(2013 + (month - 1) // 12, (month - 1) % 12 + 1, day, tzinfo=UTC)


def spec_of(changes=None):
    return load(SHIPPED, overrides=changes or {}, environ={})


def source(rows_a_month=28_000, schema=None):
    """Twelve files, a row group each half of a month."""
    schema = SCHEMA if schema is None else schema
    bytes_ = dict.fromkeys(schema, rows_a_month * 2)

    def group(month, half):
        start, middle, end = moment(month), moment(month, 16), moment(month + 1)
        low, high = (start, middle) if half == 0 else (middle, end)
        return Slice(
            number=half,
            num_rows=rows_a_month // 2,
            time_min=low,
            time_max=high - timedelta(hours=1),
            column_bytes=bytes_,
        )

    files = tuple(
        SourceFile(
            path=f"data/flights/2013-{month:02}.parquet",
            size_bytes=575_000,
            sha256=f"{month:02}" * 32,
            slices=(group(month, 0), group(month, 1)),
        )
        for month in range(1, 13)
    )
    return SourceTable(kind="parquet", root="/demo", files=files, schema=schema)


def node(**changes):
    return replace(Node(name="this machine", cpus=2.0, gpus=0.0, memory_bytes=24 * 10**9), **changes)


def inventory(*nodes, **changes):
    found = Inventory(
        now=datetime(2013, 6, 15, 13, 45, tzinfo=UTC),
        cluster=Cluster(nodes=nodes or (node(),)),
        source=source(),
        champion=None,
        history=(),
    )
    return replace(found, **changes)


CHAMPION = Champion(
    version=1, digest="a" * 64, term=1, columns=("distance", "wind_gone"), run_id="k7q2", seen_until=moment(5, 18)
)
