"""The contract of a template as a plan holds it."""

from collections.abc import Iterator

from raytemplate.data.promises import KeyPromise, Promises, RowPromise
from raytemplate.data.sources.listing import Slice, SourceFile
from raytemplate.planning.stages import FileSlice
from raytemplate.records.codec import Settings
from raytemplate.spec.schema import TemplateSpec

_AS_EVER = (("on_breach", "fail"), ("unique", False))


def contract_of(spec: TemplateSpec) -> Settings:
    """Column -> what the contract promises about it. Defaults that earlier versions do not know are not written."""
    dumped = {n: c.model_dump(mode="json", exclude_none=True) for n, c in spec.contract.columns.items()}
    return Settings({n: {k: v for k, v in c.items() if (k, v) not in _AS_EVER} for n, c in dumped.items()})


def promises_of(spec: TemplateSpec) -> Promises | None:
    """What the contract promises beyond single columns; None if it promises nothing that earlier versions could not."""
    contract = spec.contract
    rows = tuple(RowPromise(rule=one.rule, on_breach=one.on_breach) for one in contract.rows)
    unique = [
        KeyPromise(path=f"contract.columns.{name}", columns=(name,), on_breach=one.on_breach)
        for name, one in contract.columns.items()
        if one.unique
    ]
    if contract.unique:
        key = contract.unique
        unique.append(KeyPromise(path="contract.unique", columns=key.rule, on_breach=key.on_breach))
    marks = any(one.on_breach != "fail" for one in contract.columns.values())
    if not (rows or unique or marks or contract.min_rows or contract.freshness):
        return None
    most = contract.max_quarantined
    return Promises(
        rows=rows,
        unique=tuple(unique),
        min_rows=contract.min_rows or 0,
        freshness_s=contract.freshness or 0.0,
        max_quarantined_share=most if isinstance(most, float) else 1.0,
        max_quarantined=None if isinstance(most, float) else most,
    )


def row_numbers(planned: tuple[FileSlice, ...], listed: tuple[SourceFile, ...]) -> Settings:
    """File -> for each of its planned slices the rows before it in the file and the rows in it."""
    slices = {file.path: file.slices for file in listed}
    found: dict[str, list[tuple[int, int]]] = {}
    for file in planned:
        numbers = (one.number for one in slices[file.path])
        counted = dict(zip(numbers, _counted(slices[file.path]), strict=True))
        found[file.path] = [counted[number] for number in file.slices]
    return Settings(found)


def _counted(slices: tuple[Slice, ...]) -> Iterator[tuple[int, int]]:
    before = 0
    for one in slices:
        yield before, one.num_rows
        before += one.num_rows
