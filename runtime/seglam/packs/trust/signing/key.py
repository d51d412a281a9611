"""Signing with an own key, where there is no certificate authority: embedded default, air gaps."""

from __future__ import annotations

from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PrivateKey = EllipticCurvePrivateKey | Ed25519PrivateKey
PublicKey = EllipticCurvePublicKey | Ed25519PublicKey


class KeySigner:
    """Signs with a P-256 (ECDSA, SHA-256) or Ed25519 key."""

    def __init__(self, key: PrivateKey) -> None:
        self._key = key

    @property
    def mode(self) -> Literal["Key"]:
        """Always Key."""
        return "Key"

    @property
    def identity(self) -> str:
        """The key's id."""
        raise NotImplementedError

    def sign(self, statement: bytes) -> bytes:
        """See `Signer.sign`."""
        raise NotImplementedError
