"""What every group of settings in a template is made from: the specification's own and those of each plug-in."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema


class Options(BaseModel):
    """What a template may set in one place: frozen, strict, every field documented."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, populate_by_name=True)


def _yes_no(value: object) -> object:
    return {"yes": True, "no": False}.get(value, value) if isinstance(value, str) else value


YesNo = Annotated[bool, BeforeValidator(_yes_no), WithJsonSchema({"enum": [True, False, "yes", "no"]})]
"""True or false. `yes` and `no` are texts in a template, so that they can be categories; here they are as good."""
