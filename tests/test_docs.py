"""The documentation matches the code: generated parts are fresh, and every command and metric is explained."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from raytemplate import errors, plugins
from raytemplate.cli.main import cli

DOCS = Path(__file__).parent.parent / "docs"


def _generator() -> ModuleType:
    found = importlib.util.spec_from_file_location("generate_docs", DOCS / "generate.py")
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


GENERATOR = _generator()


def test_what_is_generated_is_fresh() -> None:
    """Fields, command options, failures and gates match the code. `make docs` writes them."""
    assert list(GENERATOR.stale()) == []


@pytest.mark.parametrize(
    ("page", "row"),
    [
        ("template-reference.md", "| `training.epochs` | Most passes"),
        ("template-reference.md", "| `model.num_leaves` |"),
        ("template-reference.md", "| `contract.columns.X.nullable` |"),
        ("commands.md", "| `plan` | `--save FILE` |"),
        ("commands.md", "| `TrainingFailed` | 9 |"),
        ("gates.md", "| [`beats-champion`]"),
    ],
)
def test_a_row_that_is_lost_or_wrong_is_written_again(page: str, row: str) -> None:
    text = (DOCS / page).read_text()
    (line,) = [line for line in text.splitlines(keepends=True) if line.startswith(row)]
    for spoilt in (text.replace(line, ""), text.replace(line, f"{row} something else |\n")):
        assert spoilt != text
        assert GENERATOR.PAGES[page](spoilt) == text


def test_a_table_that_is_missing_is_added_in_its_place() -> None:
    text = (DOCS / "template-reference.md").read_text()
    section = text[text.index("### `budget`\n") : text.index("### `evaluation`\n")]
    assert GENERATOR.template_page(text.replace(section, "")) == text


@pytest.mark.parametrize("name", plugins.names(plugins.METRICS))
def test_every_metric_is_documented(name: str) -> None:
    assert f"| `{name}` |" in (DOCS / "template-reference.md").read_text()


@pytest.mark.parametrize("name", plugins.names(plugins.GATES))
def test_every_gate_is_shown_with_a_setting(name: str) -> None:
    assert f"`{name}:" in (DOCS / "gates.md").read_text()


def test_every_command_is_documented() -> None:
    text = (DOCS / "commands.md").read_text()
    assert [name for name in cli.list_commands(None) if f"\n| `{name}" not in text] == []  # type: ignore[arg-type]


def test_every_exit_code_is_documented() -> None:
    text = (DOCS / "commands.md").read_text()
    kinds = [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, errors.RaytemplateError)]
    assert [k for k in kinds if k.exit_code != errors.EXIT_INTERRUPTED and f"\n| {k.exit_code} |" not in text] == []


def test_every_page_is_in_the_contents_and_every_link_leads_somewhere() -> None:
    contents = (DOCS / "README.md").read_text()
    assert [
        page.name for page in DOCS.glob("*.md") if page.name != "README.md" and f"({page.name})" not in contents
    ] == []
    for page in DOCS.rglob("*.md"):
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.relative_to(DOCS)}: {target}"
