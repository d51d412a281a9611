"""Where the console looks at proposals and decides on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from seglam.gateway.access import Caller
from seglam.gateway.pages.showing import Proposal
from seglam.gateway.trying import Trial
from seglam.procedures import Request

SHOWN = 50
"""Proposals on one page of the queue."""

Who = TypeVar("Who", bound=Caller, contravariant=True)


class Desk(Protocol[Who]):
    """Proposals as one reader sees them, who decides as themselves; shows and refuses what the API does."""

    async def waiting(self, who: Who, after: str | None) -> Mapping[str, Any]:
        """What waits for a decision, oldest first, as `GET /v1/reviews` lists it."""

    async def proposal(self, who: Who, digest: str) -> Proposal:
        """A revision; `Problem` 404 if there is none."""

    async def decide(self, who: Who, digest: str, decision: str, reason: str) -> None:
        """Take a decision that the proposal offered; `Problem` 4xx if it may not be taken."""

    async def attempt(self, who: Who, digest: str, request: Request) -> Trial:
        """Ask a revision alone, and what is active; see `seglam.gateway.trying`."""
