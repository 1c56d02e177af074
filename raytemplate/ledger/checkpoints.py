"""Checkpoints: signed notes of how long a ledger's chain was and what its last hash was, to be kept elsewhere.

They have the form of a transparency log's checkpoints, https://c2sp.org/tlog-checkpoint, with the hash of the chain's
last event in place of the root of a Merkle tree.
"""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from raytemplate.errors import IntegrityError
from raytemplate.ledger.bodies import Restored
from raytemplate.ledger.chain import Examined
from raytemplate.ledger.events import body_of
from raytemplate.ledger.signing import PublicKey, Signer, from_base64, to_base64

_ORIGIN = "raytemplate/ledger/"
_DASH = "\u2014 "
_ED25519 = b"\x01"
_HASH_BYTES, _KEY_HASH_BYTES, _SIGNATURE_BYTES = 32, 4, 64
_NUM_LINES = 5
_NAMED_BY = 12
"""Digits of the head's hash in a checkpoint's name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """How a ledger was at some moment."""

    ledger: str
    """The ledger's id."""

    size: int
    """How many events it had."""

    head: str
    """Hash of the last of them."""

    signature: str = ""
    """Which key signed this (4 bytes of a digest) and its signature, in base64."""

    @property
    def file_name(self) -> str:
        """Its name among other checkpoints of the ledger: two of one size are of two chains, and both are kept."""
        return f"{self.size:08d}-{self.head[:_NAMED_BY]}"

    @property
    def text(self) -> str:
        """What is signed: three lines."""
        return f"{_ORIGIN}{self.ledger}\n{self.size}\n{to_base64(bytes.fromhex(self.head))}\n"

    @property
    def note(self) -> str:
        """The whole note: five lines, the fourth of them empty."""
        return f"{self.text}\n{_DASH}{_ORIGIN}{self.ledger} {self.signature}\n"

    def is_by(self, key: PublicKey) -> bool:
        """Whether a key has signed it."""
        both = base64.b64decode(self.signature)
        named, signature = both[:_KEY_HASH_BYTES], both[_KEY_HASH_BYTES:]
        return named == _key_hash(self.ledger, key) and key.has_signed(to_base64(signature), self.text.encode())


def signed_checkpoint(ledger: str, size: int, head: str, signer: Signer) -> Checkpoint:
    """A checkpoint, signed."""
    plain = Checkpoint(ledger=ledger, size=size, head=head)
    signature = base64.b64decode(signer.sign(plain.text.encode()))
    both = to_base64(_key_hash(ledger, signer.key) + signature)
    return Checkpoint(ledger=ledger, size=size, head=head, signature=both)


def _key_hash(ledger: str, key: PublicKey) -> bytes:
    name = f"{_ORIGIN}{ledger}".encode()
    return hashlib.sha256(name + b"\n" + _ED25519 + key.raw).digest()[:_KEY_HASH_BYTES]


def read_notes(text: str, *, where: str) -> tuple[Checkpoint, ...]:
    """The checkpoints of a file that holds one note or several, one after another. A torn note, such as a power cut
    leaves, is skipped if another begins after it or the file ends.

    Raises:
        IntegrityError: a whole note cannot be read, or there is none; names `where`.
    """
    notes: list[list[str]] = []
    for line in text.split("\n")[:-1]:
        if line.startswith(_ORIGIN):
            notes.append([])
        if notes:
            notes[-1].append(line)
    found = tuple(_read_note(lines, where) for lines in notes if len(lines) >= _NUM_LINES)
    if not found:
        raise IntegrityError(f"{where}: holds no checkpoint of a ledger")
    return found


def _read_note(lines: Sequence[str], where: str) -> Checkpoint:
    origin, size, head, _, signed, *_ = lines
    _, _, signature = signed.rpartition(" ")
    try:
        from_base64(signature, _KEY_HASH_BYTES + _SIGNATURE_BYTES)
        found = Checkpoint(
            ledger=origin.removeprefix(_ORIGIN),
            size=int(size),
            head=from_base64(head, _HASH_BYTES).hex(),
            signature=signature,
        )
    except ValueError as error:
        raise IntegrityError(f"{where}: holds a checkpoint that cannot be read: {error}") from error
    if found.note != "\n".join(lines) + "\n":
        raise IntegrityError(f"{where}: holds a checkpoint that cannot be read: it is written in another way")
    return found


