"""`raytemplate profile FILE`"""

from pathlib import Path
from shlex import quote

import click

from raytemplate.cli.options import as_of_option, load, template_options, workspace_option
from raytemplate.cli.output import Answer


@click.command("profile")
@template_options
@as_of_option
@workspace_option
def command(file: Path, sets: tuple[str, ...], variant: str | None, as_of: str, workspace: str | None) -> Answer:
    """Describe the columns of each window, masked. FILE is a template, a data file or a folder of them.

    Reads each file once: the next call reads only files that are new or have changed.
    """
    from raytemplate import api
    from raytemplate.errors import UsageError
    from raytemplate.reports.typed import command_tail

    is_template = file.suffix.lower() in (".yaml", ".yml")
    if not is_template and (sets or variant or as_of != "now"):
        raise UsageError(
            f"{file}: --set, --variant and --as-of belong to a template, expected a .yaml file",
            next_step=f"raytemplate profile {quote(str(file))}",
        )
    found = api.profile(load(file, sets, variant) if is_template else file, as_of, workspace=workspace)
    tail = command_tail(as_of, sets, variant, workspace)
    after = f"raytemplate plan {quote(str(file))} {tail}".rstrip() if is_template else _first_step(file)
    removed = "".join(f"\n{path}: its content had changed; removed and made again." for path in found.thrown_away)
    data = {
        "title": found.title,
        "as_of": found.as_of,
        "profile": found.data,
        "num_files": found.num_files,
        "num_files_kept": found.num_kept,
        "thrown_away": found.thrown_away,
    }
    return Answer(kind="Profile", data=data, text=f"{found}{removed}\n  {after}")


def _first_step(path: Path) -> str:
    return f"raytemplate init DIR --data {quote(str(path))} --target COLUMN"
