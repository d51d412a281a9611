"""Whether this replica takes requests: once it knows what it needs, until it is told to end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping


class Readiness:
    """What has been learned once stays learned: an API server that is away later degrades a metric, not the answers.

    Attributes:
        draining: set once the process is to end.
    """

    def __init__(self, parts: Mapping[str, asyncio.Event]) -> None:
        self.draining = asyncio.Event()
        self._parts = parts

    @property
    def missing(self) -> list[str]:
        """What has not been learned yet."""
        return [name for name, event in self._parts.items() if not event.is_set()]

    @property
    def ready(self) -> bool:
        """Whether requests should be sent here."""
        return not self.draining.is_set() and not self.missing
