"""Checks that every value a sweep may draw is one that a template may have."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from raytemplate import plugins
from raytemplate.data.features.options import settings_of
from raytemplate.document import split_path
from raytemplate.errors import SpecError
from raytemplate.models.options import Family, TrainingSpec
from raytemplate.spec.layers import Layer, Level, nested
from raytemplate.spec.locate import Locations, merge_layers
from raytemplate.spec.schema import TemplateSpec
from raytemplate.spec.synonyms import meanings
from raytemplate.spec.wording import show_value
from raytemplate.tuning.draws import Draw, Scalar, parse_draw
from raytemplate.tuning.options import Drawn, TuningSpec
from raytemplate.tuning.searches import Search
from raytemplate.tuning.space import COLUMNS, KIND, conditions, knobs

Build = Callable[[Locations], TemplateSpec]
_SEARCHED = ("model", "training", "features")
_SAME_FOR_ALL = frozenset({
    "training.seed", "training.quantile", "training.threads", "training.warm_start", "training.checkpoint_every",
    "training.checkpoint_minutes", "training.keep_checkpoints", "training.keep_best",
})  # fmt: skip
"""Fields that cannot be searched: trials that differ in them could not be compared, or would hold more than they are
charged for."""


def lay_out_space(locations: Locations) -> None:
    """Rewrites the space so that every drawn field has its dotted name, its draw and its conditions.

    In `{draw: int(50, 400), when: ...}`, as in any `{...}`, YAML ends a value at the comma; the rest of the draw is
    joined to it again.
    """
    tuning: Any = locations.value.get("tuning")
    if isinstance(tuning, dict) and isinstance(space := cast("dict[str, Any]", tuning).get("space"), dict):
        tuning["space"] = _flat(locations, cast("dict[str, Any]", space), "")


def _flat(locations: Locations, space: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, below in space.items():
        last = next(reversed(flat), "")
        if below is None and last and _is_open(flat[last]["draw"]):
            flat[last]["draw"] += f", {key}"
            locations.owners.pop(f"tuning.space.{prefix}{key}", None)
        elif isinstance(below, dict) and not below.keys() & Drawn.model_fields.keys():
            flat |= _flat(locations, cast("dict[str, Any]", below), f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = _one(locations, below, f"tuning.space.{prefix}{key}")
    return flat


def _one(locations: Locations, written: object, path: str) -> dict[str, Any]:
    if isinstance(written, dict):
        return _whole(locations, cast("dict[str, Any]", written), path)
    if path in locations.owners:
        locations.owners[f"{path}.draw"] = locations.owners[path]
    return {"draw": written}


def _whole(locations: Locations, written: Mapping[str, Any], path: str) -> dict[str, Any]:
    rest = [key for key, value in written.items() if value is None and key not in Drawn.model_fields]
    text = written.get("draw")
    if not rest or not isinstance(text, str) or not _is_open(text):
        return dict(written)
    for key in rest:  # part of the draw, not a value that somebody set
        locations.owners.pop(f"{path}.{key}", None)
    kept = {key: value for key, value in written.items() if key not in rest}
    return {**kept, "draw": ", ".join([text, *rest])}


def _is_open(draw: object) -> bool:
    return isinstance(draw, str) and draw.count("(") > draw.count(")")


def check_space(locations: Locations, tuning: TuningSpec, build: Build) -> tuple[TemplateSpec, ...]:
    """Notes names that are not fields, values that a field may not have, and conditions that can never hold.

    Args:
        build: makes a template from layers, or raises all their problems.

    Returns:
        the template without its sweep, once for each family that may be drawn.
    """
    search = _search(locations, tuning)
    for name, one in tuning.space.items():
        _check_one(locations, name, one, tuning, search)
    if not locations.clean():
        return ()
    try:
        knobs(tuning.space)
    except ValueError as error:
        locations.note("tuning.space", str(error))
        return ()
    arms = tuple(_arm(locations, kind, build) for kind in _drawn(tuning, KIND))
    if locations.clean():
        for name in tuning.space:
            _try_values(locations, name, tuning, build)
    return tuple(arm for arm in arms if arm is not None)


def _searched_as(name: str) -> str | None:
    """The field of training or of a family that is written without its namespace, or as another library calls it."""
    if "." in name:
        return None
    families: list[Family] = [plugins.load(plugins.FAMILIES, each) for each in plugins.names(plugins.FAMILIES)]
    models = (("training", TrainingSpec), *(("model", family.options) for family in families))
    fields = (f"{namespace}.{name}" for namespace, model in models if name in model.model_fields)
    meant = (found for found in meanings(name) if found.startswith(("training.", "model.")))
    return next((found for found in (*fields, *meant) if found not in _SAME_FOR_ALL), None)


def _search(locations: Locations, tuning: TuningSpec) -> Search | None:
    try:
        return plugins.load(plugins.SEARCHES, tuning.search)
    except plugins.PluginError as error:
        locations.note("tuning.search", str(error))
        return None


def _check_one(locations: Locations, name: str, one: Drawn, tuning: TuningSpec, search: Search | None) -> None:
    path = ".".join(split_path(name))
    if path in locations.owners and locations.owner(path).level in (Level.ENVIRONMENT, Level.SET):
        locations.note(
            name, f"is searched, so a draw of tuning.space.{name} would replace this value; set that instead"
        )
    location, draw = f"tuning.space.{name}", parse_draw(one.draw)
    if name.partition(".")[0] not in _SEARCHED:
        searched = _searched_as(name)
        locations.note(
            location,
            f"cannot be searched; did you mean tuning.space.{searched}?"
            if searched
            else "cannot be searched; fields of model and training can, and settings of feature columns",
        )
    elif name.startswith("features."):
        if not name.startswith(COLUMNS) or len(split_path(name)) != 4:
            locations.note(
                location,
                "cannot be searched; of features, only one setting of a column can, such as "
                f"{COLUMNS}COLUMN.kind; a column's name with dots goes in double quotes",
            )
    elif name in _SAME_FOR_ALL or name.count(".") > 1:
        locations.note(
            location,
            "cannot be searched: it must be the same in all trials"
            if name in _SAME_FOR_ALL
            else "cannot be searched: only a whole field of model or training can",
        )
    if name == KIND and (not draw.values or one.when):
        locations.note(location, "expected families without a condition, such as choice(lightgbm, tabular-mlp)")
    if search and search.finite_only and not draw.is_finite:
        locations.note(
            location,
            f"got {show_value(one.draw)}, which has infinitely many values, and tuning.search is "
            f"{search.name}, which tries them all; expected choice, grid, int or quniform",
        )
    if search and not search.finite_only and draw.kind == "grid":
        locations.note(
            location,
            f"got {show_value(one.draw)}, and tuning.search is {search.name}, which may not try "
            "them all; expected choice, or tuning.search: grid",
        )
    for other, wanted in one.when.items():
        if other not in tuning.space:
            locations.note(f"{location}.when", f"{other} is not drawn; expected another field of tuning.space")
        elif not _may_be(parse_draw(tuning.space[other].draw), wanted):
            found = tuning.space[other].draw
            locations.note(f"{location}.when", f"{other} is never {show_value(wanted)}; it is {found}")


def _may_be(draw: Draw, value: Scalar) -> bool:
    if draw.values:
        return value in draw.values
    return isinstance(value, int | float) and draw.low <= value <= draw.high


def _arm(locations: Locations, kind: Scalar | None, build: Build) -> TemplateSpec | None:
    """The template with the family `kind`; None, with the problems noted, if they do not fit together."""
    try:
        return build(_with(locations, _put(KIND, kind)))
    except SpecError as error:
        for problem in error.problems:
            locations.note(f"tuning.space.{KIND}", f"{kind}: {problem.path}: {problem.message}")
        return None


def _try_values(locations: Locations, name: str, tuning: TuningSpec, build: Build) -> None:
    """Notes the problems with the values of one field, for each kind that it may be drawn with."""
    if name == KIND:
        return
    draw, decider, given = parse_draw(tuning.space[name].draw), _decider(name), conditions(tuning.space, name)
    kinds = (None,) if name == decider else _drawn(tuning, decider)
    wanted = [kind for kind in kinds if given.get(decider, kind) == kind]
    found = {
        kind: [
            m
            for v in draw.tried()
            for m in _problems(_with(locations, {**given, **_put(decider, kind), name: v}), name, v, build)
        ]
        for kind in wanted
    }
    foreign = [kind for kind, messages in found.items() if any(_is_foreign(message) for message in messages)]
    if foreign and len(foreign) < len(wanted):
        others = next(kind for kind in wanted if kind not in foreign)
        locations.note(
            f"tuning.space.{name}", f"not used by {' and '.join(map(str, foreign))}; add when: {{{decider}: {others}}}"
        )
        return
    messages = [message for messages in found.values() for message in messages]
    if messages:  # one is enough, preferably one that suggests the right name
        said = next((m for m in messages if "did you mean" in m), messages[0])
        whole = "; int(1, 5) draws those" if "uniform" in draw.kind and "a whole number" in said else ""
        locations.note(f"tuning.space.{name}", said + whole)


def _decider(name: str) -> str:
    """The field that decides which sibling fields exist: the family, or the kind of a column's feature."""
    return f"{name.rpartition('.')[0]}.kind" if name.startswith(COLUMNS) else KIND


