"""Memory of calls at work: together they get no more than the container has, so that no call ends the process.

A procedure that takes what its document allows would otherwise end the runner, be sent to the next one by a client that
repeats what got no answer, and end that one too.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from seglam.sandbox.runner.workers import Late

BASE_MIB = 96
"""Of a runner that has answered some calls, without instances; measured 75."""
LEAST_MIB = 32
"""That calls get in any case: what a document takes that states no limit."""
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))  # version 2, 1
_UNLIMITED = 1 << 60


class Memory:
    """What calls at work may take.

    Args:
        mib: altogether; None for no bound.
    """

    def __init__(self, mib: int | None) -> None:
        self.mib = mib
        self._changed = threading.Condition()
        self._free = mib or 0

    def holds(self, mib: int) -> bool:
        """Whether a call with this limit can run at all."""
        return self.mib is None or mib <= self.mib

    @contextmanager
    def of(self, mib: int, deadline: float) -> Iterator[None]:
        """While a call runs. Waits until others have ended; `Late` if that takes too long."""
        if self.mib is None:
            yield
            return
        with self._changed:
            if not self._changed.wait_for(lambda: self._free >= mib, max(0.0, deadline - monotonic())):
                raise Late
            self._free -= mib
        try:
            yield
        finally:
            with self._changed:
                self._free += mib
                self._changed.notify_all()


def left_of_container(warm_mib: int) -> int | None:
    """MiB that the container's limit leaves for calls beside the process and its idle instances; None without one."""
    for file in _LIMITS:
        if file.exists():
            text = file.read_text().strip()
            if text == "max" or int(text) >= _UNLIMITED:
                return None
            return max(LEAST_MIB, (int(text) >> 20) - BASE_MIB - warm_mib)
    return None
