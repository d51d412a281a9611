"""Kubernetes events (events.k8s.io/v1), one for each transition of a condition, so that `kubectl events` tells a story.

An event is a courtesy: that one could not be written is logged and counted, and fails nothing.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

from seglam.cluster import Client, ClusterError, Forbidden, NotFound
from seglam.cluster.kinds import EVENT
from seglam.operator.metrics import Metrics
from seglam.operator.seen import Meta
from seglam.resources.names import OPERATOR, Kind

log = logging.getLogger(__name__)

WAITING = 1000
"""Events that wait to be written; more are dropped, which is logged."""
MAX_NOTE = 1024

EventType = Literal["Normal", "Warning"]


class Events:
    """Writes events in the background, in their order."""

    def __init__(
        self,
        client: Client,
        metrics: Metrics,
        identity: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._metrics = metrics
        self._identity = identity[:128]
        self._clock = clock
        self._waiting: asyncio.Queue[dict[str, object]] = asyncio.Queue(WAITING)
        self._dropped = 0

    def report(self, kind: Kind, about: Meta, type_: EventType, reason: str, note: str, action: str) -> None:
        """Note that something happened to an object; returns at once. `action` is what the operator did or tried."""
        name = f"{about.name[:200]}.{uuid.uuid4().hex[:16]}"
        event: dict[str, object] = {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.kind,
            # Events of what stands in no namespace are looked for in this one.
            "metadata": {"name": name, "namespace": about.namespace or "default"},
            "eventTime": self._clock().astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "reportingController": f"seglam.dev/{OPERATOR}",
            "reportingInstance": self._identity,
            "type": type_,
            "reason": reason,
            "action": action,
            "note": note if len(note) <= MAX_NOTE else note[: MAX_NOTE - 1] + "…",
            "regarding": {
                "apiVersion": kind.api_version,
                "kind": kind.kind,
                **({"namespace": about.namespace} if about.namespace else {}),
                "name": about.name,
                "uid": about.uid,
            },
        }
        try:
            self._waiting.put_nowait(event)
        except asyncio.QueueFull:
            if not self._dropped:
                log.warning("more than %d events wait to be written; further ones are dropped until some are", WAITING)
            self._dropped += 1

    async def run(self) -> None:
        """Write what was reported, until cancelled."""
        while True:
            event = await self._waiting.get()
            if self._dropped and self._waiting.qsize() < WAITING // 2:
                log.warning("%d events were dropped", self._dropped)
                self._dropped = 0
            try:
                await self._client.create(EVENT, event)
                self._metrics.writes.labels(EVENT.kind, "create").inc()
            except (Forbidden, NotFound) as problem:
                log.info("an event could not be written, as in a namespace that is about to go: %s", problem)
            except ClusterError as problem:
                log.warning("an event could not be written: %s", problem)
