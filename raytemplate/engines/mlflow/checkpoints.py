"""Checkpoints of a ledger as artifacts of one run of an MLflow server, another than the ledger's machine."""

import os
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from raytemplate.engines.mlflow.mirror import client_of
from raytemplate.errors import RaytemplateError, Unavailable
from raytemplate.ledger.checkpoints import Checkpoint
from raytemplate.secret import resolve

_EXPERIMENT = "raytemplate-checkpoints"
_FOLDER = "checkpoints"


@dataclass
class OnServer:
    """See `ledger.locations.Kept`."""

    where: str
    """Tracking URI, or a reference to it."""

    ledger: str
    """Id of the ledger."""

    in_order: bool = False
    """Artifacts are listed by their names."""

    @property
    def name(self) -> str:
        """What people call it; a URI may hold a password."""
        return f"MLflow experiment {_EXPERIMENT}, run {self.ledger}"

    def keep(self, checkpoint: Checkpoint) -> None:
        """Add a checkpoint.

        Raises:
            Unavailable: MLflow does not answer, or refuses.
        """
        try:
            client = client_of(resolve(self.where, "ledger.checkpoints", os.environ))
            run = self._run() or self._new_run()
            client.log_text(run, checkpoint.note, f"{_FOLDER}/{checkpoint.file_name}.txt")
        except RaytemplateError:
            raise
        except Exception as error:  # MLflow raises its own, SQLAlchemy's and requests' errors
            raise _in_our_words(error) from error

    def notes(self) -> str:
        """All checkpoints, one note after another.

        Raises:
            Unavailable: MLflow does not answer, or refuses.
        """
        try:
            client, run = client_of(resolve(self.where, "ledger.checkpoints", os.environ)), self._run()
            if not run or not client.list_artifacts(run, _FOLDER):
                return ""
            with TemporaryDirectory() as folder:
                found = Path(client.download_artifacts(run, _FOLDER, folder))
                return "".join(path.read_text(errors="replace") for path in sorted(found.iterdir()))
        except RaytemplateError:
            raise
        except Exception as error:  # as above
            raise _in_our_words(error) from error

    def _run(self) -> str:
        client = client_of(resolve(self.where, "ledger.checkpoints", os.environ))
        experiment = client.get_experiment_by_name(_EXPERIMENT)
        if experiment is None:
            return ""
        asked = f"attributes.run_name = '{self.ledger}'"
        found = client.search_runs([experiment.experiment_id], asked, order_by=["attributes.start_time ASC"])
        return str(found[0].info.run_id) if found else ""

    def _new_run(self) -> str:
        client = client_of(resolve(self.where, "ledger.checkpoints", os.environ))
        experiment = client.get_experiment_by_name(_EXPERIMENT)
        made = experiment.experiment_id if experiment else client.create_experiment(_EXPERIMENT)
        return str(client.create_run(made, run_name=self.ledger).info.run_id)


def _in_our_words(error: Exception) -> Unavailable:
    return Unavailable(f"MLflow: {type(error).__name__}: {(str(error).splitlines() or [''])[0]}")