def excused(checkpoints: Sequence[Checkpoint], chain: Examined, *, in_order: bool = True) -> tuple[Checkpoint, ...]:
    """The checkpoints of events that were lost when an older copy was restored, as the chain itself says: a person has
    signed from which event to which.

    Args:
        in_order: whether they are in the order in which they were made, so that those after the first one of the
            restored chain are known to be no older ones, and never excused.
    """
    restored, begun, found = tuple(_restored(chain)), set[tuple[int, int]](), list[Checkpoint]()
    for each in checkpoints if restored else ():
        if _agrees(each, chain):
            begun |= {lost for lost in restored if in_order and each.size > lost[0]}
        elif any(lost[0] < each.size <= lost[1] for lost in restored if lost not in begun):
            found.append(each)
    return tuple(each for each in found if each.ledger == chain.ring.ledger)


def _restored(chain: Examined) -> Iterator[tuple[int, int]]:
    """For each older copy that was restored, how many events it had, and the newest one that was known before."""
    for event in chain.events:
        if event.type == Restored.type:
            with suppress(IntegrityError):  # told by whatever examines the chain
                body = body_of(event)
                if isinstance(body, Restored):
                    yield body.events, body.newest


def _agrees(each: Checkpoint, chain: Examined) -> bool:
    return 1 <= each.size <= len(chain.events) and chain.events[each.size - 1].hash == each.head


def newest_of(
    checkpoints: Sequence[Checkpoint], chain: Examined, *, where: str, in_order: bool = True
) -> Checkpoint | None:
    """The newest checkpoint, which may cover more than a copy of the chain; None if there is none.

    Raises:
        IntegrityError: one says that this is another chain, longer or not.
    """
    passed = excused(checkpoints, chain, in_order=in_order)
    counted = [each for each in checkpoints if each not in passed]
    covered = [each for each in counted if each.size <= len(chain.events)]
    if faults := disagreements(covered, chain, where=where, in_order=in_order):
        raise IntegrityError(faults[0], next_step="restore another copy")
    return max(counted, key=lambda each: each.size, default=None)


def disagreements(
    checkpoints: Sequence[Checkpoint], chain: Examined, *, where: str, in_order: bool = True
) -> tuple[str, ...]:
    """The first thing in which a chain is not what checkpoints say of it, in words; none if all agree, or are excused.

    Args:
        where: the checkpoints' file.
        in_order: see `excused`.
    """
    passed = excused(checkpoints, chain, in_order=in_order)
    checkpoints = [each for each in checkpoints if each not in passed]
    keys = [known.key for known in chain.ring.keys.values()]
    agreed = None
    for each in sorted(checkpoints, key=lambda one: one.size):
        if fault := _disagreement(each, chain, agreed.size if agreed else 0, where):
            known = any(map(each.is_by, keys))
            return (fault if known else f"{fault}, signed by a key that the ledger does not know",)
        agreed = each
    # If the newest agrees and is signed, a forged one before it says nothing else.
    if agreed and not any(map(agreed.is_by, keys)):
        return (f"{where}: the checkpoint of {agreed.size} events is signed by no key of the ledger",)
    return ()


def _disagreement(each: Checkpoint, chain: Examined, agreed: int, where: str) -> str:
    if each.ledger != chain.ring.ledger:
        this = f"ledger {chain.ring.ledger}" if chain.ring.ledger else "a ledger without signatures"
        return f"{where} has a checkpoint of ledger {each.ledger}, and this is {this}"
    if each.size > len(chain.events):
        return f"event {len(chain.events) + 1}: missing; {where} has a checkpoint of {each.size} events"
    if each.size < 1 or chain.events[each.size - 1].hash != each.head:
        which = f"event {each.size}" if agreed + 1 >= each.size else f"one of the events {agreed + 1} to {each.size}"
        return f"{which}: not the one that {where} has a checkpoint of"
    return ""
