"""What may be asked of a team's promoter: anybody who writes the workspace can have written a request."""

from collections.abc import Mapping

from raytemplate.errors import UsageError
from raytemplate.execution.journal import Journal
from raytemplate.records.codec import decode
from raytemplate.records.judged import Actor
from raytemplate.records.requested import PromoterRequest
from raytemplate.store.workspace import Workspace

OF_RUNS = ("decide", "promote")
"""What concerns a run, which nobody else works on meanwhile."""
ARGUMENTS: Mapping[str, Mapping[str, tuple[type, ...]]] = {
    "decide": {"run": (str,)},
    "promote": {"run": (str,)},
    "change_settings": {"settings": (dict,)},
    "mark_snapshot": {"kind": (str,), "snapshot": (str,), "name": (str,), "kept": (str,)},
    "revoke_key": {"key": (str,)},
    "roll_back": {"model": (str,), "version": (int, type(None))},
    "waive": {"run": (str,), "gate": (str,), "expires": (str,)},
}
"""What may be asked for by a request, and its arguments besides the actor: each checks what a person has signed."""


def refuse_malformed(request: PromoterRequest) -> None:
    """Refuse what no command asks for.

    Raises:
        UsageError: says what is wrong.
    """
    arguments = ARGUMENTS.get(request.do)
    if arguments is None:
        raise UsageError(f"request {request.id}: the promoter takes no request {request.do!r}")
    expected = {*arguments, "actor"}
    if set(request.asked) != expected:
        found, wanted = (", ".join(sorted(names)) or "nothing" for names in (request.asked.keys(), expected))
        raise UsageError(f"request {request.id}: {request.do} is asked with {found}, expected {wanted}")
    for name, kinds in arguments.items():
        if type(request.asked[name]) not in kinds:
            raise UsageError(f"request {request.id}: {name} is {request.asked[name]!r}, which no command asks for")
    if actor_of(request).automatic != (request.do == "decide"):
        raise UsageError(f"request {request.id}: only a run asks to be judged by itself")


def actor_of(request: PromoterRequest) -> Actor:
    """Who asks.

    Raises:
        UsageError: nobody who can be read.
    """
    try:
        return decode(Actor, request.asked["actor"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"request {request.id}: its actor cannot be read: {error}") from error


def journal_of(workspace: Workspace, request: PromoterRequest) -> Journal:
    """The journal of the run that a request names.

    Raises:
        UsageError: there is no such run in the workspace.
    """
    run = str(request.asked["run"])
    folder = workspace.runs / run
    if not (run.isascii() and run.isalnum()) or folder.is_symlink() or not folder.is_dir():
        raise UsageError(f"request {request.id}: no run {run!r} in {workspace.runs}")
    return Journal(folder)
