"""What a verified pack proves, what it does not, or what is wrong with it."""

from collections.abc import Iterator
from dataclasses import dataclass

from raytemplate.reports.layout import hanging
from raytemplate.reports.visible import visible
from raytemplate.reports.wording import short
from raytemplate.units import count

_MOST_SHOWN = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class PackVerified:
    """What was checked of a pack, and everything that is wrong."""

    path: str
    """The file."""

    faults: tuple[str, ...]
    """One line each, beginning with the name of a file in the pack or the number of an event; empty if it is whole."""

    num_files: int = 0
    """Files in the pack."""

    run_id: str = ""
    """The run; "" if the pack does not say."""

    model: str = ""
    """Name of the model."""

    digest: str = ""
    """Digest of the candidate's files."""

    has_model: bool = False
    """Whether these files were in the pack and have been hashed."""

    num_events: int = 0
    """Events of the ledger."""

    signed: str = ""
    """Which events are signed, by which keys."""

    bound: str = ""
    """Which event names exactly these records; "" if none has to."""

    unbound: str = ""
    """Why no event names them; "" if one does."""

    packed_by: str = ""
    """Who signed the pack, and whether the ledger knows the key."""

    covered: int = 0
    """Events that checkpoints cover."""

    read_next: str = ""
    """The file that a person would read first."""


def pack_text(found: PackVerified) -> str:
    """All of it, for a person."""
    return visible("\n".join(_faulty(found) if found.faults else _whole(found)))


def _faulty(found: PackVerified) -> Iterator[str]:
    yield from found.faults[:_MOST_SHOWN]
    if len(found.faults) > _MOST_SHOWN:
        yield f"... and {len(found.faults) - _MOST_SHOWN:,} more; --json has all of them"
    yield f"{count(len(found.faults), 'fault')}: do not rely on {found.path}. Ask for the pack again:"
    yield f"  raytemplate report {found.run_id or 'RUN'} --pack FILE.zip"


def _whole(found: PackVerified) -> Iterator[str]:
    sizes = f"{count(found.num_files, 'file')}, {count(found.num_events, 'event')}"
    yield f"The pack is whole: run {found.run_id} of {found.model}; {sizes}."
    for name, text in _proof(found):
        yield hanging(f"  {name:<13}", visible(text))
    yield f"  unzip -p {found.path} {found.read_next}"


def _proof(found: PackVerified) -> Iterator[tuple[str, str]]:
    model = "its files are here and were hashed" if found.has_model else "its files are not here, only their digests"
    yield "model", f"{short(found.digest)}; {model}"
    yield "ledger", found.signed
    yield "bound", found.bound or found.unbound
    yield "packed by", found.packed_by
    checkpoints = f"up to event {found.covered}" if found.covered else "none"
    yield "checkpoints", checkpoints
    proves = "every file is as it was packed"
    if found.bound:
        proves += "; the promoter's key has signed that this run's plan, evaluation, test data and model are these"
    yield "proves", f"{proves}."
    yield "not proved", " ".join(_not_proved(found))


def _not_proved(found: PackVerified) -> Iterator[str]:
    yield "Whose the keys are: compare their ids with those that the people tell you."
    if not found.bound:
        yield "Whether the promoter saw these records: only the key that packed them vouches for them."
    else:
        yield "Records besides those: only the key that packed them vouches for them."
    yield "What happened later: ask for the newest ledger and checkpoints."
    yield "That the data and the training were as recorded: raytemplate reproduce, with the data, shows that."
