"""Writes into these pages what the code knows: fields, options of commands, gates, exit codes. `make docs` runs it.

Prose is by hand and stays; tables under the headings named here are replaced, and headings that are missing are added.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from raytemplate import errors, plugins
from raytemplate.cli.main import cli
from raytemplate.options import Options, field_docs
from raytemplate.spec.names import model_by_name, model_in
from raytemplate.spec.schema import NAMESPACES, HeaderSpec

DOCS = Path(__file__).parent
_FIELDS = ("field", "meaning")


def template_page(text: str) -> str:
    """docs/template-reference.md with the tables of all fields as their docstrings say."""
    models = list(_models())
    for place, (heading, prefix, model) in enumerate(models):
        rows = [(f"`{prefix}{name}`", doc) for name, doc in field_docs(model).items()]
        if rows:
            following = [f"### `{later}`\n" for later, *_ in models[place + 1 :]]
            text = _with_table(text, f"### `{heading}`\n", _FIELDS, rows, before=following)
    return text


def _models() -> Iterator[tuple[str, str, type[Options]]]:
    """Heading, what stands before a field's name, and model, in the order of the page."""
    yield "top level", "", HeaderSpec
    for name, model in NAMESPACES.items():
        yield name, f"{name}.", model
        yield from _inside(name, model)
    for name in plugins.names(plugins.FAMILIES):
        yield f"model, kind: {name}", "model.", plugins.load(plugins.FAMILIES, name).options
    for name in plugins.names(plugins.FEATURES):
        yield f"features.columns.X, kind: {name}", "", plugins.load(plugins.FEATURES, name)
    for name in plugins.names(plugins.GATES):
        yield f"governance.gates.{name}", "", plugins.load(plugins.GATES, name)


def _inside(path: str, model: type[Options]) -> Iterator[tuple[str, str, type[Options]]]:
    for name, field in model.model_fields.items():
        below = f"{path}.{name}"
        if inner := model_in(field.annotation):
            yield below, f"{below}.", inner  # type: ignore[misc]
            yield from _inside(below, inner)  # type: ignore[arg-type]
        elif inner := model_by_name(field.annotation):
            yield f"{below}.X", f"{below}.X.", inner  # type: ignore[misc]


def commands_page(text: str) -> str:
    """docs/commands.md with the options of every command and the exit code of every failure."""
    failures = sorted(
        {kind for kind in vars(errors).values() if _is_failure(kind)}, key=lambda k: (k.exit_code, k.__name__)
    )
    rows = [(f"`{k.__name__}`", str(k.exit_code), k.trouble, k.retry, _first(k.__doc__)) for k in failures]
    head = ("failure", "code", "whose trouble", "may succeed", "meaning")
    text = _with_table(text, "### Failures\n", head, rows, before=["## Options of each command\n"])
    options = [row for name in cli.list_commands(click.Context(cli)) for row in _options(name)]
    return _with_table(text, "## Options of each command\n", ("command", "option", "meaning"), options)


def _is_failure(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, errors.RaytemplateError) and kind is not errors.RaytemplateError


def _options(name: str) -> Iterator[tuple[str, str, str]]:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    if isinstance(command, click.Group):
        for below, one in command.commands.items():
            yield from _options_of(f"{name} {below}", one)
    else:
        yield from _options_of(name, command)


def _options_of(name: str, command: click.Command) -> Iterator[tuple[str, str, str]]:
    for parameter in command.params:
        if isinstance(parameter, click.Option) and parameter.opts[0] not in ("--json", "--quiet", "--workspace"):
            written = " / ".join([*parameter.opts, *parameter.secondary_opts])
            value = "" if parameter.is_flag else f" {parameter.make_metavar(click.Context(command))}"
            yield f"`{name}`", f"`{written}{value}`", parameter.help or ""


def gates_page(text: str) -> str:
    """docs/gates.md with what every gate asks, as its docstring says."""
    gates = {name: plugins.load(plugins.GATES, name) for name in plugins.names(plugins.GATES)}
    rows = [
        (f"[`{name}`](template-reference.md#governancegates{name})", gate.__doc__ or "") for name, gate in gates.items()
    ]
    return _with_table(text, "## All gates\n", ("gate", "what it asks"), rows)


def _with_table(
    text: str, heading: str, head: Sequence[str], rows: Sequence[Sequence[str]], *, before: Sequence[str] = ()
) -> str:
    """The page with that table under that heading, in the place of the one there; a new heading stands `before`."""
    title = f"| {' | '.join(head)} |\n"
    lines = [f"| {' | '.join(_cell(cell) for cell in row)} |\n" for row in rows]
    table = "".join([title, "|", "---|" * len(head), "\n", *lines])
    start = text.find(heading)
    if start < 0:
        place = next((at for one in before if (at := text.find(one)) >= 0), len(text))
        return f"{text[:place].rstrip()}\n\n{heading}\n{table}\n{text[place:]}".rstrip() + "\n"
    body = start + len(heading)
    following = re.search(r"^##+ ", text[body:], re.MULTILINE)
    end = body + following.start() if following else len(text)
    section = text[body:end]
    old = re.search(re.escape(title) + r"(?:\|.*\n?)*", section)
    section = section[: old.start()] + table + section[old.end() :] if old else f"{section.rstrip()}\n\n{table}\n"
    return (text[:body] + section + text[end:]).rstrip() + "\n"


def _cell(text: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", " ".join(text.split()))


def _first(text: str | None) -> str:
    """The first paragraph of a docstring."""
    return (text or "").split("\n\n")[0]


PAGES = {"template-reference.md": template_page, "commands.md": commands_page, "gates.md": gates_page}


def stale() -> dict[str, str]:
    """Page -> what it should be, of the pages that are not."""
    fresh = {name: make((DOCS / name).read_text()) for name, make in PAGES.items()}
    return {name: text for name, text in fresh.items() if text != (DOCS / name).read_text()}


if __name__ == "__main__":
    for name, text in stale().items():
        (DOCS / name).write_text(text)
        print(f"docs/{name} is written", file=sys.stderr)
