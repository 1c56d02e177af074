"""Ed25519 signatures. Only this file uses `cryptography`, and imports it when something is signed or checked first."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

Purpose = Literal["identity", "promoter"]
"""What a key is for: a person's decisions ("identity"), or the events of a ledger."""
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)

_ID_LENGTH = 16
_PUBLIC_BYTES, _SIGNATURE_BYTES = 32, 64


def signed_bytes(payload_type: str, payload: bytes) -> bytes:
    """What is signed for a payload: DSSE's pre-authentication encoding, so that no signature serves two purposes.

    Source: https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md
    """
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The public half of a key."""

    text: str
    """Its 32 bytes in base64."""

    @classmethod
    def of(cls, text: str) -> PublicKey:
        """The key written as `text`.

        Raises:
            ValueError: not 32 bytes in base64.
        """
        from_base64(text, _PUBLIC_BYTES)
        return cls(text)

    @property
    def raw(self) -> bytes:
        """Its 32 bytes."""
        return base64.b64decode(self.text)

    @property
    def id(self) -> str:
        """The beginning of the SHA-256 digest of its bytes, for people to compare."""
        return hashlib.sha256(self.raw).hexdigest()[:_ID_LENGTH]

    def has_signed(self, signature: str, message: bytes) -> bool:
        """Whether `signature`, in base64, is this key's for `message`."""
        return _has_signed(self.text, signature, message)


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key, as a function that signs with it."""

    key: PublicKey
    """Its public half."""

    sign_bytes: Callable[[bytes], bytes]
    """The signature of some bytes."""

    def sign(self, message: bytes) -> str:
        """The signature of `message`, in base64."""
        return to_base64(self.sign_bytes(message))


def new_private_key() -> bytes:
    """A new private key as PEM (PKCS #8)."""
    from cryptography.hazmat.primitives import serialization as as_
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.generate().private_bytes(as_.Encoding.PEM, as_.PrivateFormat.PKCS8, as_.NoEncryption())


def signer_of(pem: bytes) -> Signer:
    """The signer for a private key in PEM.

    Raises:
        ValueError: not a private key of Ed25519 without a password.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        private = load_pem_private_key(pem, password=None)
    except (TypeError, UnsupportedAlgorithm) as error:  # it has a password, or is of a rare kind
        raise ValueError(str(error)) from error
    if not isinstance(private, Ed25519PrivateKey):
        raise ValueError("not a key of Ed25519")
    return Signer(PublicKey(to_base64(private.public_key().public_bytes_raw())), private.sign)


def to_base64(data: bytes) -> str:
    """Bytes as text."""
    return base64.b64encode(data).decode()


def from_base64(text: str, num_bytes: int) -> bytes:
    """The bytes that are written as `text`, in the one way that there is to write them.

    Raises:
        ValueError: not base64, another length, or written in another way.
    """
    data = base64.b64decode(text, validate=True)
    if len(data) != num_bytes or to_base64(data) != text:
        raise ValueError(f"expected {num_bytes} bytes in base64")
    return data


@lru_cache(maxsize=4096)  # a process that moves heads reads the same events again and again
def _has_signed(key: str, signature: str, message: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        _loaded(base64.b64decode(key)).verify(from_base64(signature, _SIGNATURE_BYTES), message)
    except (InvalidSignature, ValueError):
        return False
    return True


@lru_cache(maxsize=64)
def _loaded(raw: bytes) -> Ed25519PublicKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    return Ed25519PublicKey.from_public_bytes(raw)
