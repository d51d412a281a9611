"""What a browser keeps for a service and cannot read."""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class Sealed:
    """Encrypts texts, so that every replica that has the key reads them, and nobody else.

    Args:
        key: at least 32 random bytes; the one that is used is derived from it.
        name: of what is sealed; what is sealed under another name is not read.
    """

    def __init__(self, key: bytes, name: str) -> None:
        derived = HKDF(SHA256(), 32, salt=None, info=f"{name}.sealed".encode()).derive(key)
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    def seal(self, text: str) -> str:
        """A text, encrypted."""
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str | None:
        """The text; None for what was not sealed here."""
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken:
            return None
