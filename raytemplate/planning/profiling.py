"""What a raw profile of a template's windows is made from. No machine is needed for it, and no sample is taken."""

from dataclasses import dataclass
from datetime import datetime

from raytemplate.data.mask_options import DROP
from raytemplate.data.profile.table import Asked
from raytemplate.data.profile.windows import ProfileOrder
from raytemplate.data.sources.text.rules import Rules
from raytemplate.planning.columns import check_columns
from raytemplate.planning.features import every_searched, feature_steps
from raytemplate.planning.ingesting import columns_read, split_of
from raytemplate.planning.inventory import Inventory
from raytemplate.planning.masks import mask_of
from raytemplate.planning.moments import resolve_as_of, windows_at, windows_by_split
from raytemplate.planning.stages import Window
from raytemplate.planning.taken import taken_problems
from raytemplate.spec.schema import TemplateSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class WindowsToProfile:
    """The windows of a template at a moment, and the order to profile them."""

    as_of: datetime
    """The moment."""

    windows: tuple[Window, Window, Window]
    """Train, validation and test; `data.rows` does not thin them."""

    order: ProfileOrder
    """What to profile."""


def profile_order(spec: TemplateSpec, inventory: Inventory, as_of: str) -> WindowsToProfile:
    """Everything that a run of the template would read, as of a moment.

    Raises:
        SpecError: columns that are missing from the data or have an unsuitable type.
        DataError: a window without rows.
        UsageError: `as_of` is not a moment.
    """
    source, data = inventory.source, spec.data
    check_columns(spec, source.schema, tuple(source.partitions), source.padded, also=taken_problems(spec, inventory))
    split = split_of(data, source, inventory.splits)
    moment = resolve_as_of(as_of, inventory.now, source, timed=split is None, time=data.time)
    windows = windows_at(moment, data.windows, source) if split is None else windows_by_split(moment, split, source)
    columns = columns_read(spec, inventory, every_searched(spec, feature_steps(spec)))
    order = ProfileOrder(
        source=source,
        windows=windows,
        columns=columns,
        asked=Asked(
            columns=tuple(name for name in columns if data.mask.get(name) != DROP),
            time=data.time,
            target=data.target,
            task=data.task,
            positive=data.positive,
        ),
        rules=Rules(**data.csv.model_dump()),
        drop=data.drop,
        mask=mask_of(spec),
        split=split,
    )
    return WindowsToProfile(as_of=moment, windows=windows, order=order)
