"""Examples that `init` writes: real data and the annotated templates shipped in `configs/`."""

import shutil
from pathlib import Path

from raytemplate.errors import UsageError
from raytemplate.spec.parents import shipped
from raytemplate.starting.example_flights import write_flights
from raytemplate.store.atomic import storage_error

EXAMPLES = {"flights": ("flights-air-time", "flights-air-time-sweep", "flights-late")}


def write_example(folder: Path, example: str) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Data and templates of an example. An existing template is kept, because it may have been edited.

    Returns:
        The templates, with the one to begin with first, and the data files.

    Raises:
        UsageError: the folder cannot be written, or the package with the data is not installed.
    """
    sources = tuple(shipped(name) for name in EXAMPLES[example])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files = write_flights(folder / "data" / "flights")
        for path in sources:
            if not (folder / path.name).exists():
                shutil.copyfile(path, folder / path.name)
    except FileExistsError as error:
        raise UsageError(f"{folder}: is a file, expected a folder or a new name") from error
    except OSError as error:
        raise storage_error(error, folder) from error
    return tuple(folder / path.name for path in sources), files
