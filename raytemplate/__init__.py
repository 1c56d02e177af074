"""raytemplate: turns one YAML file into a governed, repeatable model retraining on Ray."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from raytemplate.api import (
        check,
        clean,
        diff,
        find,
        lineage,
        load,
        logs,
        model,
        models,
        plan,
        predict,
        profile,
        promote,
        report,
        reproduce,
        resume,
        rollback,
        run,
        runs,
        show,
        site,
        stop,
        submit,
        trials,
        waive,
    )

__version__ = "0.1.0"
__all__ = [
    "check", "clean", "diff", "find", "lineage", "load", "logs", "model", "models", "plan", "predict", "profile",
    "promote", "report", "reproduce", "resume", "rollback", "run", "runs", "show", "site", "stop", "submit", "trials",
    "waive",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    # Imported on first use, so that `raytemplate --help` stays fast.
    if name in __all__:
        from raytemplate import api

        return getattr(api, name)
    raise AttributeError(f"module 'raytemplate' has no attribute {name!r}")


def __dir__() -> list[str]:
    # What a notebook completes after `rt.` and Tab.
    return ["__version__", *__all__]