def _drawn(tuning: TuningSpec, decider: str) -> tuple[Scalar | None, ...]:
    """The kinds that may be drawn; None means the template's own."""
    return parse_draw(tuning.space[decider].draw).values if decider in tuning.space else (None,)


def _put(decider: str, kind: Scalar | None) -> dict[str, Scalar]:
    return {} if kind is None else {decider: kind}


def _is_foreign(message: str) -> bool:
    return message.startswith(("no such field", "not used by"))


def _problems(locations: Locations, name: str, value: Scalar, build: Build) -> Iterator[str]:
    told = f"with {show_value(value)}, " if name == _decider(name) else ""
    try:
        build(locations)
    except SpecError as error:
        yield from dict.fromkeys(
            p.message if p.path == name else f"{told}{p.path}: {p.message}" for p in error.problems
        )


def _with(locations: Locations, values: dict[str, Any]) -> Locations:
    """The template without its sweep and with drawn values; a drawn kind of feature keeps only settings it has."""
    drawn = [Layer(name="tuning.space", level=Level.DRAWN, value=nested(n, v)) for n, v in values.items()]
    merged = merge_layers([*locations.layers, *drawn])
    merged.value.pop("tuning", None)
    for name, kind in values.items():
        if name.startswith(COLUMNS) and name == _decider(name) and plugins.is_known(plugins.FEATURES, kind):
            columns, column = merged.value["features"]["columns"], split_path(name)[2]
            drawn_here = {each.rpartition(".")[2] for each in values if _decider(each) == name}
            own = columns[column]
            columns[column] = settings_of(str(kind), own) | {each: own[each] for each in drawn_here}
    return merged
