"""Settings of governance as `governance.yaml` has them."""

from io import StringIO
from typing import Any

from raytemplate.governance.settings import as_written
from raytemplate.records.governed import GovernanceSettings

_WIDTH = 100


def settings_yaml(settings: GovernanceSettings, since: str) -> str:
    """A document that `ledger settings` reads: written to `governance.yaml`, it is what is in force.

    Args:
        since: which event put the settings in force, for the first line.
    """
    from ruamel.yaml import YAML

    yaml: Any = YAML()
    yaml.width = _WIDTH
    text = StringIO()
    yaml.dump(as_written(settings), text)
    return f'# {since}\n{text.getvalue()}# raytemplate ledger settings governance.yaml --reason "..."'
