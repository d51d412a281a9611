"""When a model is not asked, on a real store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from seglam.compiler import Outcome
from seglam.gateway import Store
from seglam.gateway.ledger.prices import Budget
from seglam.gateway.restraint import LONGEST, Restraint


class Clock:
    """A clock that stands still until it is told otherwise."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def restraint(tmp_path: Path, clock: Clock) -> Iterator[Restraint]:
    store = Store(tmp_path / "seglam.sqlite3")
    yield Restraint(store, pause_s=30, clock=clock)
    store.close()


def rests(restraint: Restraint, clock: Clock, changes: int = 0) -> float:
    """Seconds from now until the type is tried again."""
    began = clock.now
    while restraint.resting("f", changes) is not None:
        clock.now += 1
    waited, clock.now = clock.now - began, began
    return waited


def test_each_failure_rests_twice_as_long_as_the_one_before(restraint: Restraint, clock: Clock) -> None:
    found = []
    for _ in range(10):
        restraint.note("f", Outcome.REJECTED, "no", 0)
        found.append(rests(restraint, clock))
    assert found[:3] == [30, 60, 120]
    assert found[-1] == LONGEST


def test_a_model_that_was_down_is_asked_again_at_once_and_then_rests(restraint: Restraint, clock: Clock) -> None:
    found = []
    for _ in range(3):
        restraint.note("f", Outcome.MODEL_FAILED, "down", 0)
        found.append(rests(restraint, clock))
    assert found == [0, 30, 60]


def test_success_ends_the_series(restraint: Restraint, clock: Clock) -> None:
    restraint.note("f", Outcome.REJECTED, "no", 0)
    restraint.note("f", Outcome.REJECTED, "no", 0)
    restraint.note("f", Outcome.PROPOSED, "yes", 0)
    assert rests(restraint, clock) == 0
    restraint.note("f", Outcome.REJECTED, "no", 0)
    assert rests(restraint, clock) == 30


def test_recordings_are_asked_again_when_other_procedures_are_served(restraint: Restraint, clock: Clock) -> None:
    restraint.note("f", Outcome.NO_COMPLETION, "none", 7)
    clock.now = 1e9
    assert restraint.resting("f", 7) is not None
    assert restraint.resting("f", 8) is None
    assert restraint.resting("g", 7) is None


def test_the_days_budget_counts_what_was_used_today(tmp_path: Path) -> None:
    store = Store(tmp_path / "seglam.sqlite3")
    restraint = Restraint(store, budget=lambda: Budget(tokens=100), pause_s=0)
    store.counters.add({"input_tokens": 60, "hits": 1000})
    assert restraint.over_budget() is None
    store.counters.flush()
    store.counters.add({"output_tokens": 40}, "gcd")
    spent = restraint.over_budget()
    assert spent is not None and "100 of today's 100" in spent
    store.close()
