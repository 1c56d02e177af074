"""The templates of HTML pages, and how they write numbers. A value is escaped wherever it stands."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from raytemplate.data.mask_options import masked_text
from raytemplate.reports.visible import visible
from raytemplate.reports.wording import estimate_texts, settings_text, stopped_by, taken_text
from raytemplate.units import (
    show_bytes,
    show_limit,
    show_milliseconds,
    show_moment,
    show_seconds,
    show_usd,
    show_usd_limit,
)

_FILTERS: Mapping[str, Callable[[Any], Any]] = {
    "bytes": show_bytes, "limit": show_limit, "moment": show_moment, "seconds": show_seconds, "usd": show_usd,
    "usd_limit": show_usd_limit, "milliseconds": show_milliseconds, "texts": estimate_texts, "settings": settings_text,
    "stopped_by": stopped_by, "masked": masked_text, "taken": taken_text,
}  # fmt: skip


def _shown(value: Any) -> Any:
    """A value of a page without control characters; what is HTML already stays it."""
    if isinstance(value, Markup):
        return Markup(visible(value))
    return visible(value) if isinstance(value, str) else value


@cache
def templates() -> Environment:
    """All templates; one that was used stays compiled, which takes longer than to fill it in."""
    environment = Environment(
        loader=PackageLoader("raytemplate.reports", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=_shown,
    )
    environment.filters.update(_FILTERS)
    return environment
