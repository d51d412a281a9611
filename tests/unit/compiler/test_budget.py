"""Tokens and time of one compilation."""

from __future__ import annotations

import pytest

from seglam.compiler.budget import Budget, BudgetExceeded, Spending
from seglam.compiler.results import ModelCall


def call(tokens: int) -> ModelCall:
    return ModelCall("author", "author", "m", "sha256:0", tokens - 1, 1, 0.0)


def test_what_is_left_shrinks_with_calls_and_time() -> None:
    now = [100.0]
    spending = Spending(Budget(tokens=50, seconds=10), lambda: now[0])
    spending.record([call(20)])
    now[0] = 104.0
    assert (spending.left().tokens, spending.left().seconds) == (30, 6.0)


def test_the_end_of_either_is_said() -> None:
    now = [0.0]
    spending = Spending(Budget(tokens=50, seconds=10), lambda: now[0])
    spending.record([call(20), call(30)])
    with pytest.raises(BudgetExceeded, match="50 tokens"):
        spending.left()
    now[0] = 10.0
    with pytest.raises(BudgetExceeded, match="10 s"):
        spending.left()
