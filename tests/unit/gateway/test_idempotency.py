"""What is remembered of requests with an Idempotency-Key, and for how long."""

from __future__ import annotations

import asyncio

import pytest

from seglam.gateway.serving import idempotency
from seglam.gateway.serving.idempotency import Idempotency
from seglam.gateway.serving.rendering import Sent
from seglam.web import Problem


class Answers:
    """Answers that say how often one was made."""

    def __init__(self, status: int = 200, size: int = 1) -> None:
        self.made = 0
        self.status = status
        self.size = size

    async def __call__(self) -> Sent:
        await asyncio.sleep(0)
        self.made += 1
        return Sent(self.status, [], b"x" * self.size)


@pytest.mark.parametrize(("status", "made"), [(200, 1), (202, 1), (400, 1), (504, 2), (503, 2), (429, 2)])
def test_what_may_change_is_not_kept(status: int, made: int) -> None:
    kept, answers = Idempotency(), Answers(status)

    async def story() -> None:
        for _ in range(2):
            await kept.once(("team", "ana", "k"), b"body", answers)
            await asyncio.sleep(0)

    asyncio.run(story())
    assert answers.made == made


def test_a_failure_is_raised_and_not_kept() -> None:
    kept = Idempotency()

    async def failing() -> Sent:
        raise Problem(503, "busy", "later")

    async def story() -> None:
        for _ in range(2):
            with pytest.raises(Problem, match="later"):
                await kept.once(("team", "ana", "k"), b"body", failing)
            await asyncio.sleep(0)
        assert (await kept.once(("team", "ana", "k"), b"body", Answers())).status == 200

    asyncio.run(story())


def test_the_answer_is_made_to_its_end_though_its_client_goes() -> None:
    kept, answers = Idempotency(), Answers()

    async def story() -> None:
        first = asyncio.create_task(kept.once(("team", "ana", "k"), b"body", answers))
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert (await kept.once(("team", "ana", "k"), b"body", answers)).headers == [(b"idempotency-replayed", b"true")]

    asyncio.run(story())
    assert answers.made == 1


def test_the_oldest_are_forgotten_and_only_of_the_same_tenant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "KEPT", 3)
    kept, answers, others = Idempotency(), Answers(), Answers()

    async def story() -> None:
        await kept.once(("other", "ana", "k"), b"body", others)
        for key in ("a", "b", "c", "d", "b", "a"):
            await kept.once(("team", "ana", key), b"body", answers)
            await asyncio.sleep(0)
        await kept.once(("other", "ana", "k"), b"body", others)

    asyncio.run(story())
    assert (answers.made, others.made) == (5, 1)


def test_their_bytes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "KEPT_BYTES", 250)
    kept, answers = Idempotency(), Answers(size=100)

    async def story() -> None:
        for key in ("a", "b", "c", "c", "a"):
            await kept.once(("team", "ana", key), b"body", answers)
            await asyncio.sleep(0)

    asyncio.run(story())
    assert answers.made == 4


def test_an_hour_later_it_is_another_request(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(idempotency, "monotonic", lambda: now)
    kept, answers = Idempotency(), Answers()

    async def story() -> None:
        nonlocal now
        for now in (0.0, 3599.0, 3601.0):  # noqa: B007  the clock reads it
            await kept.once(("team", "ana", "k"), b"body", answers)

    asyncio.run(story())
    assert answers.made == 2
