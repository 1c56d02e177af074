"""How a run masks its rows, and whether another key than its champion's makes another model of them."""

from pathlib import Path

from raytemplate.data.mask_options import HASH
from raytemplate.data.masking import Mask, masker_of
from raytemplate.errors import IntegrityError, UsageError
from raytemplate.models.saved import read_about, read_mask
from raytemplate.planning.stages import IngestStage
from raytemplate.records.codec import Settings
from raytemplate.secret import found_from
from raytemplate.spec.schema import TemplateSpec


def mask_of(spec: TemplateSpec) -> Mask | None:
    """The mask of a template; None if it masks nothing."""
    data = spec.data
    if not data.mask:
        return None
    found = Mask(rules=Settings(data.mask), key=found_from(data.mask_key, spec.folder))
    return found if found.needs_key else Mask(rules=found.rules)


def hashes_features(stage: IngestStage) -> bool:
    """Whether a feature reads a hashed column, so that another key makes another model."""
    rules = stage.mask.rules if stage.mask else {}
    return any(rules.get(column) == HASH for column in stage.feature_columns)


def has_other_key(folder: Path, mask: Mask | None) -> bool:
    """Whether the model in a folder was trained on values hashed with another key than the one on this machine.

    False if this machine has no key: the machines that read rows may have the right one.
    """
    if mask is None or not mask.needs_key:
        return False
    try:
        before, columns, key_id = read_mask(folder), read_about(folder).columns, masker_of(mask).key_id
    except (OSError, IntegrityError, UsageError):
        return False
    if before is None or before.key_id == key_id:
        return False
    return any(before.rules.get(name) == mask.rules.get(name) == HASH for name in columns)
