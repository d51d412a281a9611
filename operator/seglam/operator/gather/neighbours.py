"""Whether a revision would share requests with those that serve its tenant: the elder stays, the newcomer waits."""

from __future__ import annotations

import asyncio
from collections import defaultdict

import msgspec

from seglam.cluster import Client, Selection
from seglam.lookup.elders import Elders
from seglam.lookup.overlap import Overlap, machines_of, overlaps
from seglam.operator.gather.documents import Documents
from seglam.operator.gather.known import Known
from seglam.operator.keys import Key
from seglam.operator.queue import Mark
from seglam.operator.seen import Revision
from seglam.procedures import Revision as Document
from seglam.procedures.document import Spec
from seglam.resources.names import ACTIVE_SELECTOR, PROCEDURE_REVISION, REASONING_PROCEDURE

AT_ONCE = 20
"""Silhouettes that are missing, above which all active revisions are listed instead of read one by one."""
PAGE = 50
SHOWN = 3
WITNESS_SHOWN = 120


class _Spec(msgspec.Struct):
    procedure: str
    digest: str
    document: msgspec.Raw


class _Meta(msgspec.Struct):
    name: str


class _Whole(msgspec.Struct):
    metadata: _Meta
    spec: _Spec


_WHOLE = msgspec.json.Decoder(_Whole)


class Neighbours:
    """Knows the silhouettes of each tenant's active revisions; documents are read only where silhouettes touch.

    A newcomer is compared first and takes its place in one step, so that of two newcomers that overlap one comes to be
    the elder, however many are compared at one time.
    """

    def __init__(self, client: Client, known: Known, documents: Documents, mark: Mark) -> None:
        self._client = client
        self._known = known
        self._documents = documents
        self._mark = mark
        self._loads: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._elders: defaultdict[str, Elders[str]] = defaultdict(Elders)
        self._admitted: defaultdict[str, dict[str, Revision]] = defaultdict(dict)
        self._blocked: defaultdict[str, set[str]] = defaultdict(set)
        known.on_deactivated(self._make_way)

    async def admit(self, revision: Revision, newcomer: Document) -> tuple[str, ...]:
        """Take a place among the active revisions, or say what the newcomer shares with some of them.

        Whoever takes the place activates the revision, or withdraws it.
        """
        namespace = revision.meta.namespace
        await asyncio.to_thread(machines_of, newcomer)
        cleared: set[str] = set()
        while True:
            elders = await self._current(namespace)
            rivals = self._rivals(namespace, elders, newcomer) - cleared
            if not rivals:
                # Nothing was awaited since the silhouettes were compared: no other newcomer came in between.
                elders.add(revision.meta.name, newcomer)
                self._admitted[namespace][revision.meta.name] = revision
                self._blocked[namespace].discard(newcomer.name)
                return ()
            if shared := await self._shared(namespace, newcomer, rivals):
                return shared
            cleared |= rivals

    async def overlaps(self, namespace: str, newcomer: Document) -> tuple[str, ...]:
        """What the newcomer shares with others, in words; empty if nothing. Its procedure is asked again when an active
        revision goes, as long as it shares something.
        """
        elders = await self._current(namespace)
        await asyncio.to_thread(machines_of, newcomer)
        return await self._shared(namespace, newcomer, self._rivals(namespace, elders, newcomer))

    def withdrawn(self, revision: Revision) -> None:
        """A revision was deactivated, or not activated after all; the watch has yet to say so."""
        self._admitted[revision.meta.namespace].pop(revision.meta.name, None)
        self._elders[revision.meta.namespace].discard(revision.meta.name)

    def _rivals(self, namespace: str, elders: Elders[str], newcomer: Document) -> set[str]:
        """Names of active revisions of other procedures that might share a request with the newcomer."""
        candidates = elders.candidates(newcomer)
        active = self._active(namespace) if candidates else {}
        return {
            name
            for name in candidates
            if name in active and active[name].procedure != newcomer.name and active[name].digest != newcomer.digest
        }

    async def _shared(self, namespace: str, newcomer: Document, rivals: set[str]) -> tuple[str, ...]:
        """What the newcomer shares with some of these, compared in full."""
        found: list[str] = []
        for name in sorted(rivals):
            revision = self._active(namespace).get(name)
            document = await self._documents.revision(revision) if revision else None
            if document is None:
                continue
            shared = await asyncio.to_thread(overlaps, newcomer, [document])
            found += [_shown(overlap) for overlap in shared[: SHOWN - len(found)]]
            if len(found) >= SHOWN:
                break
        if found:
            self._blocked[namespace].add(newcomer.name)
        else:
            self._blocked[namespace].discard(newcomer.name)
        return tuple(found)

    def _active(self, namespace: str) -> dict[str, Revision]:
        """The active revisions, those included that the watch has yet to show as such."""
        known = {revision.meta.name: revision for revision in self._known.active(namespace)}
        admitted = self._admitted[namespace]
        for name in known.keys() & admitted.keys():
            del admitted[name]
        return known | admitted

    async def _current(self, namespace: str) -> Elders[str]:
        """The silhouettes of all active revisions."""
        elders = self._elders[namespace]
        async with self._loads[namespace]:
            active = self._active(namespace)
            for name in elders.keys() - active.keys():
                elders.discard(name)
            missing = {name: revision for name, revision in active.items() if name not in elders}
            if len(missing) > AT_ONCE:
                await self._load_all(namespace, elders, missing)
            for name, revision in missing.items():
                if name not in elders and (document := await self._documents.revision(revision)) is not None:
                    await self._add(elders, name, document)
        return elders

    async def _add(self, elders: Elders[str], name: str, document: Document) -> None:
        """Keep a silhouette. The automata are made in a thread; the silhouettes themselves belong to the event loop."""
        await asyncio.to_thread(machines_of, document)
        elders.add(name, document)

    async def _load_all(self, namespace: str, elders: Elders[str], missing: dict[str, Revision]) -> None:
        pages = self._client.pages(
            PROCEDURE_REVISION, Selection(namespace, ACTIVE_SELECTOR), decoder=_whole, limit=PAGE
        )
        async for page in pages:
            for name, document in page.items:
                if name in missing and missing[name].digest == document.digest:
                    await self._add(elders, name, document)

    def _make_way(self, namespace: str) -> None:
        """An active revision is gone: whoever waited for that is asked again."""
        for procedure in self._blocked.pop(namespace, set()):
            self._mark(Key(REASONING_PROCEDURE.kind, namespace, procedure))


def _whole(raw: bytes) -> tuple[str, Document]:
    found = _WHOLE.decode(raw)
    spec = Spec.model_validate_json(bytes(found.spec.document))
    return found.metadata.name, Document(found.spec.procedure, spec, found.spec.digest)


def _shown(overlap: Overlap) -> str:
    kind = "matches" if overlap.confirmed else "may match" if overlap.decided else "is too complex to tell from"
    mine = "the structured form" if overlap.newcomer_pattern is None else f"pattern {overlap.newcomer_pattern}"
    theirs = "its structured form" if overlap.elder_pattern is None else f"its pattern {overlap.elder_pattern}"
    witness = overlap.witness if len(overlap.witness) <= WITNESS_SHOWN else overlap.witness[:WITNESS_SHOWN] + "…"
    both = f", both with {witness!r}" if witness else ""
    return f"{mine} {kind} what {overlap.elder.name} ({theirs}) does{both}"
