"""Checks of `data.mask` that need no data: what cannot be masked, and a key for hashes."""

from typing import Any, cast

from raytemplate.data.conditions import target_columns
from raytemplate.data.mask_options import HASH
from raytemplate.data.options import DataSpec
from raytemplate.spec.locate import Locations

_KEY = (
    "missing; a hash needs a key: mask_key: {env: RAYTEMPLATE_MASK_KEY}, and set that variable to the output of "
    "openssl rand -hex 32"
)


def check_mask(locations: Locations, data: DataSpec) -> None:
    """Notes a mask of the target or the time, and hashes without a key."""
    mask = cast("dict[str, Any]", data.mask)
    for column in mask:
        if column == data.time:
            locations.note(f"data.mask.{column}", "is data.time; windows are cut by it, so it cannot be masked")
        elif column in _targets(data):
            locations.note(f"data.mask.{column}", "is in data.target; what is predicted cannot be masked")
    if HASH in mask.values() and not data.mask_key and locations.clean("data.mask_key"):
        locations.note("data.mask_key", _KEY, missing=True)


def _targets(data: DataSpec) -> tuple[str, ...]:
    try:
        return target_columns(data.target)
    except ValueError:  # noted by the checks of the task
        return ()
