"""Leader election by a Lease: one replica acts, the others wait.

A leader that cannot renew stops within `deadline`, before anybody else may take the lease (`duration` after its last
renewal): no two act at one time, whatever hangs. Every call has a time limit of its own. As in client-go, a lease
counts from when this replica saw it change, so clocks of machines need not agree.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from seglam.cluster import Client, ClusterError, Conflict
from seglam.cluster.kinds import LEASE
from seglam.operator.settings import ElectionSettings

log = logging.getLogger(__name__)

CALL_S = 5.0
"""Time limit of one call."""

Lease = Mapping[str, Any]


class Leases(Protocol):
    """One Lease, in the API server or elsewhere."""

    async def get(self) -> Lease | None:
        """The lease, None if there is none."""

    async def create(self, spec: Mapping[str, Any]) -> None:
        """Make it. `Conflict` if somebody else has made it."""

    async def replace(self, lease: Lease, spec: Mapping[str, Any]) -> None:
        """Write a new spec, if `lease` is still what is there. `Conflict` if not."""


class Ended(Exception):
    """Why this replica no longer leads; the process must end, since what it has begun may still act."""


class Elector:
    """Waits for the lease, leads, and holds it."""

    def __init__(self, leases: Leases, identity: str, settings: ElectionSettings) -> None:
        self._leases = leases
        self._identity = identity
        self._times = settings
        self._seen: tuple[object, float] | None = None
        self._until: float | None = None

    @property
    def holds(self) -> bool:
        """Whether this replica may act: it leads, and nobody else can have begun to.

        To be asked before each write: a process that was stopped for long finds out here, before its tasks go on.
        """
        return self._until is not None and asyncio.get_running_loop().time() < self._until

    async def lead(self, work: Callable[[], Awaitable[None]], leading: Callable[[bool], None]) -> None:
        """Wait for the lease, then run `work` as long as it is held.

        Returns when `work` returns, with the lease released. Cancelling it ends `work` and releases the lease.

        Args:
            leading: told True when this replica begins to lead, False when it has ended.

        Raises:
            Ended: the lease was lost; whatever `work` raised otherwise.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not await self.attempt():
            await asyncio.sleep(self._times.retry)
            began = loop.time()
        self._until = began + self._times.deadline
        log.info("this replica leads", extra={"identity": self._identity})
        leading(True)
        task = asyncio.ensure_future(work())
        lost = False
        try:
            lost = await self._hold(task, began)
            if lost:
                raise Ended(f"the lease {self._times.lease} could not be renewed for {self._times.deadline:g} s")
            task.result()
        finally:
            self._until = None
            leading(False)
            task.cancel()
            if not lost:  # a lost lease is somebody else's, and the process has no time to lose
                await asyncio.wait({task}, timeout=self._times.deadline)
                await self.release()

    async def _hold(self, task: asyncio.Future[None], renewed: float) -> bool:
        """Renew until `task` is done (False) or the lease is lost (True)."""
        loop = asyncio.get_running_loop()
        while True:
            done, _ = await asyncio.wait({task}, timeout=self._times.retry)
            if done:
                return False
            began = loop.time()
            left = renewed + self._times.deadline - began
            if left > 0 and await self.attempt(left):
                renewed = began
                self._until = renewed + self._times.deadline
            elif loop.time() - renewed >= self._times.deadline:
                return True

    async def attempt(self, limit: float = CALL_S) -> bool:
        """Take or renew the lease; False if it is another's or cannot be reached. `limit` is in seconds."""
        try:
            return await asyncio.wait_for(self._attempt(), min(limit, CALL_S))
        except Conflict:
            return False  # another replica was faster
        except (ClusterError, TimeoutError) as problem:
            log.warning("the lease %s could not be written: %s", self._times.lease, str(problem) or "no answer in time")
            return False

    async def _attempt(self) -> bool:
        lease = await self._leases.get()
        moment = _now()
        mine = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": int(self._times.duration),
            "renewTime": moment,
        }
        if lease is None:
            await self._leases.create({**mine, "acquireTime": moment, "leaseTransitions": 0})
            return True
        spec = lease.get("spec") or {}
        holder = spec.get("holderIdentity") or ""
        if holder and holder != self._identity and not self._expired(spec):
            return False
        if holder != self._identity:
            mine |= {"acquireTime": moment, "leaseTransitions": int(spec.get("leaseTransitions") or 0) + 1}
        await self._leases.replace(lease, {**spec, **mine})
        return True

    def _expired(self, spec: Mapping[str, Any]) -> bool:
        """Whether a holder has not renewed for as long as it said it would."""
        clock = asyncio.get_running_loop().time()
        content = (spec.get("holderIdentity"), spec.get("renewTime"))
        if self._seen is None or self._seen[0] != content:
            self._seen = (content, clock)
        return clock >= self._seen[1] + float(spec.get("leaseDurationSeconds") or self._times.duration)

    async def release(self) -> None:
        """Give the lease back, so that the next replica need not wait for it to expire."""
        try:
            async with asyncio.timeout(CALL_S):
                lease = await self._leases.get()
                spec = (lease or {}).get("spec") or {}
                if lease is not None and spec.get("holderIdentity") == self._identity:
                    await self._leases.replace(lease, {**spec, "holderIdentity": "", "leaseDurationSeconds": 1})
        except (ClusterError, TimeoutError) as problem:
            log.warning("the lease was not released and has to expire: %s", str(problem) or "no answer in time")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class ClusterLeases:
    """A Lease in the API server."""

    def __init__(self, client: Client, namespace: str, name: str) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name

    async def get(self) -> Lease | None:
        """The lease, None if there is none."""
        return await self._client.find(LEASE, self._name, self._namespace)

    async def create(self, spec: Mapping[str, Any]) -> None:
        """Make it."""
        await self._client.create(LEASE, self._object({"name": self._name, "namespace": self._namespace}, spec))

    async def replace(self, lease: Lease, spec: Mapping[str, Any]) -> None:
        """Write a new spec; the resource version makes it fail if somebody else was faster."""
        await self._client.replace(LEASE, self._object(lease["metadata"], spec))

    def _object(self, metadata: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.kind,
            "metadata": dict(metadata),
            "spec": dict(spec),
        }
