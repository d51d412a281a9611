"""The procedures that an import makes of a release, owned by their label; what is somebody else's is left alone."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from seglam.cluster import AlreadyExists, Listing, Object, Selection
from seglam.operator.context import Context
from seglam.operator.desired import imported as desired
from seglam.operator.gather.imports import ImportRead
from seglam.operator.keys import Key
from seglam.operator.reconcile.deciding import Decided
from seglam.procedures import ReasoningProcedure
from seglam.resources.names import LABEL_PACK_IMPORT, OPERATOR, REASONING_PROCEDURE

log = logging.getLogger(__name__)


class Made:
    """Makes, changes and deletes the procedures of imports."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._client = context.client

    async def of(self, key: Key) -> dict[str, Object]:
        """Procedures that carry the label of an import, by name."""
        selection = Selection(key.namespace, f"{LABEL_PACK_IMPORT}={desired.label(key.name)}")
        listing: Listing[Object] = await self._client.list(REASONING_PROCEDURE, selection)
        return {each["metadata"]["name"]: each for each in listing.items}

    async def make(self, read: ImportRead, decided: Decided, own: Mapping[str, Object]) -> tuple[str, ...]:
        """Make the procedures of a release, and delete those that it has no more; names that are somebody else's."""
        foreign = []
        for document in decided.documents:
            if not await self._ensure(read, str(decided.release), document, own):
                foreign.append(document.metadata.name)
        for name in own.keys() - {document.metadata.name for document in decided.documents}:
            await self.delete(own[name])
        return tuple(foreign)

    async def _ensure(
        self, read: ImportRead, release: str, document: ReasoningProcedure, own: Mapping[str, Object]
    ) -> bool:
        namespace, name = read.meta.namespace, document.metadata.name
        live = own.get(name)
        if live is None:
            body = desired.procedure(namespace, name, read.meta.name, release, document.spec, read.authors)
            try:
                await self._client.create(REASONING_PROCEDURE, body, manager=OPERATOR)
            except AlreadyExists:
                live = await self._client.find(REASONING_PROCEDURE, name, namespace)
                if live is None or not desired.is_of(live, read.meta.name):
                    return False
            else:
                self._context.metrics.writes.labels(REASONING_PROCEDURE.kind, "create").inc()
                log.info("made %s/%s from %s", namespace, name, release)
                return True
        if steps := desired.change(live, release, document.spec, read.authors):
            await self._client.patch(REASONING_PROCEDURE, name, steps, namespace, type="json", manager=OPERATOR)
            self._context.metrics.writes.labels(REASONING_PROCEDURE.kind, "patch").inc()
            log.info("gave %s/%s the text of %s", namespace, name, release)
        return True

    async def delete(self, procedure: Object) -> None:
        meta = procedure["metadata"]
        if meta.get("deletionTimestamp"):
            return
        await self._client.delete(REASONING_PROCEDURE, meta["name"], meta["namespace"], uid=meta["uid"])
        self._context.metrics.writes.labels(REASONING_PROCEDURE.kind, "delete").inc()
        log.info("deleted %s/%s: its import has it no more", meta["namespace"], meta["name"])
