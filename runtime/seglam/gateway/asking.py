"""What every API of requests asks, and what it gets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import getrandbits
from time import time_ns
from typing import Protocol

from seglam.gateway.access import Caller
from seglam.gateway.outcomes import Answer
from seglam.lookup import Hit, Miss
from seglam.procedures import Request


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it arrived.

    Attributes:
        only_if_cached: never compile.
        wait_s: how long the caller would wait for a compilation.
        headers: the caller's trace.
        source: the API by which it came: native, openai or mcp.
        detached: a miss is answered at once; what follows from it goes on in `Reply.following`.
        deadline: after which the answer is of no use, in seconds of `time.monotonic`; None for no such time.
        fits: says why this caller cannot take an answer, None if it can. What does not fit is a miss that nothing is
            compiled for.
    """

    request: Request
    caller: Caller
    only_if_cached: bool
    wait_s: int
    headers: Mapping[str, str]
    source: str = "native"
    detached: bool = False
    deadline: float | None = None
    fits: Callable[[str], str | None] | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a request got.

    Attributes:
        waited: the seconds of the caller's preference to wait that were honoured.
        following: where `Asked.detached` returned before it was settled whether something is compiled: the task that
            ends with the answer that says so. It goes on without whoever asked.
    """

    answer: Answer
    waited: int = 0
    following: asyncio.Task[Answer] | None = None


def new_id() -> str:
    """An id for a request: 32 hexadecimal digits, not repeated. It is no secret; what it names is its tenant's.

    The first twelve digits are the time: an index of ids that come in order is written where it was written last.
    """
    return f"{time_ns() >> 16:012x}{getrandbits(80):020x}"


class Answers(Protocol):
    """What stands behind the API of requests. Never blocks the event loop."""

    async def answer(self, asked: Asked) -> Reply:
        """Answer a request as far as its policies allow."""

    async def explain(self, request: Request, caller: Caller) -> Hit | Miss:
        """What the lookup decides. `TextError` as `Index.find`."""
