"""Who asks, and what for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """What a token allows, always in its one namespace."""

    CLAIM = "claim"  # take a namespace that is free
    PUBLISH = "publish"
    YANK = "yank"  # also take a yank back
    REVIEW = "review"
    QUARANTINE = "quarantine"
    MANAGE = "manage"  # members and keys
    ADMINISTER = "administer"  # freeze, lift a quarantine, sign the audit log's head


class Role(StrEnum):
    """What a member is."""

    OWNER = "owner"
    PUBLISHER = "publisher"
    REVIEWER = "reviewer"


SCOPES_OF = {
    Role.OWNER: frozenset({Scope.PUBLISH, Scope.YANK, Scope.REVIEW, Scope.QUARANTINE, Scope.MANAGE}),
    Role.PUBLISHER: frozenset({Scope.PUBLISH, Scope.YANK, Scope.REVIEW}),
    Role.REVIEWER: frozenset({Scope.REVIEW}),
}
"""What a role may ask for. A review by who published is refused where it is given."""


@dataclass(frozen=True, slots=True, order=True)
class Identity:
    """Somebody, by an issuer and the subject that a certificate would name. A subject alone says nothing."""

    issuer: str
    subject: str

    def __str__(self) -> str:
        return f"{self.subject} ({self.issuer})"

    def document(self) -> dict[str, str]:
        """As JSON shows it."""
        return {"issuer": self.issuer, "subject": self.subject}


@dataclass(frozen=True, slots=True)
class Principal:
    """An identity with a token for one namespace.

    Attributes:
        scopes: what the token allows.
        token: the token's SHA-256.
    """

    identity: Identity
    origin: str
    namespace: str
    scopes: frozenset[Scope]
    token: str
    expires: str
    administrator: bool = False

    @property
    def issuer(self) -> str:
        """Its identity's issuer."""
        return self.identity.issuer

    @property
    def subject(self) -> str:
        """Its identity's subject."""
        return self.identity.subject
