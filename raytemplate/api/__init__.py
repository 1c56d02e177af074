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
from raytemplate.api.mend import repair_ledger, restore_ledger
from raytemplate.api.packs import cards, pack, verify_pack
from raytemplate.api.plan import Planned, check, load, plan, read_plan, save_plan
from raytemplate.api.profile import Profile, profile
from raytemplate.api.promoter import answer_requests, requests, serve_promoter
from raytemplate.api.publish import site
from raytemplate.api.reproduce import Reproduced, reproduce
from raytemplate.api.run import resume, run, stop, submit, unfinished
from raytemplate.api.settings import change_settings, settings, settings_difference
from raytemplate.api.snapshots import Marked, freeze_snapshot, revoke_snapshot, snapshots
from raytemplate.api.use import Predicted, predict
from raytemplate.api.waive import Excepted, waive
from raytemplate.history.runs import Run

__all__ = [
    "Cleaned", "Excepted", "Marked", "Planned", "Predicted", "Profile", "Reproduced", "Run", "answer_requests", "cards",
    "change_settings", "check", "clean", "diff", "export_ledger", "find", "freeze_snapshot", "ledger", "ledger_keys",
    "lineage", "load", "local_keys", "logs", "model", "models", "new_key", "pack", "plan", "predict", "profile",
    "promote", "read_plan", "repair_ledger", "report", "reproduce", "requests", "restore_ledger", "resume",
    "revoke_key", "revoke_snapshot", "rollback", "run", "runs", "save_plan", "serve_promoter", "settings",
    "settings_difference", "show", "site", "snapshots", "statement", "stop", "submit", "trials", "unfinished",
    "verify_ledger", "verify_pack", "waive", "winning_template",
]  # fmt: skip


class _CallableRoom(ModuleType):
    """`rt.models` is both the function and, once it has been imported, the package of that name."""

    __call__ = staticmethod(models)


sys.modules["raytemplate.models"].__class__ = _CallableRoom
