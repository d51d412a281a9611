"""Asking the gate again while a service runs: a yank, a policy that is gone, a changed byte end what they concern."""

from __future__ import annotations

import threading
from collections.abc import Callable

from seglam.gateway.packs.admission import Admission

Report = Callable[[str], None]
FIRST_S, EVERY_S = 5.0, 300.0
"""Seconds until the first look, when this machine's own registry answers too, and between later ones."""


class Watch:
    """Rechecks what packs brought, in a thread, until it is closed.

    Args:
        recheck: asks the gate again about all that is served; see `Catalog.recheck`.
        report: called with a line about each change, and about what goes wrong.
    """

    def __init__(
        self,
        recheck: Callable[[Report], None],
        admission: Admission,
        report: Report,
        *,
        first_s: float = FIRST_S,
        every_s: float = EVERY_S,
    ) -> None:
        self._recheck = recheck
        self._admission = admission
        self._report = report
        self._first_s = first_s
        self._every_s = every_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pack-watch", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End after the look that is under way."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        wait = self._first_s
        while not self._ended.wait(wait):
            wait = self._every_s
            try:
                self._admission.forget()
                self._recheck(self._report)
            except Exception as error:  # noqa: BLE001  # the next look may succeed; what is served stays as it was
                self._report(f"imported packs were not rechecked: {type(error).__name__}: {error}")
