"""Zipf's law over a list whose order of rank a seed decides."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from random import Random
from typing import Generic, TypeVar

T = TypeVar("T")


class Zipf(Generic[T]):
    """Draws members of `population`; the one of rank r has weight 1 / r ** exponent (Zipf 1949).

    Ranks are a permutation drawn from `seed`, a text, so that different seeds make different members popular.
    """

    def __init__(self, population: Sequence[T], exponent: float, seed: str) -> None:
        self.ranked = Random(seed).sample(population, len(population))
        self._cumulated = list(accumulate(rank**-exponent for rank in range(1, len(self.ranked) + 1)))

    def draw(self, rng: Random) -> T:
        """One member."""

        return rng.choices(self.ranked, cum_weights=self._cumulated)[0]
