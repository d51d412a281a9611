"""What every signing backend offers."""

from __future__ import annotations

from typing import Literal, Protocol

FailureCode = Literal[
    "configuration",
    "token-missing",
    "token-invalid",
    "token-expired",
    "identity-refused",
    "authority-down",
    "timestamp-down",
    "log-down",
    "log-refused",
    "unverifiable",
    "deadline",
    "statement",
    "key",
    "internal",
]


class SigningFailed(Exception):
    """Nothing was signed, or what was signed is of no use.

    Attributes:
        code: why, for programs.
        words: why and what to do, for people.
        retriable: whether the same call may succeed later without a change.
    """

    def __init__(self, code: FailureCode, words: str, *, retriable: bool = False) -> None:
        super().__init__(words)
        self.code: FailureCode = code
        self.words = words
        self.retriable = retriable


class Signer(Protocol):
    """Signs statements. Calls block, so event loops call them in threads."""

    @property
    def mode(self) -> Literal["Keyless", "Key"]:
        """The mode that a policy must name for these signatures to count."""

    @property
    def identity(self) -> str:
        """Who signs: the key's id, or the identity token's subject and issuer as far as they are known."""

    def sign(self, statement: bytes) -> bytes:
        """Sign the bytes of a statement (`Statement.to_bytes()`).

        Returns:
            A sigstore bundle v0.3 as JSON.

        Raises:
            SigningFailed: nothing usable was signed.
        """
