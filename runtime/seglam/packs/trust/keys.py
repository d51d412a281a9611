"""Key mode: public keys, their ids, and signatures over what DSSE calls the pre-authentication encoding."""

from __future__ import annotations

import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PrivateKey = EllipticCurvePrivateKey | Ed25519PrivateKey
PublicKey = EllipticCurvePublicKey | Ed25519PublicKey


class KeyInvalid(ValueError):
    """A text that holds no key which key mode takes."""


def pae(payload_type: str, payload: bytes) -> bytes:
    """The bytes that are signed for a DSSE envelope (DSSE 1.0, section "Signature Definition")."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def key_id(key: PublicKey) -> str:
    """SHA-256 of the key's SPKI DER, in hexadecimal."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def public_pem(key: PublicKey) -> str:
    """The key as trust roots keep it."""
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def read_public(pem: str) -> PublicKey:
    """The public key of a PEM text.

    Raises:
        KeyInvalid: it holds none, or one of another kind than P-256 and Ed25519.
    """
    try:
        key = serialization.load_pem_public_key(pem.encode())
    except ValueError as error:
        raise KeyInvalid(f"it is no public key in PEM: {error}") from None
    if isinstance(key, Ed25519PublicKey) or (
        isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1)
    ):
        return key
    raise KeyInvalid("the key is neither P-256 nor Ed25519")


def read_private(pem: bytes) -> PrivateKey:
    """The private key of a PEM text (PKCS#8 or SEC1, without password).

    Raises:
        KeyInvalid: it holds none, or one of another kind than P-256 and Ed25519.
    """
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise KeyInvalid(f"it is no unencrypted private key in PEM: {error}") from None
    if isinstance(key, Ed25519PrivateKey) or (
        isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1)
    ):
        return key
    raise KeyInvalid("the key is neither P-256 nor Ed25519")


def sign(key: PrivateKey, data: bytes) -> bytes:
    """Signature of `data`: ECDSA with SHA-256 in DER, or Ed25519."""
    if isinstance(key, Ed25519PrivateKey):
        return key.sign(data)
    return key.sign(data, ECDSA(hashes.SHA256()))


def verifies(key: PublicKey, signature: bytes, data: bytes) -> bool:
    """Whether the signature of `data` is the key's."""
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, data)
        else:
            key.verify(signature, data, ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True
