"""What the operations page shows of a gateway."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from seglam.gateway import views
from seglam.gateway.answers.api import traffic_of
from seglam.gateway.answers.curve import Traffic
from seglam.gateway.health.report import worst
from seglam.gateway.service import Service

SHOWN = 20
"""Compilations and negative entries on the page."""


@dataclass(frozen=True, slots=True)
class Overview:
    """One tenant's traffic, savings and compilations.

    Attributes:
        savings, compilations, negatives: as the API gives them.
        served: how many procedures.
        health: the revisions against which most speaks, as `GET /v1/health` gives them.
        share: of hits that are checked again.
    """

    traffic: Traffic
    savings: Mapping[str, Any]
    compilations: Mapping[str, Any]
    negatives: Mapping[str, Any]
    served: int
    health: Sequence[Mapping[str, Any]] = ()
    share: float = 0.0

    @property
    def slowest(self) -> Sequence[Mapping[str, Any]]:
        """Procedures by how long a hit takes on average, slowest first."""
        listed: Sequence[Mapping[str, Any]] = self.savings["procedures"]
        return sorted(listed, key=lambda each: -each["meanMilliseconds"])[:SHOWN]


class Board(Protocol):
    """Its methods block."""

    def traffic(self, tenant: str) -> Traffic:
        """What is recorded of a tenant's requests."""

    def overview(self, tenant: str) -> Overview:
        """Everything of the page."""

    def answer(self, tenant: str, identity: str) -> Mapping[str, Any]:
        """Who had a part in an answer, as `GET /v1/answers/{id}/trace` shows it; `Problem` where that does."""


class EmbeddedBoard:
    """The board of an embedded service."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def traffic(self, tenant: str) -> Traffic:
        """See `Board`."""
        return traffic_of(self._service.answers, tenant)

    def overview(self, tenant: str) -> Overview:
        """See `Board`."""
        part, policy = self._service.tenant(tenant), self._service.policy.health
        return Overview(
            self.traffic(tenant),
            self._service.savings(tenant),
            views.compilations(part, SHOWN),
            views.negatives(part, SHOWN),
            len(part.index),
            worst(part.store, policy.allowed, SHOWN),
            policy.share,
        )

    def answer(self, tenant: str, identity: str) -> Mapping[str, Any]:
        """See `Board`."""
        return views.trace(self._service, tenant, identity)
