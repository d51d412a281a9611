"""Keys of the index: Ed25519 in PEM files, private ones encrypted where people keep them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner, Signer, SSlibKey

from seglam.packs.index.errors import IndexNotReady


def new_key(path: Path, *, passphrase: bytes | None) -> SSlibKey:
    """Make an Ed25519 key: the private key at `path` (mode 0600, PKCS#8), the public one beside it as `.pub`.

    Raises FileExistsError rather than replacing a key.
    """
    key = Ed25519PrivateKey.generate()
    encryption = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(private)
    path.with_suffix(".pub").write_bytes(public)
    return SSlibKey.from_crypto(key.public_key())


def read_public(path: Path) -> SSlibKey:
    """The public key of a PEM file, public or private without passphrase."""
    try:
        return SSlibKey.from_crypto(serialization.load_pem_public_key(path.read_bytes()))
    except ValueError as error:
        raise ValueError(f"{path} holds no public key in PEM form that can be used: {error}") from error


def read_private(path: Path, *, passphrase: bytes | None = None) -> CryptoSigner:
    """The signer of a private key file."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), passphrase)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} cannot be read as a private key: {error}") from error
    if not isinstance(key, Ed25519PrivateKey | EllipticCurvePrivateKey):
        raise ValueError(f"{path} holds a key of another kind: the index takes Ed25519 and P-256")
    return CryptoSigner(key)


class KeyRing:
    """The private keys at hand, by key id. Which of them signs a role is what the metadata says."""

    def __init__(self, signers: Iterable[Signer] = ()) -> None:
        self._signers: Mapping[str, Signer] = {signer.public_key.keyid: signer for signer in signers}

    @classmethod
    def read(cls, directory: Path) -> KeyRing:
        """Every `*.pem` of a directory, without passphrase: an online key's protection is the file's mode or the
        Secret that it comes from.
        """
        return cls(read_private(path) for path in sorted(directory.glob("*.pem")))

    def __contains__(self, keyid: str) -> bool:
        return keyid in self._signers

    def chosen(self, role: str, keyids: Iterable[str], threshold: int) -> list[Signer]:
        """The signers among `keyids`. Raises IndexNotReady where fewer than `threshold` are here."""
        wanted = list(keyids)
        found = [self._signers[keyid] for keyid in wanted if keyid in self._signers]
        if len(found) < threshold:
            missing = ", ".join(keyid[:16] for keyid in wanted if keyid not in self._signers)
            raise IndexNotReady(
                "index-key-missing",
                f"{role} needs {threshold} signature(s) and the private keys of {missing} are not here: put them "
                "into the directory of online keys, or rotate the role to a key that is (docs/keys.md)",
            )
        return found
