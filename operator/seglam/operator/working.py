"""Workers that take keys from the queues and reconcile them, and the resync that marks everything now and then."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from functools import partial

from seglam.cluster import ClusterError
from seglam.operator.controllers import Controller
from seglam.operator.keys import Key
from seglam.operator.metrics import Metrics
from seglam.operator.queue import WorkQueue

log = logging.getLogger(__name__)

LATE = 3
"""Resyncs that may fail in a row."""
CALL_S = 60.0


class Works:
    """The queues and workers of all kinds."""

    def __init__(self, metrics: Metrics, *, workers: int, resync_s: float) -> None:
        self._metrics = metrics
        self._workers = workers
        self._resync_s = resync_s
        self._controllers: Mapping[str, Controller] = {}
        self._queues: dict[str, WorkQueue] = {}
        self._looked = time.monotonic()

    def take_on(self, controllers: Sequence[Controller]) -> None:
        """Look after these kinds; once, before anything is marked."""
        self._controllers = {controller.kind: controller for controller in controllers}
        for kind in self._controllers:
            self._queues[kind] = queue = WorkQueue()
            self._metrics.queue_depth.labels(kind).set_function(partial(_depth, queue))

    def mark(self, key: Key) -> None:
        """Mark a key whose object changed. `KeyError` if nobody looks after its kind."""
        self._queues[key.kind].add(key)

    def look_at(self, key: Key) -> None:
        """Mark a key whose object may not have changed: it comes after those that did."""
        self._queues[key.kind].add(key, urgent=False)

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is at work."""
        return all(queue.idle for queue in self._queues.values())

    @property
    def stale(self) -> str | None:
        """What is wrong if everything has not been looked at for long; a restart would help then."""
        seconds = time.monotonic() - self._looked
        if seconds < LATE * self._resync_s + CALL_S:
            return None
        return f"everything was last looked at {seconds:.0f} s ago"

    async def run(self) -> None:
        """Work until cancelled. A worker that fails outside of a reconcile ends all, with its exception."""
        try:
            async with asyncio.TaskGroup() as group:
                for controller in self._controllers.values():
                    for _ in range(controller.workers or self._workers):
                        group.create_task(self._work(controller, self._queues[controller.kind]))
                group.create_task(self._resync())
        finally:
            for queue in self._queues.values():
                queue.close()

    async def _work(self, controller: Controller, queue: WorkQueue) -> None:
        while True:
            key = await queue.take()
            try:
                await self._reconcile(controller, queue, key)
            finally:
                queue.finish(key)

    async def _reconcile(self, controller: Controller, queue: WorkQueue, key: Key) -> None:
        began = asyncio.get_running_loop().time()
        try:
            result = await controller.reconcile(key)
        except Exception as error:
            seconds = queue.failed(key)
            outcome = "error"
            if isinstance(error, ClusterError):  # the API server's words say it all
                log.warning("%s failed, again in %.1f s: %s", key, seconds, error)
            else:
                log.error("%s failed, again in %.1f s", key, seconds, exc_info=error)
        else:
            queue.succeeded(key)
            outcome = "ok" if result.requeue_after is None else "requeued"
            if result.requeue_after is not None:
                queue.add_after(key, result.requeue_after)
        self._metrics.reconciles.labels(controller.kind, outcome).inc()
        self._metrics.durations.labels(controller.kind).observe(asyncio.get_running_loop().time() - began)

    async def _resync(self) -> None:
        """Mark everything, at once and then every so often: no lost event is missed for longer."""
        while True:
            failed = False
            for controller in self._controllers.values():
                if controller.everything is None:
                    continue
                try:
                    for key in await controller.everything():
                        self.look_at(key)
                except ClusterError as error:
                    failed = True
                    log.warning("resync of %s failed, again in %.0f s: %s", controller.kind, self._resync_s, error)
            if not failed:
                self._looked = time.monotonic()
            await asyncio.sleep(self._resync_s)


def _depth(queue: WorkQueue) -> float:
    return queue.depth
