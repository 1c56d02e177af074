"""Which ledger owns a registered model: a tag names it, and the event that was its newest then."""

from __future__ import annotations

from queue import Empty, Queue
from threading import Thread

from mlflow import MlflowClient
from mlflow.entities.model_registry import RegisteredModel
from mlflow.exceptions import MlflowException

from raytemplate.errors import IntegrityError, Unavailable
from raytemplate.ledger.bodies import Restored
from raytemplate.ledger.events import body_of
from raytemplate.ledger.head import Ledger

LEDGER_TAG = "raytemplate.ledger"
_ELSEWHERE = "another name: in the template, or another tracking.uri"


def ledger_mark(ledger: Ledger) -> str:
    """The tag's value: the ledger's id, and number and hash of its newest event; "" if no event is signed yet."""
    newest, ring = ledger.newest()
    return f"{ring.ledger} {newest.seq} {newest.hash}" if newest is not None and ring.ledger else ""


def refuse_other_ledger(registered: RegisteredModel, ledger: Ledger) -> None:
    """Refuse to write over what another ledger, or another copy of this one, has decided. A model without the tag
    becomes this ledger's.

    Raises:
        IntegrityError: tells whose it is.
    """
    whose, _, event = registered.tags.get(LEDGER_TAG, "").partition(" ")
    if not whose:
        return
    ours = ledger.keyring().ledger
    if whose != ours:
        this = f"ledger {ours}" if ours else "a ledger without events"
        raise IntegrityError(
            f"{registered.name} in MLflow is the copy of ledger {whose}, and {ledger.where} is {this}: nothing there "
            "is written over",
            next_step=f"decide in the workspace of that ledger, or use {_ELSEWHERE}",
        )
    seq, _, digest = event.partition(" ")
    if not seq.isdecimal() or not (ledger.has(int(seq), digest) or _is_lost(int(seq), ledger)):
        raise IntegrityError(
            f"{registered.name} in MLflow is the copy of ledger {whose} with event {seq}, which {ledger.where} does "
            "not have: this workspace is a copy of another one, or an older file was put back",
            next_step=f"decide in the workspace that has event {seq}, or use {_ELSEWHERE}",
        )


def _is_lost(seq: int, ledger: Ledger) -> bool:
    """Whether an event of this number was lost when a person restored an older copy, and has said so."""
    bodies = map(body_of, ledger.events(""))
    return any(isinstance(body, Restored) and body.events < seq <= body.newest for body in bodies)


def registered_model(client: MlflowClient, model: str, *, within_s: float | None = None) -> RegisteredModel | None:
    """A registered model; None if there is none.

    Args:
        within_s: seconds to wait for the answer; None for as long as it takes.

    Raises:
        Unavailable: there was no answer in time.
    """
    if within_s is None:
        return _get(client, model)
    answers: Queue[RegisteredModel | Exception | None] = Queue()
    Thread(target=_put, args=(answers, client, model), name="owner", daemon=True).start()
    try:
        answer = answers.get(timeout=within_s)
    except Empty as error:
        raise Unavailable(f"no answer within {within_s:g} s") from error
    if isinstance(answer, Exception):
        raise answer
    return answer


def _put(answers: Queue[RegisteredModel | Exception | None], client: MlflowClient, model: str) -> None:
    try:
        answers.put(_get(client, model))
    except Exception as error:  # raised where the answer is awaited
        answers.put(error)


def _get(client: MlflowClient, model: str) -> RegisteredModel | None:
    try:
        return client.get_registered_model(model)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None
