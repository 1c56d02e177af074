"""`raytemplate init DIR`"""

import shlex
from pathlib import Path

import click

from raytemplate.cli.output import Answer
from raytemplate.starting.starters import STARTERS


@click.command("init")
@click.argument("folder", metavar="DIR")
@click.option("--example", type=click.Choice(["flights"]), help="An example with its data (default: flights).")
@click.option("--template", "starter", type=click.Choice(STARTERS), help="A template to fill in.")
@click.option("--data", metavar="PATH", help="Your own data: files, delta:PATH, or sql:VARIABLE:SELECT.")
@click.option("--target", metavar="COLUMN", help="With --data: the column to predict.")
@click.option("--time", metavar="COLUMN", help="With --data: the time of a row; the newest rows are the test rows.")
@click.option("--header/--no-header", default=None, help="With --data: whether line 1 of CSV files names the columns.")
@click.option("--dates", metavar="FORMAT", multiple=True, help="With --data: a date format, such as %d/%m/%Y.")
@click.option(
    "--mask",
    metavar="COLUMN=RULE",
    multiple=True,
    help="With --data: keep no value of a column: RULE is hash, drop, truncate:3 or bucket:10.",
)
def command(
    folder: str,
    example: str | None,
    starter: str | None,
    data: str | None,
    target: str | None,
    time: str | None,
    header: bool | None,
    dates: tuple[str, ...],
    mask: tuple[str, ...],
) -> Answer:
    """Make a folder with a commented template: for your own data, for an example, or one to fill in."""
    if not folder.strip():
        raise click.UsageError('DIR: got "", expected the name of a folder, such as demo')
    if sum(one is not None for one in (example, starter, data)) > 1:
        raise click.UsageError("--data, --template and --example exclude each other")
    if data is None:
        if target or time or header is not None or dates or mask:
            raise click.UsageError("--target, --time, --no-header, --dates and --mask go with --data")
        return _starter(Path(folder), starter) if starter else _example(Path(folder), example or "flights")
    if not target:
        raise click.UsageError("--data needs --target COLUMN, the column to predict")
    return _own(Path(folder), data, target, time or "", header, dates, mask)


def _example(folder: Path, example: str) -> Answer:
    from raytemplate.starting.examples import write_example

    templates, files = write_example(folder, example)
    *names, last = (path.name for path in templates)
    text = f"{len(files)} files of data, {', '.join(names)} and {last} are in {folder}."
    data = {"folder": str(folder), "templates": tuple(map(str, templates)), "files": tuple(map(str, files))}
    return Answer(kind="Example", data=data, text=f"{text}\n{_next(folder, templates[0].name, '2013-06-01')}")


def _starter(folder: Path, name: str) -> Answer:
    from raytemplate.reports.layout import table
    from raytemplate.starting.starters import write_starter

    made = write_starter(folder, name)
    rows = [(f"{made.template.name}:{line}", field, what) for line, field, what in made.to_fill_in]
    text = (
        f"{' and '.join(path.name for path in made.files)} are in {folder}."
        if len(made.files) > 1
        else (f"{made.template} is written.")
    )
    after = f"{_enter(folder)}  raytemplate check {made.template.name}"
    said = {
        "folder": str(folder), "template": str(made.template), "files": tuple(map(str, made.files)),
        "to_fill_in": tuple({"line": line, "field": field, "what": what} for line, field, what in made.to_fill_in),
    }  # fmt: skip
    return Answer(kind="Starter", data=said, text=f"{text} To fill in:\n\n{table(rows, gaps=(3, 3))}\n\n{after}")


def _own(
    folder: Path,
    data: str,
    target: str,
    time: str,
    header: bool | None,
    dates: tuple[str, ...],
    mask: tuple[str, ...],
) -> Answer:
    from raytemplate.data.mask_options import HASH
    from raytemplate.reports.draft_shown import draft_text
    from raytemplate.starting.draft.write import write_draft
    from raytemplate.starting.survey.masks import KEY_VARIABLE, masks_of
    from raytemplate.starting.survey.survey import Asked

    masks = masks_of(mask)
    asked = Asked(data=data, target=target, time=time, header=header, dates=dates, mask=masks)
    template, draft = write_draft(folder, asked)
    as_of = "latest" if draft.lengths else ""
    key = KEY_VARIABLE if HASH in masks.values() else ""
    text = f"{draft_text(draft)}\n\n{template} is written. Read it, then:\n{_next(folder, template.name, as_of, key)}"
    said = {"folder": str(folder), "template": str(template), "as_of": as_of, "found": draft_text(draft)}
    return Answer(kind="Draft", data=said, text=text)


def _next(folder: Path, template: str, as_of: str, key: str = "") -> str:
    """The next commands.

    Args:
        key: the variable that must hold the key of hashes; "" if none is needed.
    """
    run = f"raytemplate run {template}{f' --as-of {as_of}' if as_of else ''}"
    set_key = f"  export {key}=$(openssl rand -hex 32)  # once; keep it: predict needs the same\n" if key else ""
    return f"{_enter(folder)}{set_key}  raytemplate check {template}\n  {run}"


def _enter(folder: Path) -> str:
    return "" if folder.resolve() == Path.cwd() else f"  cd {shlex.quote(str(folder))}\n"
