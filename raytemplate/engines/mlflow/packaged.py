"""A registered model as MLflow's tools expect it: the stored bytes in a folder of their own, surrounded by what
`mlflow models serve` and the model's page read.

The bytes stay as they are, with their manifest, so that they are checked when MLflow loads them.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from mlflow.version import VERSION

from raytemplate.engines.mlflow import flavor
from raytemplate.engines.mlflow.seen import BYTES
from raytemplate.engines.mlflow.signature import Interface
from raytemplate.planning.stages import FitStage

_EXAMPLE, _REQUEST = "input_example.json", "serving_input_example.json"
_LIBRARIES: Mapping[str, tuple[str, ...]] = {
    "torch": ("torch",),
    "lightgbm": ("lightgbm",),
    "xgboost": ("xgboost-cpu", "xgboost"),
    "plain": ("scipy",),
}
"""What a family's predictor imports, by its trainer."""
_OF_ANY_MODEL = ("pyarrow", "numpy")
_NOT_PACKAGES = ("python", "machine", "system", "ray", "mlflow", *(name for of in _LIBRARIES.values() for name in of))


def write_package(
    target: Path, interface: Interface, fit: FitStage, environment: Mapping[str, str], mlflow_run: str
) -> None:
    """Write what stands around the stored model, which belongs into the folder `BYTES` of `target`.

    Args:
        environment: versions of the process that trained it, by package.
    """
    requirements, python = requirements_of(fit, environment), environment["python"]
    conda = [f"python={python}", "pip", {"pip": requirements}]
    files = {
        "MLmodel": _json(_document(interface, python, mlflow_run)),
        "requirements.txt": "\n".join(requirements) + "\n",
        "python_env.yaml": _json({"python": python, "dependencies": ["-r requirements.txt"]}),
        "conda.yaml": _json({"name": "mlflow-env", "channels": ["conda-forge"], "dependencies": conda}),
        _EXAMPLE: interface.example_frame(),
        _REQUEST: interface.example_request(),
    }
    for name, text in files.items():
        (target / name).write_text(text)


def _document(interface: Interface, python: str, mlflow_run: str) -> dict[str, object]:
    return {
        "artifact_path": "model",
        "flavors": {
            "python_function": {
                "loader_module": flavor.__name__,
                "python_version": python,
                "data": BYTES,
                "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
            }
        },
        "mlflow_version": VERSION,
        "run_id": mlflow_run,
        "saved_input_example_info": {
            "artifact_path": _EXAMPLE,
            "serving_input_path": _REQUEST,
            "type": "dataframe",
            "pandas_orient": "split",
        },
        "signature": interface.signature(),
        "utc_time_created": datetime.now(UTC).replace(tzinfo=None).isoformat(sep=" "),
    }


def requirements_of(fit: FitStage, environment: Mapping[str, str]) -> list[str]:
    """What must be installed to load the model, in the versions it was trained with."""
    extra = "[lightning]" if fit.family == "lightning" else ""  # the libraries of the other extras are pinned
    names = (*_LIBRARIES[fit.trainer], *_OF_ANY_MODEL)
    others = [name for name in environment if name not in (*_NOT_PACKAGES, *_OF_ANY_MODEL)]  # of plug-ins
    pinned = [f"{name}=={_public(environment[name])}" for name in (*names, *others) if name in environment]
    return [f"mlflow=={VERSION}", f"raytemplate{extra}=={version('raytemplate')}", *pinned]


def _public(number: str) -> str:
    """A version without what names its build: 2.13.0+cpu is found on no package index."""
    return number.partition("+")[0]


def _json(document: object) -> str:
    """JSON is valid YAML, and has only one way to write a document."""
    return json.dumps(document, indent=1) + "\n"
