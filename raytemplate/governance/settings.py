"""The fields of `governance.yaml`."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from raytemplate.governance.options import CadenceField
from raytemplate.options import Options
from raytemplate.records.governed import CHAMPIONS_KEPT, GovernanceSettings, Location, LocationKind, Mode
from raytemplate.secret import is_reference, text_or_reference
from raytemplate.units import show

_KEY_ID = re.compile(r"[0-9a-f]{16}")
_REFERENCE = {"anyOf": [{"type": "string"}, {"type": "object", "additionalProperties": {"type": "string"}}]}
_KINDS: tuple[LocationKind, ...] = ("file", "git", "s3", "mlflow")


def _reference(value: object) -> object:
    found = text_or_reference(value) if value else ""
    if isinstance(found, str) and found and not is_reference(found):
        raise ValueError("expected {env: NAME} or {file: PATH}, since a URL may contain a password")
    return found


def _key_id(value: str) -> str:
    if not _KEY_ID.fullmatch(value):
        raise ValueError(f"got {show(value)}, expected a key's 16 hexadecimal digits, as identity show and list print")
    return value


def _bucket(value: str) -> str:
    if value and not value.startswith("s3://"):
        raise ValueError(f"got {show(value)}, expected a URI such as s3://bucket/prefix")
    return value


KeyIds = tuple[Annotated[str, AfterValidator(_key_id)], ...]
Reference = Annotated[str, BeforeValidator(_reference), WithJsonSchema(_REFERENCE)]
MaybeReference = Annotated[str, BeforeValidator(text_or_reference), WithJsonSchema(_REFERENCE)]


class CheckpointLocation(Options):
    """One location of checkpoints: exactly one of `file`, `git`, `s3` and `mlflow`."""

    file: str = ""
    """A file that each checkpoint is appended to, such as one on a shared drive. Relative to `governance.yaml`."""

    git: str = ""
    """A git repository in which each checkpoint is an annotated tag. Relative to `governance.yaml`."""

    remote: str = ""
    """Remote of that repository, such as `origin`, that tags are pushed to. Needed if the workspace is inside the
    repository: tags beside the ledger itself prove nothing."""

    s3: Annotated[str, AfterValidator(_bucket)] = ""
    """A bucket and prefix, `s3://bucket/prefix`, below which each checkpoint is an object."""

    mlflow: MaybeReference = ""
    """MLflow tracking URI, or a reference to it, of a server where each checkpoint is an artifact."""

    @model_validator(mode="after")
    def _one_kind(self) -> "CheckpointLocation":
        if sum(bool(getattr(self, kind)) for kind in _KINDS) != 1:
            raise ValueError("expected one of file, git, s3 and mlflow, such as {file: /mnt/audit/checkpoints}")
        if self.remote and not self.git:
            raise ValueError("remote goes with git: {git: ../audit, remote: origin}")
        return self

    @property
    def location(self) -> Location:
        """As events of the ledger have it."""
        kind: LocationKind = next(kind for kind in _KINDS if getattr(self, kind))
        return Location(kind=kind, where=getattr(self, kind), remote=self.remote)


class LedgerFields(Options):
    """Where the ledger and its checkpoints are."""

    url: Reference = ""
    """The ledger's database, by reference: `{env: NAME}` or `{file: PATH}`. Default: `governance.db` in the
    workspace."""

    checkpoints: tuple[CheckpointLocation, ...] = ()
    """Where checkpoints go after each move, besides the promoter's state folder. Default: nowhere else."""


class KeyFields(Options):
    """Keys that count, by their ids: 16 hexadecimal digits."""

    people: KeyIds = ()
    """Keys of the people who may decide: promote, roll back, waive, revoke, change these settings. Default: anyone."""

    promoters: KeyIds = ()
    """Keys of the promoters that may sign events, automatic promotions included. Default: any."""


class RetentionFields(Options):
    """What is kept, and for how long."""

    keep: CadenceField = None
    """How long records and replaced models are kept, such as `1 year`. Default: nothing is said."""

    champions: Annotated[int, Field(ge=1)] = CHAMPIONS_KEPT
    """How many champions of each model are kept in any case, so that a rollback finds their bytes. Default: 5."""


class GovernanceFile(Options):
    """The settings of governance that a workspace's `governance.yaml` proposes."""

    mode: Mode = "solo"
    """`solo`: each command judges and promotes by itself. `team`: it asks, and `raytemplate promoter` answers, which
    alone can write the ledger and the registry. Default: solo."""

    ledger: LedgerFields = LedgerFields()
    """Where the ledger and its checkpoints are."""

    keys: KeyFields = KeyFields()
    """Keys that count. Team mode needs both lists."""

    retention: RetentionFields = RetentionFields()
    """What is kept."""

    @property
    def settings(self) -> GovernanceSettings:
        """As events of the ledger have them."""
        return GovernanceSettings(
            mode=self.mode,
            url=self.ledger.url,
            checkpoints=tuple(each.location for each in self.ledger.checkpoints),
            people=self.keys.people,
            promoters=self.keys.promoters,
            keep="" if self.retention.keep is None else str(self.retention.keep),
            champions=self.retention.champions,
        )


def as_written(settings: GovernanceSettings) -> dict[str, Any]:
    """Settings as `governance.yaml` has them, without those that have their default."""
    ledger = {
        "url": _unreferenced(settings.url),
        "checkpoints": [
            {each.kind: _unreferenced(each.where), **({"remote": each.remote} if each.remote else {})}
            for each in settings.checkpoints
        ],
    }
    keys = {"people": list(settings.people), "promoters": list(settings.promoters)}
    champions = settings.champions if settings.champions != CHAMPIONS_KEPT else None
    retention = {"keep": settings.keep, "champions": champions}
    groups = {"ledger": ledger, "keys": keys, "retention": retention}
    found = {name: {key: value for key, value in group.items() if value} for name, group in groups.items()}
    return {"mode": settings.mode, **{name: group for name, group in found.items() if group}}


def _unreferenced(text: str) -> Any:
    """A reference as a person writes it; any other text unchanged."""
    if not is_reference(text):
        return text
    _, kind, where = text.split(":", 2)
    return {kind: where}
