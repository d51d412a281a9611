"""Public keys of members."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from seglam.web import Problem

MAX_PEM = 4096


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key by its id: the SHA-256 of its SPKI in DER, in hexadecimal."""

    id: str
    pem: str


def read_key(pem: str) -> PublicKey:
    """A P-256 or Ed25519 public key from its PEM. `Problem` 422 if it is none."""
    try:
        if len(pem) > MAX_PEM:
            raise ValueError("it is too long")
        key = load_pem_public_key(pem.encode("ascii"))
    except (ValueError, UnsupportedAlgorithm, UnicodeEncodeError):
        raise Problem(422, "key-invalid", "it is no public key in PEM (BEGIN PUBLIC KEY)") from None
    p256 = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
    if not p256 and not isinstance(key, ed25519.Ed25519PublicKey):
        raise Problem(422, "key-invalid", "give a P-256 or Ed25519 key")
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    written = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")
    return PublicKey(hashlib.sha256(der).hexdigest(), written)
