"""The key of encoded rows: everything that they are made from, except the content of the files."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from raytemplate import plugins
from raytemplate.code.files import package_digest
from raytemplate.data.features.kind import load_kind
from raytemplate.data.masking import masker_of
from raytemplate.planning.environment import code_digest, cpu_model, environment
from raytemplate.planning.stages import IngestStage
from raytemplate.records.codec import encode

_VERSION = 1
_NOT_IN_ROWS = ("num_files_listed", "newest", "memory_bytes", "source_columns")
"""Fields of a stage that change nothing of what is read and encoded. A field that is not named here is in the key."""
_OF_WINDOW = ("name", "start", "end", "share")
_OF_PART: Mapping[str, tuple[str, ...]] = {
    "files": ("source", "root", "files", "reading", "location", "version", "row_numbers"),
    "windows": ("windows", "split"),
    "columns": ("columns", "types"),
    "features": ("features", "taken", "gaps", "keeps_rows"),
    "target": ("target", "task", "positive"),
    "rows": ("drop", "keep"),
    "mask": ("mask",),
    "contract": ("contract", "promises"),
    "baseline": ("baseline",),
    "sample": ("seed",),
}
"""Part -> fields of a stage. All other fields are the part "settings"."""
_NUMBERS_COME_FROM = ("python", "machine", "system", "ray", "pyarrow", "numpy", "scipy")
"""What encoded rows may depend on in the environment; packages that offer plug-ins are added."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EncodedKey:
    """What rows must have been made from to be those of a stage."""

    text: str
    """32 hex digits over everything but the content of the files."""
    parts: Mapping[str, str]
    """The same in parts: name -> digest."""
    planned: Mapping[str, str]
    """File -> digest of what the plan says about it."""


def encoded_key(stage: IngestStage, code_sha256: str) -> EncodedKey:
    """The key of a stage, with the code, the packages and the key of the mask as they are now.

    Args:
        code_sha256: digest of the project's own code.

    Raises:
        UsageError: the key of the mask is not on this machine.
    """
    fields: dict[str, Any] = {name: value for name, value in encode(stage).items() if name not in _NOT_IN_ROWS}
    planned = {file["path"]: _digest(file) for file in fields["files"]}
    fields["files"] = list(planned.values())
    fields["windows"] = [{name: window[name] for name in _OF_WINDOW} for window in fields["windows"]]
    parts: dict[str, Any] = {part: [fields.pop(name) for name in names] for part, names in _OF_PART.items()}
    if all(window.share >= 1 for window in stage.windows):  # the seed draws only the sample of data.rows
        parts["sample"] = []
    parts["mask"].append(masker_of(stage.mask).key_id if stage.mask else "")
    packages = environment()
    parts |= {
        "settings": fields,
        "code": _code(stage, code_sha256),
        "raytemplate": code_digest(),
        "packages": [[packages.get(name) for name in _NUMBERS_COME_FROM], plugins.packages(), cpu_model()],
    }
    digests = {name: _digest(part) for name, part in parts.items()}
    return EncodedKey(text=_digest([_VERSION, digests], 32), parts=digests, planned=planned)


def _code(stage: IngestStage, code_sha256: str) -> list[Any]:
    """The project's own code, if it makes features, and that of plug-ins, whose version may stay while code changes."""
    taken = stage.taken.features if stage.taken else ()
    own = code_sha256 if taken or any(step.build for step in stage.features) else ""
    modules = {plugins.module_of(plugins.SOURCES, stage.source)}
    for kind in {each.kind for each in (*stage.features, *taken)}:
        if module := plugins.module_of(plugins.FEATURES, kind):
            modules |= {module, load_kind(kind).__module__}
    return [own, _digests(modules - {""})]


def _digests(modules: Iterable[str]) -> dict[str, str]:
    return {top: package_digest(top) for top in sorted({module.partition(".")[0] for module in modules})}


def _digest(plain: Any, length: int = 16) -> str:
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:length]
