"""Whether a champion's weights fit this run's columns, and how its codes of categories map to this run's."""

from pathlib import Path

from raytemplate.data.features.encoding import FittedFeatures
from raytemplate.data.features.fitted import FittedColumn
from raytemplate.models.context import Start
from raytemplate.models.saved import FEATURES
from raytemplate.records import codec

_FIRST = 2  # codes 0 and 1 mean unknown and missing in every vocabulary


def start_from(folder: Path, now: FittedFeatures) -> Start | str:
    """What training starts from, given the folder of a champion; or why its weights do not fit this run.

    Scales and the target's mean may have moved: weights learnt with the old ones are still a good start. Columns, their
    order and the classes must be the same. Values of a category may come, go and change their codes, because each value
    is mapped to its code in the champion.
    """
    then = codec.loads(FittedFeatures, (folder / FEATURES).read_bytes(), where=str(folder / FEATURES))
    if (then.task, then.classes) != (now.task, now.classes):
        return "it predicts something else"
    if (_dense(then), then.codes) != (_dense(now), now.codes):
        changed = sorted({*_dense(then), *then.codes} ^ {*_dense(now), *now.codes})
        return f"its columns are others: {', '.join(changed[:3])}" if changed else "its columns stand in another order"
    known = {feature.column: _values(feature) for feature in then.features}
    values = {feature.column: _values(feature) for feature in now.features}
    codes: dict[str, tuple[int, ...]] = {}
    for column, before, after in zip(now.codes, then.cardinalities, now.cardinalities, strict=True):
        if values.get(column):
            codes[column] = _codes_then(known.get(column, ()), values[column])
        elif before == after:
            codes[column] = tuple(range(after))
        else:
            return f"{column} had {before:,} codes and has {after:,}"
    return Start(folder=folder, codes=codes)


def _dense(features: FittedFeatures) -> tuple[str, ...]:
    """The dense columns, including those that mark missing values, which families with weights have."""
    return (*features.dense, *(gap.name for gap in features.gaps))


def _values(feature: FittedColumn) -> tuple[str, ...]:
    """The values of an embedded category in the order of their codes; () for any other kind of feature."""
    embedded = feature.kind == "categorical" and feature.state.get("encoding") == "embedding"
    return tuple(feature.state["values"]) if embedded else ()


def _codes_then(then: tuple[str, ...], now: tuple[str, ...]) -> tuple[int, ...]:
    before = {value: code for code, value in enumerate(then, _FIRST)}
    return (*range(_FIRST), *(before.get(value, -1) for value in now))
