"""Leader election in virtual time: never two leaders, whatever hangs; release, takeover, loss."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from seglam.cluster import AlreadyExists, Conflict, Unavailable
from seglam.operator.election import Elector, Ended, Lease
from seglam.operator.settings import ElectionSettings
from tests.unit.operator.virtual import run

TIMES = ElectionSettings(duration=15, deadline=10, retry=2)


@dataclass
class Shared:
    """The lease as an API server keeps it: every write makes a new version."""

    version: int = 0
    spec: Mapping[str, Any] | None = None


@dataclass
class Memory:
    """One replica's way to the lease, which may break or hang."""

    shared: Shared
    broken: bool = False
    hanging: bool = False
    calls: list[str] = field(default_factory=list)

    async def get(self) -> Lease | None:
        await self._pass("get")
        if self.shared.spec is None:
            return None
        return {"metadata": {"resourceVersion": self.shared.version}, "spec": dict(self.shared.spec)}

    async def create(self, spec: Mapping[str, Any]) -> None:
        await self._pass("create")
        if self.shared.spec is not None:
            raise AlreadyExists(409, "AlreadyExists", "it exists")
        self._write(spec)

    async def replace(self, lease: Lease, spec: Mapping[str, Any]) -> None:
        await self._pass("replace")
        if lease["metadata"]["resourceVersion"] != self.shared.version:
            raise Conflict(409, "Conflict", "another was faster")
        self._write(spec)

    def _write(self, spec: Mapping[str, Any]) -> None:
        self.shared.spec, self.shared.version = dict(spec), self.shared.version + 1

    async def _pass(self, call: str) -> None:
        self.calls.append(call)
        await asyncio.sleep(0.01)
        if self.hanging:
            await asyncio.sleep(3600)
        if self.broken:
            raise Unavailable(0, "Refused", "no connection")


class Replica:
    """One replica, and when it led."""

    def __init__(self, name: str, shared: Shared) -> None:
        self.memory = Memory(shared)
        self.elector = Elector(self.memory, name, TIMES)
        self.spans: list[list[float]] = []
        self.finish = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def start(self) -> Replica:
        self.task = asyncio.create_task(self.elector.lead(self._work, self._leading))
        return self

    async def _work(self) -> None:
        await self.finish.wait()

    def _leading(self, leads: bool) -> None:
        if leads:
            self.spans.append([now()])
        else:
            self.spans[-1].append(now())

    @property
    def leads(self) -> bool:
        return bool(self.spans) and len(self.spans[-1]) == 1


def now() -> float:
    return asyncio.get_running_loop().time()


def test_the_first_leads_the_second_waits_and_takes_over_at_once_after_a_release() -> None:
    async def main() -> None:
        shared = Shared()
        first = Replica("first", shared).start()
        await asyncio.sleep(1)
        second = Replica("second", shared).start()
        await asyncio.sleep(600)
        assert first.leads
        assert not second.leads
        first.finish.set()
        assert first.task is not None
        await first.task
        stopped = now()
        await asyncio.sleep(TIMES.retry + 0.5)
        assert second.leads
        assert second.spans[0][0] - stopped <= TIMES.retry + 0.1
        assert shared.spec is not None
        assert shared.spec["leaseTransitions"] == 1

    run(main())


def test_cancelling_releases_the_lease() -> None:
    async def main() -> None:
        shared = Shared()
        first = Replica("first", shared).start()
        await asyncio.sleep(1)
        assert first.task is not None
        first.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first.task
        assert not first.leads
        assert shared.spec is not None
        assert shared.spec["holderIdentity"] == ""

    run(main())


@pytest.mark.parametrize("fault", ["broken", "hanging"])
@pytest.mark.parametrize("at", [20.0, 20.5, 21.0, 21.5])
def test_a_leader_that_cannot_renew_stops_before_another_begins(fault: str, at: float) -> None:
    async def main() -> None:
        shared = Shared()
        first = Replica("first", shared).start()
        await asyncio.sleep(0.5)
        second = Replica("second", shared).start()
        await asyncio.sleep(at)
        setattr(first.memory, fault, True)
        began = now()
        assert first.task is not None
        with pytest.raises(Ended):
            await first.task
        assert now() - began <= TIMES.deadline + TIMES.retry
        assert not second.leads
        await asyncio.sleep(TIMES.duration + TIMES.retry)
        assert second.leads
        assert second.spans[0][0] > first.spans[0][1]
        assert second.spans[0][0] - began <= TIMES.duration + 2 * TIMES.retry

    run(main())


def test_a_short_failure_costs_nothing() -> None:
    async def main() -> None:
        shared = Shared()
        first = Replica("first", shared).start()
        second = Replica("second", shared)
        await asyncio.sleep(5)
        second.start()
        for _ in range(10):
            first.memory.broken = True
            await asyncio.sleep(TIMES.deadline - 2 * TIMES.retry - 1)
            first.memory.broken = False
            await asyncio.sleep(TIMES.retry * 2)
        assert first.leads
        assert not second.spans

    run(main())


def test_a_killed_leader_is_succeeded_when_its_lease_has_expired_on_the_second_ones_clock() -> None:
    async def main() -> None:
        shared = Shared(1, {"holderIdentity": "dead", "leaseDurationSeconds": 15, "renewTime": "1999-01-01T00:00:00Z"})
        began = now()
        second = Replica("second", shared).start()
        await asyncio.sleep(TIMES.duration - 1)
        assert not second.leads, "a lease counts from when it was seen, not from what another clock wrote"
        await asyncio.sleep(TIMES.retry + 1.1)
        assert second.leads
        assert second.spans[0][0] - began >= TIMES.duration

    run(main())


def test_of_two_that_try_at_once_one_leads() -> None:
    async def main() -> None:
        shared = Shared()
        both = [Replica(name, shared).start() for name in ("one", "two")]
        await asyncio.sleep(100)
        assert sum(each.leads for each in both) == 1

    run(main())


def test_work_that_fails_ends_with_its_own_error_and_releases() -> None:
    async def main() -> None:
        shared = Shared()

        async def work() -> None:
            await asyncio.sleep(3)
            raise ValueError("kopf ended")

        told: list[bool] = []
        with pytest.raises(ValueError, match="kopf ended"):
            await Elector(Memory(shared), "one", TIMES).lead(work, told.append)
        assert told == [True, False]
        assert shared.spec is not None
        assert shared.spec["holderIdentity"] == ""

    run(main())


def test_a_leader_may_act_only_before_anybody_else_can() -> None:
    """Asked at the moment of a write, since a process that was stopped goes on where it was."""

    async def main() -> None:
        shared = Shared()
        first = Replica("first", shared)
        assert not first.elector.holds
        first.start()
        for _ in range(100):
            await asyncio.sleep(0.7)
            assert first.elector.holds
        first.memory.hanging = True
        assert first.task is not None
        lost = now()
        while first.elector.holds:
            await asyncio.sleep(0.01)
            assert now() - lost <= TIMES.deadline
        with pytest.raises(Ended):
            await first.task
        assert not first.elector.holds

    run(main())
