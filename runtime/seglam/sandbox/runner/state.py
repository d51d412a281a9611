"""Whether a runner takes calls, and why not."""

from __future__ import annotations

from seglam.sandbox.runner.egress import Egress


class State:
    """What readiness depends on.

    Attributes:
        draining: set once, when the process was told to end.
    """

    def __init__(self, egress: Egress) -> None:
        self.egress = egress
        self.draining = False

    @property
    def hindrance(self) -> str | None:
        """Why calls are refused; None if they are taken. Draining alone refuses none: they are sent here by those who
        do not know of it yet."""
        return None if self.egress.blocked else "EgressNotBlocked"

    @property
    def unready(self) -> str | None:
        """Why no calls should be sent here; None if they may be."""
        return self.hindrance or ("Draining" if self.draining else None)
