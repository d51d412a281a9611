"""What the API's endpoints work with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol, cast

from fastapi import Depends, Request

from seglam.packs.names import PackName
from seglam.registry.access.identities import Identity
from seglam.registry.access.issuers import Issuers
from seglam.registry.access.tokens import Rules
from seglam.registry.api.receiving import Receiving
from seglam.registry.database import Database
from seglam.registry.indexing.routes import DatabaseFiles, Files
from seglam.registry.log_audit import LogAudit
from seglam.registry.publishing import Publishing
from seglam.registry.settings import Settings
from seglam.registry.shelf import Shelf
from seglam.registry.signing import Signing
from seglam.registry.trying import Trials


class Index(Protocol):
    """The index (`seglam.registry.indexing`)."""

    def update(self) -> object:
        """Bring it up to the last change; may raise."""


class Mirror(Protocol):
    """Brings packs of other origins here (`seglam.registry.mirror`)."""

    @property
    def files(self) -> Mapping[str, Files]:
        """The index of each origin."""

    def fetch(self, name: PackName, reference: str | None) -> None:
        """See that what is asked for of a pack is in the database, if it can be had.

        Args:
            reference: a version, a digest, a tag of referrers; None for the list of versions.

        Raises:
            Problem: 502 or 503 where the origin cannot be asked and nothing is here.
        """


@dataclass(frozen=True)
class Parts:
    """The parts of one registry, put together by `seglam.registry.app`.

    Attributes:
        signing: signs with the registry's identity; blocks.
        index: brought up to date after a change of a version's state; None where nobody keeps one here.
        mirror: of other origins; None where there is none.
        checks: further things that must be so for the registry to be ready, by name; each raises or returns False.
        log_audit: what the last audit of the logs found.
        trials: asks published packs; None where there is no sandbox.
        shelf: reads published packs.
        receiving: a turn for each archive that is received.
    """

    settings: Settings
    database: Database
    signing: Signing
    publishing: Publishing
    issuers: Issuers
    index: Index | None = None
    mirror: Mirror | None = None
    checks: tuple[tuple[str, Callable[[], bool]], ...] = ()
    log_audit: LogAudit | None = None
    trials: Trials | None = None
    shelf: Shelf = field(default_factory=Shelf)
    receiving: Receiving = field(default_factory=Receiving)

    @property
    def origin(self) -> str:
        """The first part of every name that is published here."""
        return self.settings.origin

    def index_root(self, origin: str) -> bytes | None:
        """The first root of an origin's index; None where it is not here."""
        files: Files | None = DatabaseFiles(self.database, origin)
        if origin != self.origin:
            files = self.mirror.files.get(origin) if self.mirror is not None else None
        return files.metadata("1.root.json") if files is not None else None

    def fetch(self, name: PackName, reference: str | None) -> None:
        """See that a pack of another origin is here, where that is mirrored."""
        if self.mirror is not None and name.origin != self.origin:
            self.mirror.fetch(name, reference)

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
