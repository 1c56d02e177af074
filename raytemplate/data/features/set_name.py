"""The name of a feature set, as a template writes it. Kept light: checking a template must import no array library."""

import re
from dataclasses import dataclass

PATTERN = r"^features/[a-z0-9-]+/([1-9][0-9]*|latest)$"
_NAME = re.compile(r"features/(?P<model>[a-z0-9-]+)/(?:(?P<version>[1-9][0-9]*)|latest)")


@dataclass(frozen=True, kw_only=True, slots=True)
class SetName:
    """A name such as "features/flights-air-time/3"."""

    model: str
    """The model whose fitted features they are."""

    version: int
    """The version of that model; 0 for "latest", which is its champion."""

    def __str__(self) -> str:
        return f"features/{self.model}/{self.version or 'latest'}"


def parse_set_name(text: str) -> SetName:
    """The name that a text spells.

    Raises:
        ValueError: it spells none.
    """
    found = _NAME.fullmatch(text)
    if found is None:
        raise ValueError(f'got "{text}", expected features/MODEL/VERSION or features/MODEL/latest')
    return SetName(model=found["model"], version=int(found["version"] or 0))
