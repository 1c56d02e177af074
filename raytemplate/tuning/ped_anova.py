"""Optuna's PED-ANOVA without scikit-learn, which takes seconds to import and which only its other evaluators need.

Nothing is changed for others: in a process with other threads, or that has imported either package, both are imported
as usual; if not, Optuna's modules are forgotten, so that whoever imports them later gets all evaluators.
"""

import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import ModuleType
from typing import cast

_HIDDEN, _FROM = "sklearn", "optuna.importance"


@contextmanager
def _hidden() -> Generator[None]:
    if threading.active_count() > 1 or _HIDDEN in sys.modules or _FROM in sys.modules:
        yield
        return
    sys.modules[_HIDDEN] = cast("ModuleType", None)  # Python then refuses to import it
    try:
        yield
    finally:
        del sys.modules[_HIDDEN]
        for name in [name for name in sys.modules if name.startswith(_FROM)]:
            del sys.modules[name]


with _hidden():
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

__all__ = ["PedAnovaImportanceEvaluator", "get_param_importances"]
