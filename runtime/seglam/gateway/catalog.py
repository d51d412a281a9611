"""What is served now: the index, and where each of its revisions came from."""

from __future__ import annotations

import threading
from collections.abc import Callable

from seglam.gateway.running import Served, program_of
from seglam.gateway.store import Change, ImportRow, Records, ReviewRow, RevisionRow, revision_of
from seglam.lookup import Index
from seglam.procedures import Revision
from seglam.telemetry import SpanReference

Admits = Callable[[RevisionRow], str | None]
"""Why a revision may not be served, though it is active; None if it may."""


class Catalog:
    """The active revisions. Readers need no lock; changes take turns.

    A replacement adds the new revision before it removes the old one, so that in between a request that both match is
    ambiguous, which is a miss; there is never a moment at which the old one is gone and the new one not there.

    Args:
        refused: asked about every revision before it is served.

    Attributes:
        index: decides requests.
        changes: how often what is served has changed.
    """

    def __init__(self, store: Records, refused: Admits = lambda _: None) -> None:
        self.index = Index()
        self.changes = 0
        self.refused = refused
        self._store = store
        self._served: dict[str, Served] = {}
        self._turn = threading.RLock()

    def load(self, report: Callable[[str], None]) -> None:
        """Take in what the store says is active. What may not be served, or cannot be read by this release, is
        reported, and its requests miss."""
        for row in self._store.active():
            try:
                if why := self.refused(row):
                    report(f"{row.name} ({row.digest}) is active but not served: {why}")
                    continue
                self.apply(Change(revision_of(row)))
            except ValueError as error:
                self._served.pop(row.digest, None)
                report(
                    f"{row.name} ({row.digest}) is active but cannot be read: {error}; retire it or fix its document"
                )

    def recheck(self, report: Callable[[str], None]) -> None:
        """Ask again about what packs brought: serve what may be served now, and nothing else of it."""
        for row in self._store.active():
            if row.origin != "pack":
                continue
            why = self.refused(row)
            with self._turn:
                now = self._store.revision(row.digest)
                served = row.digest in self.index
                if now is None or now.state != "Active" or served == (why is None):
                    continue
                self.apply(Change(revision_of(row)) if why is None else Change(None, (row.digest,)))
                report(f"{row.name} ({row.digest}) is {'served again' if why is None else f'no longer served: {why}'}")

    def change(self, decide: Callable[[], Change]) -> Change:
        """Serve what a decision says, which is taken here, so that two are applied in the order in which they are
        kept."""
        with self._turn:
            change = decide()
            self.apply(change)
            return change

    def apply(self, change: Change) -> None:
        """Serve what a change added, and no longer what it removed."""
        with self._turn:
            if change.added is not None:
                self._served[change.added.digest] = self._origin(change.added)
                self.index.add(change.added)
            for digest in change.removed:
                if digest in self.index:
                    self.index.remove(digest)
                self._served.pop(digest, None)
            self.changes += 1

    def served(self, revision: Revision) -> Served:
        """How to run a revision; one that has just been removed, or is not active yet, has no origin."""
        return self._served.get(revision.digest) or Served(program_of(revision))

    def named(self, name: str) -> Revision | None:
        """The active revision of a procedure."""
        return next((revision for revision in self.index if revision.name == name), None)

    def _origin(self, revision: Revision) -> Served:
        row = self._store.revision(revision.digest)
        brought = self._store.brought(revision.digest) if row is not None and row.origin == "pack" else None
        return Served(
            program_of(revision),
            compiled=span_of(row),
            reviewed=span_of(self._store.approval(revision.digest)),
            imported=span_of(brought),
        )


def span_of(row: RevisionRow | ReviewRow | ImportRow | None) -> SpanReference | None:
    """The span that is kept with a row."""
    if row is None or row.trace_id is None or row.span_id is None:
        return None
    return SpanReference(row.trace_id, row.span_id)
