"""The documentation names everything there is: fields, commands, gates and exit codes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from raytemplate import errors, plugins
from raytemplate.cli.main import cli
from raytemplate.spec import schema

DOCS = Path(__file__).parent.parent / "docs"


def _fields(model: type[plugins.Options], prefix: str) -> list[str]:
    return [f"`{prefix}{field.alias or name}`" for name, field in model.model_fields.items()]


@pytest.mark.parametrize("namespace", sorted(schema.NAMESPACES))
def test_every_field_of_a_namespace_is_documented(namespace: str) -> None:
    text = (DOCS / "template.md").read_text()
    assert [f for f in _fields(schema.NAMESPACES[namespace], f"{namespace}.") if f not in text] == []


@pytest.mark.parametrize("name", plugins.names(plugins.FAMILIES))
def test_every_field_of_a_family_is_documented(name: str) -> None:
    options = plugins.load(plugins.FAMILIES, name).options
    text = (DOCS / "template.md").read_text()
    assert [f for f in _fields(options, "model.") if f not in text] == []


@pytest.mark.parametrize("name", plugins.names(plugins.FEATURE_OPTIONS))
def test_every_setting_of_a_feature_is_documented(name: str) -> None:
    text = (DOCS / "template.md").read_text()
    section = re.search(rf"### `features\.columns\.X, kind: {name}`\n(.*?)(\n###|\Z)", text, re.DOTALL)
    assert section is not None
    fields = _fields(plugins.load(plugins.FEATURE_OPTIONS, name), "")
    assert [f for f in fields if f not in section[1]] == []


@pytest.mark.parametrize("name", plugins.names(plugins.METRICS))
def test_every_metric_is_documented(name: str) -> None:
    assert f"| `{name}` |" in (DOCS / "template.md").read_text()


@pytest.mark.parametrize("name", plugins.names(plugins.GATES))
def test_every_gate_is_documented(name: str) -> None:
    assert f"`{name}:" in (DOCS / "gates.md").read_text()


def test_every_command_is_documented() -> None:
    text = (DOCS / "commands.md").read_text()
    assert [name for name in cli.list_commands(None) if f"`{name}" not in text] == []  # type: ignore[arg-type]


def test_every_exit_code_is_documented() -> None:
    text = (DOCS / "commands.md").read_text()
    kinds = [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, errors.RaytemplateError)]
    assert [k for k in kinds if k.exit_code != errors.EXIT_INTERRUPTED and f"| {k.exit_code} |" not in text] == []
