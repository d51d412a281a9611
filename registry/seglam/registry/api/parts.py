"""What the API's endpoints work with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, cast

from fastapi import Depends, Request

from seglam.registry.access.identities import Identity
from seglam.registry.access.issuers import Issuers
from seglam.registry.access.tokens import Rules
from seglam.registry.database import Database
from seglam.registry.publishing import Publishing
from seglam.registry.settings import Settings
from seglam.registry.signing import Signing


class Index(Protocol):
    """The index (`seglam.registry.indexing`)."""

    def update(self) -> object:
        """Bring it up to the last change; may raise."""


@dataclass(frozen=True)
class Parts:
    """The parts of one registry, put together by `seglam.registry.app`.

    Attributes:
        signing: signs with the registry's identity; blocks.
        index: brought up to date after a change of a version's state; None where nobody keeps one here.
        checks: further things that must be so for the registry to be ready, by name; each raises or returns False.
    """

    settings: Settings
    database: Database
    signing: Signing
    publishing: Publishing
    issuers: Issuers
    index: Index | None = None
    checks: tuple[tuple[str, Callable[[], bool]], ...] = ()

    @property
    def origin(self) -> str:
        """The first part of every name that is published here."""
        return self.settings.origin

    @property
    def rules(self) -> Rules:
        """Who may have which tokens."""
        settings = self.settings
        admins = frozenset(Identity(issuer, subject) for issuer, subject in settings.admins)
        return Rules(settings.origin, admins, settings.claims == "first", settings.token_s)


def parts_of(http: Request) -> Parts:
    """The parts of the registry that a request came to."""
    state: Any = http.app.state
    return cast("Parts", state.parts)


Here = Annotated[Parts, Depends(parts_of)]
"""A parameter of an endpoint."""
