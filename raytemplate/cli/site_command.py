"""`raytemplate site DIR`"""

from __future__ import annotations

from dataclasses import asdict
from shlex import quote
from typing import TYPE_CHECKING

import click

from raytemplate.cli.options import workspace_option
from raytemplate.cli.output import Answer
from raytemplate.errors import EXIT_DONE, IntegrityError

if TYPE_CHECKING:
    from raytemplate.website.update import SiteWritten


@click.command("site")
@click.argument("folder", metavar="DIR")
@workspace_option
def command(folder: str, workspace: str | None) -> Answer:
    """Write all models, runs and the ledger as a static site; DIR may be s3://BUCKET/PREFIX. Run it again to update."""
    from raytemplate import api

    written = api.site(folder, workspace=workspace)
    code = IntegrityError.exit_code if written.faults else EXIT_DONE
    return Answer(kind="Site", data={"site": folder, **asdict(written)}, text=_text(folder, written), code=code)


def _text(folder: str, written: SiteWritten) -> str:
    from raytemplate.units import count

    held = f", {count(written.num_held, 'run')} held" if written.num_held else ""
    removed = f", {written.num_removed:,} removed" if written.num_removed else ""
    found = f"{count(written.num_models, 'model')}, {count(written.num_runs, 'run')}{held}"
    text = f"{found}: {written.num_written:,} of {count(written.num_pages, 'page')} written{removed}\n"
    index = f"{folder.rstrip('/')}/index.html"
    if written.faults:
        return f"{text}The ledger cannot be trusted: {written.faults[0]}\n  raytemplate ledger verify"
    if "://" in folder:
        return f"{text}  {index}"
    return f"{text}Open {index}, or serve it:\n  python3 -m http.server --directory {quote(folder)}"
