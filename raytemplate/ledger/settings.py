"""Settings of governance in events: the latest of them is in force."""

import json
from dataclasses import fields

from raytemplate.errors import IntegrityError
from raytemplate.ledger.bodies import SettingsChanged
from raytemplate.records.codec import canonical, decode
from raytemplate.records.governed import GovernanceSettings
from raytemplate.records.judged import Actor

_WRITTEN = {
    "url": "ledger.url",
    "checkpoints": "ledger.checkpoints",
    "people": "keys.people",
    "promoters": "keys.promoters",
    "keep": "retention.keep",
    "champions": "retention.champions",
}
"""Names of fields in `governance.yaml`, where they are other ones."""


def change_to(settings: GovernanceSettings, actor: Actor) -> SettingsChanged:
    """The body of the event that puts settings in force."""
    return SettingsChanged(settings=canonical(settings), actor=actor)


def settings_in(body: SettingsChanged) -> GovernanceSettings:
    """The settings that an event puts in force.

    Raises:
        IntegrityError: they cannot be read, or a newer program has written them.
    """
    try:
        written = json.loads(body.settings)
        unknown = sorted(set(written) - {"kind", *(field.name for field in fields(GovernanceSettings))})
        if unknown:
            raise ValueError(f"no such setting: {', '.join(unknown)}")
        return decode(GovernanceSettings, written)
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise IntegrityError(f"its settings of governance cannot be read: {error}") from error


def differing(one: GovernanceSettings, other: GovernanceSettings) -> tuple[str, ...]:
    """Fields in which settings differ, as `governance.yaml` names them."""
    names = (
        field.name for field in fields(GovernanceSettings) if getattr(one, field.name) != getattr(other, field.name)
    )
    return tuple(_WRITTEN.get(name, name) for name in names)
