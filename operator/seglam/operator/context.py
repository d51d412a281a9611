"""What all reconciles share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from seglam.cluster import Client
from seglam.operator.events import Events
from seglam.operator.metrics import Metrics
from seglam.operator.queue import Mark
from seglam.operator.settings import Settings
from seglam.operator.status import StatusWriter


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Context:
    """What all reconciles share.

    Attributes:
        client: the API server.
        settings: what the operator was told.
        metrics: what is counted.
        events: Kubernetes events, on transitions only.
        status: the one writer of statuses.
        mark: marks a key as dirty, of any kind.
        clock: the time.
    """

    client: Client
    settings: Settings
    metrics: Metrics
    events: Events
    status: StatusWriter
    mark: Mark
    clock: Callable[[], datetime] = now
