"""What the operations page shows of a gateway."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from seglam.gateway.access import Caller
from seglam.gateway.answers.curve import Traffic

SHOWN = 20
"""Compilations and negative entries on the page."""

Who = TypeVar("Who", bound=Caller, contravariant=True)


@dataclass(frozen=True, slots=True)
class Overview:
    """One tenant's traffic, savings and compilations.

    Attributes:
        savings, compilations, negatives: as the API gives them.
        served: how many procedures.
        health: the revisions against which most speaks, as `GET /v1/health` gives them; None where no hit is
            checked again.
        share: of hits that are checked again.
        lacking: what this gateway does not know, in a sentence each.
    """

    traffic: Traffic
    savings: Mapping[str, Any]
    compilations: Mapping[str, Any]
    negatives: Mapping[str, Any]
    served: int
    health: Sequence[Mapping[str, Any]] | None = ()
    share: float = 0.0
    lacking: Sequence[str] = ()

    @property
    def slowest(self) -> Sequence[Mapping[str, Any]]:
        """Procedures by how long a hit takes on average, slowest first."""
        listed: Sequence[Mapping[str, Any]] = self.savings["procedures"]
        return sorted(listed, key=lambda each: -each["meanMilliseconds"])[:SHOWN]


class Board(Protocol[Who]):
    """How one reader's tenant is served."""

    async def traffic(self, who: Who) -> Traffic:
        """What is recorded of its requests."""

    async def overview(self, who: Who) -> Overview:
        """Everything of the page."""

    async def answer(self, who: Who, identity: str) -> Mapping[str, Any]:
        """Who had a part in an answer, as `GET /v1/answers/{id}/trace` shows it; `Problem` where that does."""
