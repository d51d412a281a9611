"""Signing with an own key, where there is no certificate authority: embedded default, air gaps."""

from __future__ import annotations

import base64
from typing import Literal

import rfc8785
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from seglam.packs.trust.bundles import BUNDLE_TYPE
from seglam.packs.trust.keys import KeyInvalid, PrivateKey, key_id, pae, public_pem, read_private, sign
from seglam.packs.trust.roots import PublicKey
from seglam.packs.trust.signing.protocol import SigningFailed
from seglam.packs.trust.statements import PAYLOAD_TYPE, StatementInvalid, check_form


class KeySigner:
    """Signs with a P-256 (ECDSA, SHA-256) or Ed25519 key, given as key or as PEM.

    Raises:
        SigningFailed: the PEM holds no such key (`key`).
    """

    def __init__(self, key: PrivateKey | bytes | str) -> None:
        if isinstance(key, bytes | str):
            try:
                key = read_private(key.encode() if isinstance(key, str) else key)
            except KeyInvalid as error:
                raise SigningFailed("key", f"The signing key cannot be used: {error}.") from None
        self._key: PrivateKey = key

    @classmethod
    def generate(cls) -> KeySigner:
        """A signer with a new P-256 key; `private_pem` keeps it."""
        return cls(generate_private_key(SECP256R1()))

    @property
    def mode(self) -> Literal["Key"]:
        """Always Key."""
        return "Key"

    @property
    def identity(self) -> str:
        """The key's id."""
        return key_id(self._key.public_key())

    @property
    def public(self) -> PublicKey:
        """The public key as an entry of a trust root."""
        return PublicKey(id=self.identity, pem=public_pem(self._key.public_key()))

    @property
    def private_pem(self) -> bytes:
        """The private key, PKCS#8 without password: for a file that only its owner can read, or a Secret."""
        return self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def sign(self, statement: bytes) -> bytes:
        """See `Signer.sign`."""
        try:
            check_form(statement)
        except StatementInvalid as error:
            raise SigningFailed("statement", f"This is not signed: {error}.") from None
        signature = sign(self._key, pae(PAYLOAD_TYPE, statement))
        return rfc8785.dumps(
            {
                "mediaType": BUNDLE_TYPE,
                "verificationMaterial": {"publicKey": {"hint": self.identity}, "tlogEntries": []},
                "dsseEnvelope": {
                    "payload": base64.b64encode(statement).decode(),
                    "payloadType": PAYLOAD_TYPE,
                    "signatures": [{"sig": base64.b64encode(signature).decode()}],
                },
            }
        )
