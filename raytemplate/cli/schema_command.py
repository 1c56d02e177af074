"""`raytemplate schema`"""

import json

import click

from raytemplate.cli import completing
from raytemplate.cli.output import Answer


@click.command("schema")
@click.argument("field", required=False, shell_complete=completing.fields)
def command(field: str | None) -> Answer:
    """Print the JSON Schema of a template, for editors; with FIELD, such as training.epochs, what that field means."""
    from raytemplate.spec.json_schema import template_schema

    schema = template_schema()
    if field is None:
        return Answer(kind="Schema", data={"json_schema": schema}, text=json.dumps(schema, indent=2))
    from raytemplate.reports.fields_shown import fields_text
    from raytemplate.spec.field_docs import field_docs

    found = field_docs(schema, field)
    return Answer(kind="Field", data={"fields": found}, text=fields_text(found))
