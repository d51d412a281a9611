"""Where the console looks at proposals and decides on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from seglam.gateway import views
from seglam.gateway.refusals import of_review, of_store
from seglam.gateway.reviewing import decision_of
from seglam.gateway.service import Service
from seglam.gateway.store import ReviewRefused, StoreError
from seglam.gateway.trying import Trial, attempt
from seglam.procedures import Request

SHOWN = 50
"""Proposals on one page of the queue."""


class Desk(Protocol):
    """Its methods block; each is of one tenant, and shows and refuses what the API does."""

    def waiting(self, tenant: str, after: str | None) -> Mapping[str, Any]:
        """What waits for a decision, oldest first, as `GET /v1/reviews` lists it."""

    def revision(self, tenant: str, digest: str) -> Mapping[str, Any]:
        """A revision as `GET /v1/revisions/{digest}` shows it; `Problem` 404 if there is none."""

    def decide(self, tenant: str, digest: str, reviewer: str, decision: str, reason: str) -> None:
        """Take a decision; `Problem` 4xx if it may not be taken."""

    def attempt(self, tenant: str, digest: str, request: Request) -> Trial:
        """Ask a revision alone, and what is active; see `seglam.gateway.trying`."""


class EmbeddedDesk:
    """The desk of an embedded service."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def waiting(self, tenant: str, after: str | None) -> Mapping[str, Any]:
        """See `Desk`."""
        return views.review_queue(self._service.tenant(tenant), SHOWN, after)

    def revision(self, tenant: str, digest: str) -> Mapping[str, Any]:
        """See `Desk`."""
        return views.revision(self._service.tenant(tenant), digest)

    def decide(self, tenant: str, digest: str, reviewer: str, decision: str, reason: str) -> None:
        """See `Desk`."""
        try:
            self._service.decide(digest, reviewer, decision_of(decision), reason, tenant)
        except ReviewRefused as refused:
            raise of_review(refused) from refused
        except StoreError as error:
            raise of_store(error) from error

    def attempt(self, tenant: str, digest: str, request: Request) -> Trial:
        """See `Desk`."""
        return attempt(self._service.tenant(tenant), digest, request)
