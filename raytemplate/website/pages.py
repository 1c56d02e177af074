"""The pages of a site while it is brought up to date: what is as it was is not written."""

from collections.abc import Mapping

from raytemplate.website.destination import Destination
from raytemplate.website.memory import Page


class Pages:
    """Writes the pages that differ from those that are there.

    Args:
        before: the pages as they were written.
        there: name -> bytes of the files that are there now.
    """

    def __init__(self, destination: Destination, before: Mapping[str, Page], there: Mapping[str, int]) -> None:
        self._destination, self._before, self._there = destination, before, there
        self.of_site: dict[str, Page] = {}
        self.num_written = 0

    def keep(self, name: str) -> bool:
        """Leave a page as it is; False if it is not there whole, as when somebody has removed it."""
        before = self._before.get(name)
        if before is None or self._there.get(name) != before.num_bytes:
            return False
        self.of_site[name] = before
        return True

    def put(self, name: str, data: bytes) -> None:
        """Have a page hold these bytes."""
        page = Page.of(data)
        if self._before.get(name) != page or not self.keep(name):
            self._destination.put(name, data)
            self.of_site[name] = page
            self.num_written += 1

    def remove_others(self) -> int:
        """Remove the pages that were written before and are no longer part of the site; how many."""
        others = (self._before.keys() - self.of_site.keys()) & self._there.keys()
        for name in others:
            self._destination.remove(name)
        return len(others)
