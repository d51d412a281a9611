"""Which hits are looked at again: a share of them by chance, at the price of one subtraction for each of the others."""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable

from seglam.lookup import Binding, Hit
from seglam.procedures import Request

Take = Callable[[Request, Binding, str], None]


class Sampling:
    """Counts down to the next hit that is taken. The gaps are geometric, so that each hit has the same chance whatever
    the order of requests. Two threads that count at the same time may lose a step, which costs a little of the share.

    Args:
        share: of the hits, from 0 (none) to 1 (all).
        take: called with the request, what it bound and its answer; must not wait.

    Attributes:
        left: hits until one is taken; whoever answers a hit subtracts one, and calls `due` where none is left.
    """

    __slots__ = ("_chance", "_share", "_take", "left")

    def __init__(self, share: float, take: Take, chance: Callable[[], float] = random.random) -> None:
        self._share = share
        self._take = take
        self._chance = chance
        self.left = self._gap()

    def due(self, request: Request, hit: object, answer: str) -> None:
        """Take this hit, and choose the next."""
        self.left = self._gap()
        if isinstance(hit, Hit):
            self._take(request, hit.binding, answer)

    def _gap(self) -> int:
        if self._share <= 0:
            return sys.maxsize
        if self._share >= 1:
            return 1
        return 1 + int(math.log(1 - self._chance()) / math.log(1 - self._share))
