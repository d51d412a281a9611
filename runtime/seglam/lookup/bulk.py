"""While many revisions are read and added at once."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def adding_many() -> Iterator[None]:
    """Collect no garbage meanwhile, and leave what was added alone from then on.

    Collecting would look through all that was added so far, again and again, and stop every thread meanwhile: most of
    the time that adding takes. What is added has no cycles, so it goes as soon as nobody refers to it.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collecting:
            gc.enable()
