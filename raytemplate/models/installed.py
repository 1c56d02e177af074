"""What a family needs that is not installed here, and what brings it."""

import importlib.util

from raytemplate.models.options import Family


def missing_packages(family: Family) -> tuple[str, ...]:
    """Modules that the family imports and this environment lacks."""
    return tuple(name for name in family.packages if importlib.util.find_spec(name) is None)


def install_step(family: Family) -> str:
    """The command that installs what is missing."""
    wanted = f"'raytemplate[{family.extra}]'" if family.extra else " ".join(missing_packages(family))
    return f"pip install {wanted}"
