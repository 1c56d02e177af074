"""What `raytemplate ledger repair` mended in MLflow's copy of a model, and what `raytemplate ledger restore` did."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Mended:
    """MLflow's copy of one model, compared with the ledger and brought in line with it."""

    model: str
    """Name of the model."""

    found: tuple[str, ...] = ()
    """Where MLflow said something else than the ledger, one line each, all of it mended."""

    left: tuple[str, ...] = ()
    """What could not be mended, and why."""

    unavailable: bool = False
    """Whether that is because MLflow did not answer, so that the same command may succeed later."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Restoration:
    """A ledger that was restored from a copy."""

    num_events: int
    """Events of the copy, each of them verified."""

    models: tuple[str, ...]
    """Models that they concern."""

    was_there: bool
    """Whether the ledger had all of them already, so that nothing was written."""

    checkpoint: int
    """Events of the newest checkpoint outside the workspace, with which the copy agrees; 0 if there is none."""

    kept: str = ""
    """The file with the ledger that was there before; "" if there was none."""

    lost: tuple[str, ...] = ()
    """What is known of what the copy lacks, one line each."""

    set_aside: tuple[str, ...] = ()
    """Runs whose promotions the copy does not know; they can be judged again."""

    missing: tuple[str, ...] = ()
    """Versions whose files are not in the workspace, or were changed, one line each; champions first."""

    warning: str = ""
    """Why no checkpoint was kept outside the workspace, and which locations did not answer; "" if there is nothing to
    tell."""
