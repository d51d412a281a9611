"""Which event loop and which HTTP parser serve: uvloop and httptools where they are installed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from importlib.util import find_spec
from typing import Any, Literal, TypeVar

T = TypeVar("T")

Loop = Literal["uvloop", "asyncio"]
Parser = Literal["httptools", "h11"]

LOOP: Loop = "uvloop" if find_spec("uvloop") else "asyncio"
PARSER: Parser = "httptools" if find_spec("httptools") else "h11"
"""Names that `uvicorn.Config` takes as `loop` and `http`."""


KEEP_ALIVE_S = 60
"""Seconds for which a connection at rest is kept: longer than clients keep theirs, which are ended by them then and not
in the moment in which they are used again."""
SWITCH_S = 0.001
"""Seconds after which a thread lets another run Python. With the usual 5 ms a lookup that misses, in a thread, would
hold up every hit on the event loop for as long."""


def new_loop() -> Callable[[], asyncio.AbstractEventLoop]:
    """What makes an event loop."""
    if LOOP == "uvloop":
        import uvloop

        return uvloop.new_event_loop
    return asyncio.new_event_loop


def run(main: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`, on the chosen loop, for a process that serves."""
    sys.setswitchinterval(SWITCH_S)
    with asyncio.Runner(loop_factory=new_loop()) as runner:
        return runner.run(main)
