"""The work queue in virtual time: deduplication, one worker a key, backoff with jitter, delays."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as some

from seglam.operator.controllers import Controller
from seglam.operator.keys import DONE, Key, Result
from seglam.operator.metrics import Metrics
from seglam.operator.queue import Backoff, WorkQueue
from seglam.operator.working import Works
from tests.unit.operator.virtual import run

A, B = Key("Kind", "ns", "a"), Key("Kind", "ns", "b")


def now() -> float:
    return asyncio.get_running_loop().time()


def test_a_key_waits_once_however_often_it_is_marked() -> None:
    async def main() -> None:
        queue = WorkQueue()
        for _ in range(3):
            queue.add(A)
        queue.add(B)
        assert queue.depth == 2
        assert [await queue.take(), await queue.take()] == [A, B]

    run(main())


def test_a_key_that_is_marked_while_at_work_comes_again_afterwards_and_not_before() -> None:
    async def main() -> None:
        queue = WorkQueue()
        queue.add(A)
        assert await queue.take() == A
        queue.add(A)
        queue.add(A)
        assert queue.depth == 0
        queue.finish(A)
        assert await queue.take() == A
        queue.finish(A)
        assert queue.idle

    run(main())


def test_what_changed_goes_before_what_is_only_looked_at_again() -> None:
    async def main() -> None:
        queue, keys = WorkQueue(), [Key("Kind", "ns", f"{number:04}") for number in range(100)]
        for key in keys:
            queue.add(key, urgent=False)
        queue.add(A)
        queue.add(keys[50])
        queue.add(keys[50], urgent=False)
        assert queue.depth == 101
        taken = [await queue.take() for _ in range(101)]
        assert taken[:2] == [A, keys[50]]
        assert taken[2:] == keys[:50] + keys[51:]
        for key in taken:
            queue.finish(key)
        assert queue.idle

    run(main())


def test_namespaces_take_turns() -> None:
    async def main() -> None:
        queue, many = WorkQueue(), [Key("Kind", "many", f"{number:03}") for number in range(100)]
        few = [Key("Kind", "few", name) for name in "ab"]
        for urgent in (True, False):
            for key in [*many, *few]:
                queue.add(key, urgent=urgent)
            taken = [await queue.take() for _ in range(102)]
            assert taken[:5] == [many[0], few[0], many[1], few[1], many[2]]
            assert taken[5:] == many[3:]
            for key in taken:
                queue.finish(key)

    run(main())


@given(some.lists(some.tuples(some.sampled_from(["add", "look", "take", "finish"]), some.integers(0, 3)), max_size=60))
def test_nothing_that_was_marked_is_forgotten_and_nothing_is_at_work_twice(steps: list[tuple[str, int]]) -> None:
    async def main() -> None:
        queue, keys = WorkQueue(), [Key("Kind", "ns", name) for name in "abcd"]
        marked: set[Key] = set()
        at_work: list[Key] = []
        for step, number in steps:
            key = keys[number]
            if step in ("add", "look"):
                queue.add(key, urgent=step == "add")
                marked.add(key)
            elif step == "take" and queue.depth:
                key = await queue.take()
                assert key not in at_work
                assert key in marked
                marked.discard(key)
                at_work.append(key)
            elif step == "finish" and at_work:
                queue.finish(at_work.pop(0))
            assert queue.depth == len(marked - set(at_work))
        while at_work:
            queue.finish(at_work.pop(0))
        left = [await queue.take() for _ in range(queue.depth)]
        assert sorted(left) == sorted(marked)

    run(main())


def test_of_two_delays_the_earlier_stands() -> None:
    async def main() -> None:
        queue, began = WorkQueue(), now()
        queue.add_after(A, 50)
        queue.add_after(A, 10)
        queue.add_after(A, 90)
        assert await queue.take() == A
        assert now() - began == 10
        queue.finish(A)
        await asyncio.sleep(200)
        assert queue.idle

    run(main())


def test_backoff_doubles_to_its_limit_is_spread_and_ends_with_a_success() -> None:
    async def main() -> None:
        queue = WorkQueue(Backoff(first=1, most=100, jitter=0.2, source=random.Random(1)))
        waited = [queue.failed(A) for _ in range(12)]
        for failures, seconds in enumerate(waited, 1):
            plain = min(2.0 ** (failures - 1), 100)
            assert 0.8 * plain <= seconds <= 1.2 * plain
        assert len({round(seconds / min(2.0**number, 100), 6) for number, seconds in enumerate(waited)}) > 6
        assert queue.failed(B) <= 1.2
        queue.succeeded(A)
        assert queue.failed(A) <= 1.2
        assert Backoff(jitter=0, most=300).after(5000) == 300

    run(main())


def test_a_taker_that_is_cancelled_loses_no_key() -> None:
    async def main() -> None:
        queue = WorkQueue()
        first, second = (asyncio.create_task(queue.take()) for _ in range(2))
        await asyncio.sleep(0)
        queue.add(A)
        first.cancel()
        assert await asyncio.wait_for(second, 1) == A

    run(main())


def test_failures_are_retried_with_backoff_counted_and_never_end_the_worker() -> None:
    async def main() -> None:
        metrics, calls = Metrics(), []

        async def reconcile(key: Key) -> Result:
            calls.append((key, now()))
            if key == A and len([each for each, _ in calls if each == A]) <= 3:
                raise ValueError("not yet")
            return DONE

        works = Works(metrics, workers=2, resync_s=10_000)
        works.take_on([Controller("Kind", reconcile)])
        task = asyncio.create_task(works.run())
        works.mark(A)
        works.mark(B)
        await asyncio.sleep(60)
        times = [at for key, at in calls if key == A]
        assert len(times) == 4
        gaps = [later - earlier for earlier, later in pairwise(times)]
        assert gaps == sorted(gaps)
        assert len([key for key, _ in calls if key == B]) == 1
        value = metrics.registry.get_sample_value
        counted = {"kind": "Kind", "outcome": "error"}
        assert value("seglam_operator_reconcile_total", counted) == 3
        assert value("seglam_operator_reconcile_duration_seconds_count", {"kind": "Kind"}) == 5
        task.cancel()

    run(main())


def test_two_workers_never_reconcile_one_key_at_one_time() -> None:
    async def main() -> None:
        at_work: set[Key] = set()
        most = rounds = 0

        async def reconcile(key: Key) -> Result:
            nonlocal most, rounds
            assert key not in at_work
            at_work.add(key)
            most, rounds = max(most, len(at_work)), rounds + 1
            await asyncio.sleep(1)
            works.mark(key)
            await asyncio.sleep(1)
            at_work.discard(key)
            return DONE

        works = Works(Metrics(), workers=4, resync_s=10_000)
        works.take_on([Controller("Kind", reconcile)])
        task = asyncio.create_task(works.run())
        for key in (A, B):
            works.mark(key)
        await asyncio.sleep(21)
        task.cancel()
        assert most == 2
        assert rounds >= 20

    run(main())


def test_a_result_asks_to_come_again_and_the_resync_marks_everything() -> None:
    async def main() -> None:
        calls: list[tuple[Key, float]] = []
        began = now()

        async def reconcile(key: Key) -> Result:
            calls.append((key, now() - began))
            return Result(7) if key == A and len(calls) == 1 else DONE

        async def everything() -> list[Key]:
            return [A]

        works = Works(Metrics(), workers=1, resync_s=300)
        works.take_on([Controller("Kind", reconcile, everything=everything)])
        task = asyncio.create_task(works.run())
        await asyncio.sleep(650)
        task.cancel()
        assert [round(at) for _, at in calls] == [0, 7, 300, 600]

    run(main())
