"""What a procedure's reconcile needs to know of the runners."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether runners can run procedures: None where that is not known yet. `message` says why they cannot."""

    ready: bool | None
    message: str = ""


class Runners(Protocol):
    """The runners of all tenants."""

    def want(self, namespace: str, pool: str) -> None:
        """A procedure of a tenant is to be served by a pool: make it, if nobody has. Returns at once."""

    def readiness(self, namespace: str, pool: str) -> Readiness:
        """Whether a tenant's pool can run procedures. A change of it marks the procedures that it concerns."""


class NoRunners:
    """Stands in where procedures are served by something that the operator does not look after, as in development."""

    def want(self, namespace: str, pool: str) -> None:
        """Nothing is to be made."""

    def readiness(self, namespace: str, pool: str) -> Readiness:
        """Whoever runs the operator like this sees to the runners."""
        return Readiness(True)
