"""What one compilation may use of a model: tokens and time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import monotonic

from seglam.compiler.results import ModelCall


class BudgetExceeded(Exception):
    """The compilation's tokens or time ran out; the message says which."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of one compilation. `tokens` counts input and output of author and verifier together."""

    tokens: int = 400_000
    seconds: float = 900.0


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a budget when a model is called."""

    tokens: int
    seconds: float


class Spending:
    """What one compilation has used so far, and every call it made."""

    def __init__(self, budget: Budget, clock: Callable[[], float] = monotonic) -> None:
        self._budget = budget
        self._clock = clock
        self._started = clock()
        self.calls: list[ModelCall] = []

    @property
    def tokens(self) -> int:
        """Tokens used, as the endpoints counted them."""
        return sum(call.input_tokens + call.output_tokens for call in self.calls)

    def record(self, calls: Iterable[ModelCall]) -> None:
        """Count calls, failed ones too."""
        self.calls.extend(calls)

    def left(self) -> Allowance:
        """What may still be used; `BudgetExceeded` if nothing."""
        seconds = self._budget.seconds - (self._clock() - self._started)
        if seconds <= 0:
            raise BudgetExceeded(f"the compilation's {self._budget.seconds:g} s ran out")
        tokens = self._budget.tokens - self.tokens
        if tokens <= 0:
            raise BudgetExceeded(f"the compilation's {self._budget.tokens} tokens ran out")
        return Allowance(tokens, seconds)
