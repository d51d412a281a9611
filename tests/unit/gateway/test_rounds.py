"""Rounds of hits: all are told, in their order, whatever happens to one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from seglam.gateway.outcomes import Answer, Outcome, Stage
from seglam.gateway.serving.headers import Headers
from seglam.gateway.serving.rounds import TOGETHER, Round


class Numbers:
    """Answers even numbers with themselves."""

    def head(self, raw: Sequence[tuple[bytes, bytes]]) -> Headers | None:
        return None

    def found(self, headers: Headers, body: bytes) -> int | None:
        return None

    def answer(self, decided: int) -> Answer | None:
        return None if decided % 2 else Answer(str(decided), Outcome.HIT, Stage.RUN, answer=str(decided))

    def written(self, answer: Answer) -> bytes:
        assert answer.answer is not None
        return answer.answer.encode()


def test_a_round_is_answered_when_what_came_was_read() -> None:
    later: list[Callable[[], None]] = []
    told: list[bytes | None] = []
    together = Round(Numbers())
    for number in range(3):
        together.add(number, told.append, later.append)
    assert (len(later), told) == (1, [])
    later[0]()
    assert told == [b"0", None, b"2"]
    later[0]()
    assert len(told) == 3


def test_a_full_round_does_not_wait() -> None:
    told: list[bytes | None] = []
    together = Round(Numbers())
    for _ in range(TOGETHER + 1):
        together.add(4, told.append, lambda _: None)
    assert told == [b"4"] * TOGETHER


def test_one_that_fails_holds_up_no_other() -> None:
    told: list[bytes | None] = []

    def fails(_: bytes | None) -> None:
        raise OSError("gone")

    together = Round(Numbers())
    for take in (told.append, fails, told.append):
        together.add(6, take, lambda _: None)
    with pytest.raises(ExceptionGroup, match="could not be sent") as raised:
        together.run()
    assert told == [b"6", b"6"]
    assert [str(each) for each in raised.value.exceptions] == ["gone"]
