"""Makes our models loadable by MLflow, with an `MLmodel` file that names this module, and without a pickle.

This module does not import mlflow: MLflow imports it.
"""

from __future__ import annotations

import json
import platform
from pathlib import Path
from typing import TYPE_CHECKING

from raytemplate.models.saved import SavedModel
from raytemplate.store.frames import table_of, with_keys
from raytemplate.store.manifest import verify

if TYPE_CHECKING:
    import pandas as pd


def package(folder: Path) -> None:
    """Add the `MLmodel` file to a model's folder. Its bytes never vary, as it is part of the model's digest."""
    python = platform.python_version()
    document = {"flavors": {"python_function": {"loader_module": __name__, "python_version": python}}}
    # JSON is valid YAML, and has only one way to write this document.
    (folder / "MLmodel").write_text(json.dumps(document, indent=1) + "\n")


class PyFunc:
    """The model that `mlflow.pyfunc.load_model` returns."""

    def __init__(self, model: SavedModel) -> None:
        self._model = model

    def predict(self, data: pd.DataFrame, params: object = None) -> pd.DataFrame:
        """A data frame of raw rows -> a data frame with the keys that are there and `prediction` (and of more than
        two classes the probability of each), on the same index."""
        model, keys = self._model, self._model.about.keys
        hidden = model.mask.columns if model.mask else ()
        wanted = (*model.features.columns, *(key for key in keys if key in hidden))
        table = model.masked(table_of(data, tuple(dict.fromkeys(wanted)), hidden))
        values, _ = model.predict(table, masked=True)
        masked = model.mask.columns_of(table, keys) if model.mask else {}
        return with_keys(data, keys, masked | model.as_columns(values))


def _load_pyfunc(path: str) -> PyFunc:  # pyright: ignore[reportUnusedFunction]  MLflow calls it by this name
    """Called by MLflow with the folder of its copy of a model; all our files in it are verified first."""
    verify(Path(path), others_may_add=True)
    return PyFunc(SavedModel.load(Path(path)))
