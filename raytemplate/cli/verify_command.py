"""`raytemplate verify FILE`"""

from pathlib import Path

import click

from raytemplate.cli.output import Answer
from raytemplate.errors import EXIT_DONE, IntegrityError

_file_path = click.Path(path_type=Path)


@click.command("verify")
@click.argument("file", type=_file_path)
@click.option("--against", type=_file_path, metavar="FILE", help="Compare with the checkpoints in this file, too.")
def command(file: Path, against: Path | None) -> Answer:
    """Check a pack that `report RUN --pack` wrote. Needs no workspace, network or key; exit 7 names what is wrong."""
    from raytemplate import api
    from raytemplate.records.codec import encode
    from raytemplate.reports.pack_shown import pack_text

    found = api.verify_pack(file, against=against)
    code = IntegrityError.exit_code if found.faults else EXIT_DONE
    return Answer(kind="PackVerified", data={**encode(found), "kind": "PackVerified"}, text=pack_text(found), code=code)
