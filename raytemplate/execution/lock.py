"""`run.lock`: what a run was made from. A template stays editable; editing it never changes a run."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from raytemplate.errors import IntegrityError
from raytemplate.execution.journal import LOCK, Journal
from raytemplate.planning.environment import code_digest, cpu_model, environment, image_here, own_version
from raytemplate.planning.stages import RunPlan
from raytemplate.records import codec
from raytemplate.records.codec import Settings
from raytemplate.spec.schema import TemplateSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class RunLock:
    """What a run was made from, complete enough to make it again."""

    plan: RunPlan
    """The plan that is executed."""
    resolved: Settings
    """The template with every layer merged; empty if the run starts from a saved plan."""
    origins: Mapping[str, str]
    """Path of a template value -> the file and line, or the layer, that set it."""
    code_sha256: str
    """Digest of this package's own code."""
    environment: Mapping[str, str]
    """Versions of Python, the machine and the packages that numbers may depend on."""
    reasons: Mapping[str, str] = field(default_factory=dict[str, str])
    """Path of a template value -> the comment beside it."""
    raytemplate: str = ""
    """Version of this package; "" in records of earlier versions."""
    cpu: str = ""
    """Model of the CPU where the run was planned, as the system names it; "" in records of earlier versions."""
    image: str = ""
    """The container image of the process that made the run, as RAYTEMPLATE_IMAGE told it; "" if it did not."""


def write_lock(journal: Journal, plan: RunPlan, spec: TemplateSpec | None) -> None:
    """Keep what the run is made from. `spec` is None if only a saved plan was given."""
    lock = RunLock(
        plan=plan,
        resolved=Settings(spec.resolved if spec else {}),
        origins={path: origin.where for path, origin in spec.origins.items()} if spec else {},
        reasons={path: origin.comment for path, origin in spec.origins.items() if origin.comment} if spec else {},
        code_sha256=code_digest(),
        environment=environment(),
        raytemplate=own_version(),
        cpu=cpu_model(),
        image=image_here(),
    )
    journal.keep(LOCK, codec.dumps(lock))


def read_lock(journal: Journal) -> RunLock:
    """What a run was made from.

    Raises:
        IntegrityError: the file is missing, damaged or edited.
    """
    found = journal.load(RunLock, LOCK)
    if found is None:
        raise IntegrityError(
            f"{journal.folder / LOCK}: missing; the run cannot be resumed", next_step="start a new run"
        )
    return found
