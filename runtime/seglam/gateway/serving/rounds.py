"""Hits of several connections that are answered together, step by step.

A call of the sandbox leaves nothing of this program in the processor's caches, and most of a hit's time outside of it
is waiting for memory. So the hits that came with one look at the connections are decided as they are read, then all are
run, then all are written: what a step needs is fetched once for all of them (cohort scheduling: Larus and Parkes, Using
Cohort Scheduling to Enhance Server Performance, USENIX 2002).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from seglam.gateway.outcomes import Answer
from seglam.gateway.serving.headers import Headers

TOGETHER = 16
"""Hits of one round, so that the first does not wait for long."""


class AtOnce(Protocol):
    """Answers requests at once, in three steps. Never waits, and never raises."""

    def head(self, raw: Sequence[tuple[bytes, bytes]]) -> Headers | None:
        """The headers of a request, given with names in lower case; None if it must go the usual way because of
        them."""

    def found(self, headers: Headers, body: bytes) -> Any | None:
        """The hit that a request is; None if it must go the usual way."""

    def answer(self, decided: Any) -> Answer | None:
        """The answer of a hit that was found; None if its request must go the usual way."""

    def written(self, answer: Answer) -> bytes:
        """What follows the status line and the server's own headers of a 200."""


Told = Callable[[bytes | None], None]
"""Takes what is written; None if the request must go the usual way."""


class Round:
    """Hits that wait for each other. On one event loop."""

    def __init__(self, at_once: AtOnce) -> None:
        self._at_once = at_once
        self._waiting: list[tuple[Any, Told]] = []

    def add(self, decided: Any, told: Told, soon: Callable[[Callable[[], None]], object]) -> None:
        """Answer a hit when no more have come.

        Args:
            told: called then.
            soon: has a function called after what has come was read.
        """
        self._waiting.append((decided, told))
        if len(self._waiting) == 1:
            soon(self.run)
        elif len(self._waiting) >= TOGETHER:
            self.run()

    def run(self) -> None:
        """Answer all that wait. What goes wrong with one is raised when the others have been told."""
        waiting, self._waiting = self._waiting, []
        answers = [self._at_once.answer(decided) for decided, _ in waiting]
        failed: list[Exception] = []
        for (_, told), answer in zip(waiting, answers, strict=True):
            try:
                told(None if answer is None else self._at_once.written(answer))
            except Exception as error:  # noqa: BLE001  raised below
                failed.append(error)
        if failed:
            raise ExceptionGroup("answers could not be sent", failed)
