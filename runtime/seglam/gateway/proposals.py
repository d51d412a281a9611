"""Revisions that wait for review. A type that one of them answers is not compiled again meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable

from seglam.gateway.store import Records, RevisionRow, State, revision_of
from seglam.lookup import Binding, Hit, Index
from seglam.procedures import Request


class Proposals:
    """The proposed revisions, ready for lookup; what they answer is never a hit.

    Args:
        report: called with a message about a proposal that this release cannot read.
    """

    def __init__(self, store: Records, report: Callable[[str], None]) -> None:
        self._store = store
        self._index = Index()
        self._turn = threading.Lock()
        for row in store.revisions(State.PROPOSED):
            try:
                self.add(row)
            except ValueError as error:
                report(f"{row.name} ({row.digest}) waits for review but cannot be read: {error}; reject it")

    def add(self, row: RevisionRow) -> None:
        """A revision was proposed."""
        with self._turn:
            self._index.add(revision_of(row))

    def discard(self, digest: str) -> None:
        """A revision was decided on."""
        with self._turn:
            if digest in self._index:
                self._index.remove(digest)

    def binding(self, request: Request, digest: str) -> Binding | None:
        """What a proposal binds of a request."""
        found = self._index.find(request)
        bindings = (found.binding,) if isinstance(found, Hit) else found.bindings
        return next((binding for binding in bindings if binding.revision.digest == digest), None)

    def answering(self, request: Request) -> RevisionRow | None:
        """The proposal that binds a request; the first of them if there are several."""
        found = self._index.find(request)
        bindings = (found.binding,) if isinstance(found, Hit) else found.bindings
        return self._store.revision(bindings[0].revision.digest) if bindings else None
