"""Whether a revision would share requests with those that serve its tenant: the elder stays, the newcomer waits."""

from __future__ import annotations

import asyncio
from collections import defaultdict

import msgspec

from seglam.cluster import Client, Selection
from seglam.lookup.elders import Elders
from seglam.lookup.overlap import Overlap, overlaps
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

    Activations of one tenant take turns (`turn`), so that of two newcomers that overlap one comes to be the elder.
    """

    def __init__(self, client: Client, known: Known, documents: Documents, mark: Mark) -> None:
        self._client = client
        self._known = known
        self._documents = documents
        self._mark = mark
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._loads: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._elders: defaultdict[str, Elders[str]] = defaultdict(Elders)
        self._admitted: defaultdict[str, dict[str, Revision]] = defaultdict(dict)
        self._blocked: defaultdict[str, set[str]] = defaultdict(set)
        known.on_deactivated(self._make_way)

    def turn(self, namespace: str) -> asyncio.Lock:
        """Hold this from the question whether a revision overlaps to its activation."""
        return self._turns[namespace]

    def admitted(self, revision: Revision) -> None:
        """A revision was activated; the watch has yet to say so."""
        self._admitted[revision.meta.namespace][revision.meta.name] = revision

    def withdrawn(self, revision: Revision) -> None:
        """A revision was deactivated; the watch has yet to say so."""
        self._admitted[revision.meta.namespace].pop(revision.meta.name, None)
        self._elders[revision.meta.namespace].discard(revision.meta.name)

    async def overlaps(self, namespace: str, newcomer: Document) -> tuple[str, ...]:
        """What the newcomer shares with others, in words; empty if nothing. Its procedure is asked again when an active
        revision goes, as long as it shares something.
        """
        elders = await self._current(namespace)
        names = await asyncio.to_thread(elders.candidates, newcomer)
        found: list[str] = []
        for name in sorted(names):
            revision = self._active(namespace).get(name)
            if revision is None or revision.procedure == newcomer.name or revision.digest == newcomer.digest:
                continue
            document = await self._documents.revision(revision)
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
                    await asyncio.to_thread(elders.add, name, document)
        return elders

    async def _load_all(self, namespace: str, elders: Elders[str], missing: dict[str, Revision]) -> None:
        pages = self._client.pages(
            PROCEDURE_REVISION, Selection(namespace, ACTIVE_SELECTOR), decoder=_whole, limit=PAGE
        )
        async for page in pages:
            for name, document in page.items:
                if name in missing and missing[name].digest == document.digest:
                    await asyncio.to_thread(elders.add, name, document)

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
