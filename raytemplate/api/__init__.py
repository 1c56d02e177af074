"""The doors for Python and notebooks: `plan`, `run`, `decide` and `use` act; `look` only reads.

spec = load("flights.yaml", set={"training.epochs": 10})
run_ = run(plan(spec, as_of="2013-06-01"))
"""

import sys
from types import ModuleType

from raytemplate.api.clean import Cleaned, clean
from raytemplate.api.decide import promote, rollback
from raytemplate.api.identity import ledger_keys, local_keys, new_key, revoke_key
from raytemplate.api.look import (
    diff,
    export_ledger,
    find,
    ledger,
    lineage,
    logs,
    model,
    models,
    report,
    runs,
    show,
    statement,
    trials,
    verify_ledger,
    winning_template,
)
from raytemplate.api.packs import cards, pack, verify_pack
from raytemplate.api.plan import Planned, check, load, plan, read_plan, save_plan
from raytemplate.api.profile import Profile, profile
from raytemplate.api.publish import site
from raytemplate.api.reproduce import Reproduced, reproduce
from raytemplate.api.run import resume, run, stop, submit, unfinished
from raytemplate.api.use import Predicted, predict
from raytemplate.history.runs import Run

__all__ = [
    "Cleaned", "Planned", "Predicted", "Profile", "Reproduced", "Run", "cards", "check", "clean", "diff",
    "export_ledger", "find", "ledger", "ledger_keys", "lineage", "load", "local_keys", "logs", "model", "models",
    "new_key", "pack", "plan", "predict", "profile", "promote", "read_plan", "report", "reproduce", "resume",
    "revoke_key", "rollback", "run", "runs", "save_plan", "show", "site", "statement", "stop", "submit", "trials",
    "unfinished", "verify_ledger", "verify_pack", "winning_template",
]  # fmt: skip


class _CallableRoom(ModuleType):
    """`rt.models` is both the function and, once it has been imported, the package of that name."""

    __call__ = staticmethod(models)


sys.modules["raytemplate.models"].__class__ = _CallableRoom
