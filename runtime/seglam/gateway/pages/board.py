"""What the operations page shows of a gateway."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from seglam.compiler import Negative
from seglam.gateway.answers.curve import Traffic, traffic
from seglam.gateway.service import Service

SHOWN = 20
"""Compilations and negative entries on the page."""


@dataclass(frozen=True, slots=True)
class Work:
    """A compilation: at work, or one of the last that ended."""

    id: str
    progress: str
    message: str
    outcome: str | None
    created: str


@dataclass(frozen=True, slots=True)
class Overview:
    """One tenant's traffic, savings and compilations.

    Attributes:
        savings: as `GET /v1/savings` gives them.
        served: how many procedures.
    """

    traffic: Traffic
    savings: Mapping[str, Any]
    compilations: Sequence[Work]
    negatives: Sequence[Negative]
    served: int


class Board(Protocol):
    """Its methods block."""

    def traffic(self, tenant: str) -> Traffic:
        """What is recorded of a tenant's requests."""

    def overview(self, tenant: str) -> Overview:
        """Everything of the page."""


class EmbeddedBoard:
    """The board of an embedded service."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def traffic(self, tenant: str) -> Traffic:
        """See `Board`."""
        log = self._service.answers
        return Traffic((), {}, {}) if log is None else log.read(lambda connection: traffic(connection, tenant))

    def overview(self, tenant: str) -> Overview:
        """See `Board`."""
        part = self._service.tenant(tenant)
        rows = part.store.compilations(SHOWN)
        return Overview(
            self.traffic(tenant),
            self._service.savings(tenant),
            [Work(row.id, row.progress, row.message, row.outcome, row.created) for row in rows],
            part.store.negatives()[-SHOWN:],
            len(part.index),
        )
