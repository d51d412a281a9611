"""When a circuit opens, and what closes it."""

from __future__ import annotations

import pytest

from seglam.sandbox import breaker
from seglam.sandbox.breaker import FAILURES, LONGEST_S, PAUSE_S, Breakers


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def opened(clock: Clock) -> Breakers[str]:
    breakers: Breakers[str] = Breakers(clock)
    for _ in range(FAILURES):
        assert breakers.wait("a") == 0
        breakers.failed("a")
    return breakers


def test_failures_in_a_row_open_it_and_others_are_not_concerned() -> None:
    breakers = opened(Clock())
    assert breakers.wait("a") == PAUSE_S
    assert breakers.wait("b") == 0


def test_a_success_between_failures_keeps_it_closed() -> None:
    breakers: Breakers[str] = Breakers(Clock())
    for _ in range(FAILURES - 1):
        breakers.failed("a")
    breakers.succeeded("a")
    breakers.failed("a")
    assert breakers.wait("a") == 0


def test_after_the_pause_one_call_tries() -> None:
    clock = Clock()
    breakers = opened(clock)
    clock.now = PAUSE_S
    assert breakers.wait("a") == 0
    assert breakers.wait("a") > 0
    breakers.succeeded("a")
    assert (breakers.wait("a"), breakers.wait("a")) == (0, 0)


def test_a_trial_that_fails_doubles_the_pause_up_to_the_longest() -> None:
    clock = Clock()
    breakers = opened(clock)
    pauses = []
    for _ in range(8):
        clock.now += breakers.wait("a")
        assert breakers.wait("a") == 0
        breakers.failed("a")
        pauses.append(breakers.wait("a"))
    assert pauses[:2] == [2 * PAUSE_S, 4 * PAUSE_S]
    assert pauses[-1] == LONGEST_S


def test_a_trial_that_was_given_up_leaves_the_next_to_another() -> None:
    clock = Clock()
    breakers = opened(clock)
    clock.now = PAUSE_S
    assert breakers.wait("a") == 0
    breakers.unknown("a")
    breakers.unknown("never seen")
    assert breakers.wait("a") == 0


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker, "MOST", 2)
    breakers: Breakers[str] = Breakers(Clock())
    for key in ("a", "b", "c"):
        for _ in range(FAILURES):
            breakers.failed(key)
    assert [breakers.wait(key) > 0 for key in ("a", "b", "c")] == [False, True, True]
