"""Merged layers and the location of every value. Problems are collected here and raised in order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from raytemplate.errors import Problem, SpecError
from raytemplate.spec.layers import Layer, Level, plain
from raytemplate.spec.schema import NAMESPACES, Origin

_TELL_FIRST = (Level.FILE, Level.PARENT, Level.VARIANT, Level.ENVIRONMENT, Level.SET, Level.DRAWN)
_Order = tuple[bool, int, int, int, str, str]


_NAMED = (
    "features.datetime.",
    "features.crosses.",
    "features.columns.",
    "tuning.space.",
    "contract.columns.",
    "data.mask.",
    "governance.gates.",
    "metadata.",
)
"""Mappings whose keys are a person's own names; in them null removes what a lower layer has set."""


@dataclass(kw_only=True, slots=True)
class Locations:
    """The merged document, the layer that set each value, and the problems found so far."""

    layers: Sequence[Layer]
    """All layers, lowest first, with at least one file."""

    value: dict[str, Any] = field(default_factory=dict[str, Any])
    """The merged document."""

    owners: dict[str, Layer] = field(default_factory=dict[str, Layer])
    """Dotted path of every mapping and value -> the layer that set it."""

    removed: dict[str, Layer] = field(default_factory=dict[str, Layer])
    """Dotted path of every entry that null took out -> the layer that did."""

    _found: dict[tuple[str, str], tuple[_Order, Problem]] = field(
        default_factory=dict[tuple[str, str], tuple[_Order, Problem]]
    )
    _unreadable: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    def owner(self, path: str) -> Layer:
        """The layer that set the value at `path`, or the nearest mapping above it; else the template's file."""
        while path:
            if path in self.owners:
                return self.owners[path]
            path = path.rpartition(".")[0]
        return next(layer for layer in reversed(self.layers) if layer.level <= Level.FILE)

    def origin(self, path: str) -> Origin:
        """Layer and line of the value at `path`, or of the mapping that holds it."""
        return _origin(self.owner(path), path)

    def origins(self) -> dict[str, Origin]:
        """The origin of every mapping and value that some layer set."""
        return {path: _origin(layer, path) for path, layer in self.owners.items()}

    def removed_outside(self) -> tuple[str, ...]:
        """The entries that null took out in a layer that is no file."""
        return tuple(path for path, layer in self.removed.items() if not _origin(layer, path).line)

    def note(self, path: str, message: str, *, item: int | None = None, missing: bool = False) -> None:
        """Adds a problem. Of several problems with one value the first is kept.

        Args:
            item: index of the value in a list, to find its line.
            missing: whether the value is absent; such problems come last.
        """
        location = path if item is None else f"{path}.{item}"
        self.note_in(self.owner(location), location, path, message, missing=missing)

    def note_in(self, layer: Layer, location: str, path: str, message: str, *, missing: bool = False) -> None:
        """Adds a problem of one layer.

        Args:
            location: dotted path to look up in the layer.
            path: dotted path to show.
        """
        origin = _origin(layer, location)
        if (origin.where, location.rpartition(".")[2]) in self._unreadable:
            return
        index = next(n for n, one in enumerate(self.layers) if one is layer)
        order = (missing, _TELL_FIRST.index(layer.level), index, origin.line, path, message)
        self._found.setdefault((location, message), (order, Problem(where=origin.where, path=path, message=message)))

    def note_unreadable(self, layer: Layer) -> None:
        """Adds the values of a file that could not be read; later problems with them are ignored."""
        for problem in layer.problems:
            self.note_in(layer, problem.path, problem.path, problem.message)
            self._unreadable.add((problem.where, problem.path.rpartition(".")[2]))

    def add(self, problem: Problem) -> None:
        """Adds a problem that already has its location; it comes after those of the layers."""
        order = (False, len(_TELL_FIRST), 0, 0, problem.where, problem.message)
        self._found.setdefault((problem.where, problem.message), (order, problem))

    def clean(self, path: str = "") -> bool:
        """Whether no problem was noted at `path` or below it; without a path, anywhere."""
        return not any(not path or location == path or location.startswith(f"{path}.") for location, _ in self._found)

    def raise_problems(self) -> None:
        """Raises all problems found: missing values last, otherwise in the order of the file.

        Raises:
            SpecError: there are some.
        """
        if self._found:
            ordered = sorted(self._found.values(), key=lambda found: found[0])
            raise SpecError(tuple(problem for _, problem in ordered))

    def remove(self, path: str) -> None:
        """Removes a value from the document; its origin is kept."""
        *above, key = path.split(".")
        holder = self.value
        for part in above:
            holder = cast("dict[str, Any]", holder[part])
        del holder[key]


def _origin(layer: Layer, path: str) -> Origin:
    """The line of `path` in a layer, or of the nearest mapping above it; line 1 if the file has neither."""
    while path:
        if line := layer.line(path):
            return Origin(layer=layer.name, line=line, comment=layer.comments.get(line, ""))
        path = path.rpartition(".")[0]
    return Origin(layer=layer.name, line=layer.line(""))


def merge_layers(layers: Sequence[Layer]) -> Locations:
    """All layers merged, lowest first. `extends` is left out; an empty namespace sets nothing."""
    locations = Locations(layers=tuple(layers))
    for layer in layers:
        set_here = {
            key: value
            for key, value in layer.value.items()
            if key != "extends" and not (value is None and (key in NAMESPACES or key in ("model", "variants")))
        }
        _lay(locations, locations.value, set_here, "", layer)
    for layer in layers:
        locations.note_unreadable(layer)
    return locations


def _lay(locations: Locations, into: dict[str, Any], value: Mapping[str, Any], prefix: str, layer: Layer) -> None:
    for key, above in value.items():
        path = f"{prefix}{key}"
        below = into.get(key)
        if above is None and below is not None and prefix in _NAMED:
            _forget(locations, path)
            locations.removed[path] = layer
            del into[key]
            continue
        locations.removed.pop(path, None)
        if not isinstance(above, dict):
            if key in into:
                _forget(locations, path)
            into[key], locations.owners[path] = plain(above), layer
            continue
        if not isinstance(below, dict):
            if key in into:
                _forget(locations, path)
            below = into[key] = {}
        if path not in locations.owners or layer.level <= Level.FILE:
            locations.owners[path] = layer
        _lay(locations, cast("dict[str, Any]", below), cast("dict[str, Any]", above), f"{path}.", layer)
    if layer.level <= Level.FILE:  # readers expect the order of the file, followed by what its parents add
        for key in [*(key for key in value if key in into), *(key for key in into if key not in value)]:
            into[key] = into.pop(key)


def _forget(locations: Locations, path: str) -> None:
    """Drops the owners of a replaced value and of everything below it."""
    for other in [p for p in locations.owners if p == path or p.startswith(f"{path}.")]:
        del locations.owners[other]
