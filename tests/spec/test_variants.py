"""Variants: checked even if not applied, with a last day, and unable to make themselves promotable."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from template_text import WHOLE, write

from raytemplate.errors import SpecError
from raytemplate.spec.load import load

SMOKE = "smoke: {data.ingest: memory, training: {epochs: 1}}"


def problems(folder: Path, text: str, **layers: object) -> list[str]:
    with pytest.raises(SpecError) as caught:
        load(write(folder, text), environ={}, **layers)  # type: ignore[arg-type]
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]


def with_smoke(text: str) -> str:
    assert SMOKE in WHOLE
    return WHOLE.replace(SMOKE, text)


@pytest.mark.parametrize(
    ("smoke", "problem"),
    [
        (
            "smoke: {training.epochs: ten}",
            't.yaml:26  variants.smoke.training.epochs: got "ten", expected a whole number of epochs, 1 or more',
        ),
        (
            "smoke: {training.loss: quantile, evaluation.metric: mae}",
            "t.yaml:15  training.quantile: missing; loss quantile needs it, such as 0.9",
        ),
        (
            "smoke: {features.numeric: [dep_delay]}",
            't.yaml:26  variants.smoke.features.numeric: "dep_delay" matches "dep_*" in features.forbidden',
        ),
        (
            "smoke: {extends: a.yaml}",
            "t.yaml:26  variants.smoke.extends: is allowed only at the top of a file; remove it",
        ),
        ("smoke: {expires: soon}", 't.yaml:26  variants.smoke.expires: got "soon", expected a date such as 2026-12-31'),
        ("smoke: {owner: [a]}", 't.yaml:26  variants.smoke.owner: got ["a"], expected text'),
        (
            "standard: {training.epochs: 1}",
            "t.yaml:26  variants.standard: standard is the file as written; give the variant another name",
        ),
        (
            "smoke: {governance.promotable: [smoke]}",
            "t.yaml:26  variants.smoke.governance.promotable: only a file may say which variants may be promoted",
        ),
    ],
    ids=lambda text: text[:24],
)
def test_a_wrong_variant_is_told_though_it_is_not_applied(tmp_path: Path, smoke: str, problem: str) -> None:
    found = problems(tmp_path, with_smoke(smoke))
    assert problem in found
    assert len([one for one in found if "columns" not in one]) == 1


def test_what_is_wrong_with_the_file_is_told_once(tmp_path: Path) -> None:
    assert len(problems(tmp_path, WHOLE.replace("epochs: 6", "epochs: six"))) == 1


def test_the_command_line_is_not_held_against_a_variant(tmp_path: Path) -> None:
    assert load(write(tmp_path), sets=["model.kind=lightgbm"], environ={}).variant == "standard"


def test_a_variant_names_itself_and_keeps_the_owner_of_the_template(tmp_path: Path) -> None:
    path = write(tmp_path, with_smoke("smoke: {owner: ann, expires: 2030-01-31, training.epochs: 1}"))
    spec = load(path, variant="smoke", environ={}, today=date(2030, 1, 31))
    assert (spec.variant, spec.owner, spec.training.epochs) == ("smoke", "ops", 1)
    assert load(path, variant="standard", environ={}).training.epochs == 6


def test_an_expired_variant_is_refused_when_it_is_used(tmp_path: Path) -> None:
    text = with_smoke("smoke: {owner: ann, expires: 2030-01-31, training.epochs: 1}")
    assert load(write(tmp_path, text), environ={}, today=date(2030, 2, 1)).training.epochs == 6
    message = "variant smoke expired on 2030-01-31; ask ann, or move the date if it is still wanted"
    found = problems(tmp_path, text, variant="smoke", today=date(2030, 2, 1))
    assert found == [f"t.yaml:26  variants.smoke.expires: {message}"]


def test_promotable_names_variants_that_there_are(tmp_path: Path) -> None:
    text = WHOLE.replace("governance:\n", "governance:\n  promotable: [standard, smok]\n")
    assert problems(tmp_path, text) == [
        't.yaml:22  governance.promotable: no such variant: "smok"; did you mean smoke?'
    ]


def test_promotable_is_not_set_from_outside(tmp_path: Path) -> None:
    assert problems(tmp_path, WHOLE, sets=["governance.promotable=[smoke]"]) == [
        "--set governance.promotable=[smoke]  governance.promotable: only a file may say which variants may be promoted"
    ]


def test_a_parents_variant_serves_templates_of_several_families(tmp_path: Path) -> None:
    write(tmp_path, WHOLE, "base.yaml")
    child = write(tmp_path, "extends: base.yaml\nmodel: {kind: lightgbm}\n", "child.yaml")
    spec = load(child, variant="smoke", environ={})
    assert (spec.data.ingest, spec.family, "training.epochs" in spec.dropped) == ("memory", "lightgbm", True)


CHILD = """\
extends: raytemplate:{parent}
data: {{source: d/*.parquet, time: t, target: y}}
features:
  categorical: [a]
{more}"""


@pytest.mark.parametrize(
    ("parent", "more"),
    [
        ("tabular-regression", ""),
        ("tabular-binary", ""),
        ("tabular-multiclass", ""),
        ("tabular-binary", "model: {kind: lightgbm}\n"),
        ("flights-late", "  numeric: [precip]\n"),
        ("flights-air-time", "  numeric: [precip]\n"),
    ],
)
def test_every_shipped_template_has_a_smoke_variant_for_show(tmp_path: Path, parent: str, more: str) -> None:
    spec = load(write(tmp_path, CHILD.format(parent=parent, more=more)), variant="smoke", environ={})
    assert str(spec.data.windows.train) in ("14d", "30d")
    assert "smoke" not in spec.governance.promotable
