"""A stream of requests with right answers of its own, whose rule may change at one of them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

MOST = 9_999


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, and what is right at its time."""

    number: int
    text: str
    right: Decimal


def stream(count: int, seed: int, changes_at: int | None) -> Iterator[Asked]:
    """Requests for the value added tax on an amount: 19 percent, from `changes_at` on 21."""
    chance = random.Random(seed)
    for number in range(1, count + 1):
        amount = chance.randint(1, MOST)
        percent = 19 if changes_at is None or number < changes_at else 21
        right = Decimal(amount * percent).scaleb(-2)
        yield Asked(number, f"What is the value added tax on {amount} crowns?", right)
