"""A run's records, each read at most once. For a run that does not change meanwhile."""

from dataclasses import dataclass, field
from typing import Any, TypeVar

from typing_extensions import override

from raytemplate.execution.journal import Journal, Passed

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ReadOnce(Journal):
    """A journal that keeps what was read."""

    read_so_far: dict[Any, Any] = field(default_factory=dict[Any, Any], compare=False, repr=False)

    @override
    def load(self, kind: type[T], name: str) -> T | None:
        """See `Journal`."""
        if (kind, name) not in self.read_so_far:
            self.read_so_far[kind, name] = Journal.load(self, kind, name)
        return self.read_so_far[kind, name]

    @override
    def passed(self) -> tuple[Passed, ...]:
        """See `Journal`."""
        if Passed not in self.read_so_far:
            self.read_so_far[Passed] = Journal.passed(self)
        return self.read_so_far[Passed]
