"""Which requests are recorded, of those of which a share is: drawn as the number of requests to pass over."""

from __future__ import annotations

from math import log, log1p
from random import random

_NEVER = 1 << 62


class Draw:
    """Takes each request with the same probability, apart from all others.

    How many requests lie before the next one that is taken has a geometric distribution (Devroye, Non-Uniform Random
    Variate Generation, 1986, X.2); so a request that is not taken costs a subtraction. Two threads that ask at the same
    moment may count as one.
    """

    __slots__ = ("_left", "_scale", "share")

    def __init__(self, share: float = 1.0) -> None:
        self.share = share
        self._scale = 1 / log1p(-share) if 0.0 < share < 1.0 else 0.0
        self._left = self._gap()

    @property
    def due(self) -> bool:
        """Whether the next request will be taken."""
        return self._left <= 0

    def taken(self) -> bool:
        """Whether this request is taken; the next one is another."""
        if self._left > 0:
            self._left -= 1
            return False
        self._left = self._gap()
        return True

    def _gap(self) -> int:
        if self.share >= 1.0:
            return 0
        return int(log(1.0 - random()) * self._scale) if self.share > 0.0 else _NEVER
