"""`raytemplate report RUN`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from raytemplate.cli import completing
from raytemplate.cli.options import refuse_no_file, workspace_option
from raytemplate.cli.output import Answer
from raytemplate.errors import UsageError

if TYPE_CHECKING:
    from raytemplate.history.runs import Run

_path = click.Path(path_type=Path)


@click.command("report")
@click.argument("run", shell_complete=completing.runs)
@click.option("--output", type=_path, metavar="FILE", help="Where to write the page (default: report-RUN.html).")
@click.option("--cards", type=_path, metavar="DIR", help="Write model card, data card and evaluation report below DIR.")
@click.option("--pack", type=_path, metavar="FILE", help="Write an archive that `verify` checks anywhere, offline.")
@click.option(
    "--with-model/--without-model", default=None, help="Whether the pack has the model's files (default: up to 20 MB)."
)
@workspace_option
def command(
    run: str,
    output: Path | None,
    cards: Path | None,
    pack: Path | None,
    with_model: bool | None,
    workspace: str | None,
) -> Answer:
    """Write a run (id prefix or `last`) as one self-contained HTML page, as cards, or as a pack to be verified."""
    from raytemplate import api

    if with_model is not None and pack is None:
        raise UsageError("--with-model and --without-model are about --pack", next_step=f"report {run} --pack FILE.zip")
    found = api.find(run, workspace=workspace)
    data, lines = {"run": found.id, "model": found.plan.name}, list[str]()
    if pack is not None:
        refuse_no_file(pack, "--pack")
        packed = api.pack(found.id, pack, with_model=with_model, workspace=workspace)
        data |= {"pack": str(pack), "digest": packed.about.digest, "has_model": packed.about.has_model}
        size = f"{packed.model_bytes / 1e6:.1f} MB"
        model = f"with the model, {size}" if packed.about.has_model else f"without the model, {size} (--with-model)"
        lines.append(f"Run {found.id} of {found.plan.name}: {pack}, {model}")
    if cards is not None:
        written = api.cards(found.id, cards, workspace=workspace)
        data |= {"cards": [str(path) for path in written]}
        lines += [str(path) for path in written]
    if output is not None or (pack is None and cards is None):
        data |= _page(found, output, workspace)
        lines.append(f"Run {found.id} of {found.plan.name}: {data['path']}")
    lines += [f"  raytemplate verify {pack}"] if pack is not None else []
    return Answer(kind="Report", data=data, text="\n".join(lines))


def _page(found: Run, output: Path | None, workspace: str | None) -> dict[str, str | int]:
    from raytemplate import api
    from raytemplate.store.handed_out import hand_out

    path = output or Path(f"report-{found.id}.html")
    refuse_no_file(path, "--output")
    page = api.report(found.id, workspace=workspace).encode()
    hand_out(path, page, begins=b"<!doctype html>")
    return {"path": str(path), "num_bytes": len(page)}
