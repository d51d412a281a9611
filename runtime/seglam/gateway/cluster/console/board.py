"""Operations of a cluster's tenant on pages: what the gateway counts, and resources read in the name of who looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seglam.cluster import Client, Forbidden, Selection
from seglam.gateway.answers.api import recorded, traffic_of
from seglam.gateway.answers.curve import Traffic
from seglam.gateway.answers.walk import walk
from seglam.gateway.cluster.behind import Resources, trust_roots
from seglam.gateway.cluster.compilations import ended
from seglam.gateway.cluster.console.asking import Asking, Person
from seglam.gateway.cluster.service import ClusterService
from seglam.gateway.pages.board import SHOWN, Overview
from seglam.gateway.web import Blocking
from seglam.packs.trust.roots import TrustRoot
from seglam.resources import ProcedureCompilation
from seglam.resources.names import PROCEDURE_COMPILATION, revision_name

ALONE = "Savings and the record of answers are this replica's own: the chart has no ledger (ledger.secretName)."
NOT_LISTED = "Compilations and what the model is not asked again are not shown: you may not list ProcedureCompilations."
NO_PACKS = "Signed statements about packs are not examined here: `kubectl seglam trace` fetches and verifies them."


class TenantBoard:
    """The board of a cluster's tenant; see `seglam.gateway.pages.board.Board`.

    Args:
        alone: whether what is counted and recorded is this replica's alone.
        blocking: runs what asks a database.
    """

    def __init__(self, asking: Asking, service: ClusterService, blocking: Blocking, *, alone: bool) -> None:
        self._asking = asking
        self._service = service
        self._blocking = blocking
        self._alone = alone

    async def traffic(self, who: Person) -> Traffic:
        """See `Board`."""
        found: Traffic = await self._blocking(traffic_of, self._service.answers, who.tenant)
        return found

    async def overview(self, who: Person) -> Overview:
        """See `Board`."""
        lacking = [ALONE] if self._alone else []
        async with self._asking.by(who.token) as client:
            known = await _compilations(client, who.tenant)
        if known is None:
            lacking.append(NOT_LISTED)
        work = [each for each in known or () if not ended(each)]
        never = [each for each in known or () if each.status.negative is not None]
        return Overview(
            await self.traffic(who),
            await self._blocking(self._service.savings, who.tenant),
            {"atWork": [_compilation(each) for each in work[:SHOWN]],
             "last": [_compilation(each) for each in (known or ())[:SHOWN]]},
            {"negatives": [_negative(each) for each in never[:SHOWN]], "count": len(never)},
            len(self._service.catalog.index(who.tenant)),
            None,
            lacking=lacking,
        )  # fmt: skip

    async def answer(self, who: Person, identity: str) -> Mapping[str, Any]:
        """See `Board`."""
        found = await self._blocking(recorded, self._service.answers, identity, who.tenant)
        async with self._asking.by(who.token) as client:
            behind = await Resources(client, who.tenant).behind(found, self._service.behind(found))
            roots = await _roots(client)
        walked = await self._blocking(walk, found, behind.known, lambda _: None, roots, behind.checks)
        return {**walked.document(), "lacking": [NO_PACKS] if behind.known.imports else []}


async def _compilations(client: Client, tenant: str) -> list[ProcedureCompilation] | None:
    """Newest first; None if they may not be listed."""
    try:
        found = await client.list(PROCEDURE_COMPILATION, Selection(tenant))
    except Forbidden:
        return None
    read = [ProcedureCompilation.model_validate(each) for each in found.items]
    return sorted(read, key=_since, reverse=True)


async def _roots(client: Client) -> Sequence[TrustRoot]:
    """Whom the cluster believes, where one may see that."""
    try:
        return list((await trust_roots(client)).values())
    except Forbidden:
        return ()


def _since(known: ProcedureCompilation) -> str:
    return str(known.status.started_at or known.metadata.creation_timestamp or "")


def _compilation(known: ProcedureCompilation) -> dict[str, Any]:
    """A compilation as pages list it; its text is nowhere in it."""
    status, over = known.status, ended(known)
    made = over and status.procedure is not None and status.digest is not None
    return {
        "id": known.metadata.name,
        "progress": "finished" if over else "started" if status.job else "waiting",
        "outcome": status.outcome if over else None,
        "message": (status.message if over else None) or "",
        "revision": revision_name(str(status.procedure), str(status.digest)) if made else None,
        "created": _since(known),
    }


def _negative(known: ProcedureCompilation) -> dict[str, Any]:
    stated = known.status.negative
    assert stated is not None
    return {
        "fingerprint": known.spec.fingerprint,
        "reason": stated.reason,
        "model": stated.model,
        "expires": stated.expires,
    }
