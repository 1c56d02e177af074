"""Why a request to the ledger is refused, in words, and what it may refer to."""

import difflib
from dataclasses import fields

from raytemplate.errors import ChampionMoved, UsageError
from raytemplate.ledger.history import Head, History
from raytemplate.ledger.keyring import Keyring, KnownKey
from raytemplate.records.codec import encode

_FEWEST_DIGITS = 6
"""Of a key's id, so that a slip does not revoke another one."""


def target(history: History, model: str, to_version: int | None, known: tuple[str, ...]) -> Head:
    """The head that a rollback goes back to.

    Args:
        known: names of all models that have a champion.

    Raises:
        UsageError: no such model or version, or nothing to go back to.
    """
    head = history.head
    if head is None:
        raise no_model(model, known)
    if to_version is None:
        if len(history.line) > 1:
            return history.line[-2]
        only = len({h.version for h in history.heads}) == 1
        raise UsageError(f"version {head.version} is the {'only' if only else 'first'} champion; nothing to go back to")
    if to_version == head.version:
        raise UsageError(f"version {to_version} is the champion of {head.model} already")
    champions = {earlier.version: earlier for earlier in history.heads}
    if to_version not in champions:
        those = ", ".join(str(number) for number in sorted(champions))
        raise UsageError(f"version {to_version} of {head.model} was never champion; versions that were: {those}")
    return champions[to_version]


def moved(history: History, model: str, expected_term: int, run_id: str) -> ChampionMoved:
    """The error for evidence that was taken against another champion than today's."""
    head = history.head
    now = f"version {head.version} since {encode(head.at)} (run {head.run_id})" if head else "none"
    if expected_term == 0:
        then = "no champion"
    elif expected_term <= history.term:
        then = f"version {history.heads[expected_term - 1].version}"
    else:
        then = f"term {expected_term}, which this ledger never reached"
    what = f"the champion of {model} is {now}, the evidence was taken against {then}"
    return ChampionMoved(what, next_step=f"raytemplate resume {run_id}" if run_id else "raytemplate models")


def no_model(model: str, known: tuple[str, ...]) -> UsageError:
    """The error for a model that has no champion; names the nearest that has one."""
    near = difflib.get_close_matches(model, known, n=1)
    hint = f'; did you mean "{near[0]}"?' if near else ""
    return UsageError(f'no champion of a model "{model}"{hint}', next_step="raytemplate models")


def no_such(model: str, known: tuple[str, ...]) -> UsageError:
    """The error for a model that the ledger does not know; names the nearest that it knows."""
    near = difflib.get_close_matches(model, known, n=1)
    hint = f'; did you mean "{near[0]}"?' if near else ""
    return UsageError(f'no model "{model}"{hint}', next_step="raytemplate models")


def unlike(model: str, stored: Head | None, told: Head | None) -> str:
    """How a head differs from the events: by version or, for the same version, by each field."""
    if stored is None or told is None or _say(stored) != _say(told):
        return f"the head of {model} is {_say(stored)}, the events say {_say(told)}"
    ours, theirs = ({field.name: str(getattr(head, field.name)) for field in fields(head)} for head in (stored, told))
    found = (f"{name} is {ours[name]}, the events say {theirs[name]}" for name in ours if ours[name] != theirs[name])
    return f"the head of {model} is {_say(stored)}, but its {'; its '.join(found)}"


def _say(head: Head | None) -> str:
    return f"version {head.version} in term {head.term} (event {head.event_seq})" if head else "none"


def one_key(ring: Keyring, beginning: str) -> KnownKey:
    """The key whose id begins so.

    Raises:
        UsageError: there is none, or there are several.
    """
    if len(beginning) < _FEWEST_DIGITS:
        raise UsageError(
            f'key "{beginning}": expected the first {_FEWEST_DIGITS} digits of its id or more',
            next_step="raytemplate identity list",
        )
    found = [known for name, known in ring.keys.items() if name.startswith(beginning)]
    if len(found) != 1:
        which = f'no key "{beginning}"' if not found else f'{len(found)} keys that begin with "{beginning}"'
        raise UsageError(f"the ledger knows {which}", next_step="raytemplate identity list")
    return found[0]
