"""The counter that a signed decision names, so that it cannot be carried out after what it was based on has changed."""

from raytemplate.ledger.bodies import SettingsChanged
from raytemplate.ledger.head import Ledger


def term_now(ledger: Ledger, model: str, action: str) -> int:
    """The model's counter of champions. Of a change of settings: the number of the event that put those in force which
    it replaces; 0 if none has. Of what else concerns no model: 0."""
    if model:
        return ledger.history(model).term
    since = ledger.keyring().settings_by if action == SettingsChanged.type else None
    return since.seq if since else 0
