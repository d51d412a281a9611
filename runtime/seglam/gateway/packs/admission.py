"""Whether what was imported may be served now: asked whenever it is loaded, and when it is approved.

The gate is the same as at the import, with the policies, roots and index of this moment; a yanked release, a policy
that is gone or a byte that changed on the disk ends the service of its procedures, and the next load says why.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from seglam.gateway.packs.library import Library
from seglam.gateway.store import ImportRow, RevisionRow, Store, revision_of
from seglam.gateway.store.imports import ORIGIN

Report = Callable[[str], None]
TENANT = "default"
"""One machine has one tenant."""


class Admission:
    """Decides about revisions that packs brought; others are none of its business.

    Args:
        store: knows which pack brought which revision.
        data_dir: holds the library.
        environ: names the directory of trust.
        online: whether to ask for a newer index first.
    """

    def __init__(self, store: Store, data_dir: Path, environ: Mapping[str, str], *, online: bool = False) -> None:
        self._store = store
        self._library = Library(data_dir)
        self._environ = environ
        self._online = online
        self._found: dict[str, str | None] = {}
        self._turn = threading.Lock()

    def refused(self, row: RevisionRow) -> str | None:
        """Why a revision may not be served; None if it may."""
        if row.origin != ORIGIN:
            return None
        if revision_of(row).digest != row.digest:
            return "what the store keeps of it has another digest"
        why = "no import is known that brought it"
        for each in reversed(self._store.imported()):
            if row.digest not in {procedure["digest"] for procedure in json.loads(each.procedures)}:
                continue
            with self._turn:
                if each.release not in self._found:
                    self._found[each.release] = self._decide(each)
                refused = self._found[each.release]
            if refused is None:
                return None
            why = f"{each.release}: {refused}"
        return why

    def forget(self) -> None:
        """Ask the gate anew from now on."""
        with self._turn:
            self._found.clear()

    def _decide(self, row: ImportRow) -> str | None:
        from seglam.gateway.packs.deciding import decide, look
        from seglam.packs.problems import PackError
        from seglam.packs.trust.files import TrustFileInvalid, config_dir, load

        try:
            packed = self._library.packed(row.digest)
            if packed is None:
                return f"the pack {row.digest} is no longer in {self._library.directory}"
            held = {each.digest for each in packed.pack.manifest_model.procedures}
            if held != {each["digest"] for each in json.loads(row.procedures)}:
                return "the pack holds other procedures than were imported"
            trust = load(config_dir(self._environ))
        except (PackError, TrustFileInvalid, OSError) as error:
            return str(error)
        found = look(self._library, trust, TENANT, packed.pack, online=self._online)
        decision = decide(packed, trust, TENANT, index=found.facts)
        return None if decision.allowed else f"{decision.words} ({decision.code})"
