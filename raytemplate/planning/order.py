"""The order that a template's source receives to list its files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from raytemplate.data.sources.naming import SQL
from raytemplate.data.sources.source import ListOrder
from raytemplate.data.sources.storage import Storage
from raytemplate.records.codec import Settings
from raytemplate.secret import found_from
from raytemplate.spec.schema import TemplateSpec


def order_of(spec: TemplateSpec, cache: Path | None = None, taken: Mapping[str, str] | None = None) -> ListOrder:
    """The listing order of a template.

    Args:
        cache: see `ListOrder`.
        taken: columns of a feature set that is taken -> their types in the words of a contract; a contract of the
            template itself comes first.
    """
    promised: Mapping[str, Any] = getattr(spec.contract, "columns", None) or {}
    settings = spec.data.csv.model_dump(mode="json")
    if spec.data.source == SQL:
        settings |= {"url": found_from(spec.data.sql.url, spec.folder), "query": spec.data.sql.query}
    return ListOrder(
        pattern=spec.data.source,
        root=spec.folder,
        time=spec.data.time,
        settings=Settings(settings),
        types={
            **(taken or {}),
            **{name: str(column.type) for name, column in promised.items() if getattr(column, "type", None)},
        },
        cache=cache,
        storage=Storage(**spec.data.storage.model_dump()),
        masked=tuple(spec.data.mask),
        version=spec.data.version,
    )
