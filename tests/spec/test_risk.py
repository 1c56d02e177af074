"""The risk that a file states can be raised by whoever starts a run, not lowered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from template_text import WHOLE, write

from raytemplate.errors import SpecError
from raytemplate.spec.load import load

HIGH = WHOLE.replace("governance:\n", "governance:\n  risk: high\n").replace(
    "smoke: {", "smoke: {governance.risk: low, "
)


@pytest.mark.parametrize(
    ("text", "layers", "risk"),
    [
        (WHOLE, {}, "low"),
        (WHOLE, {"sets": ["governance.risk=high"]}, "high"),
        (HIGH, {"sets": ["governance.risk=high"]}, "high"),
        (HIGH, {}, "high"),
    ],
)
def test_it_can_be_raised(tmp_path: Path, text: str, layers: dict[str, Any], risk: str) -> None:
    assert load(write(tmp_path, text), environ={}, **layers).governance.risk == risk


@pytest.mark.parametrize(
    ("layers", "where"),
    [
        ({"sets": ["governance.risk=low"]}, "--set governance.risk=low"),
        ({"overrides": {"governance.risk": "low"}}, "set governance.risk"),
        ({"environ": {"RAYTEMPLATE_SET_GOVERNANCE__RISK": "low"}}, "environment RAYTEMPLATE_SET_GOVERNANCE__RISK"),
        ({"variant": "smoke"}, "t.yaml:27"),
    ],
    ids=["--set", "Python", "environment", "variant"],
)
def test_it_cannot_be_lowered(tmp_path: Path, layers: dict[str, Any], where: str) -> None:
    with pytest.raises(SpecError) as found:
        load(write(tmp_path, HIGH), **{"environ": {}, **layers})
    [problem] = found.value.problems
    assert problem.where.replace(f"{tmp_path}/", "") == where
    said = problem.message.replace(f"{tmp_path}/", "")
    assert said == 'got "low", expected high, as t.yaml:22 says: it can be raised here, not lowered'
