"""Importing while a service runs: it holds the store, so it does the import itself.

The door is a path of the service's own port, for who knows the secret of `Address`.
"""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from seglam.gateway.packs.address import FILE, PATH, Address
from seglam.gateway.packs.admission import TENANT
from seglam.gateway.packs.deciding import decide, look
from seglam.gateway.packs.importing import ImportRefused, refusal, take
from seglam.gateway.packs.library import Library
from seglam.gateway.store import Admitted, Approval, Change, ImportRow, ReviewRefused, RevisionRow
from seglam.packs.layout import ImageLayout
from seglam.packs.problems import PackError
from seglam.packs.trust.files import TrustFileInvalid, config_dir, load
from seglam.packs.trust.policy import matching
from seglam.packs.trust.signing.protocol import Signer
from seglam.procedures import ReasoningProcedure
from seglam.web import Problem
from seglam.web.pages.mounting import Mounted

if TYPE_CHECKING:
    from seglam.compiler import Bench
    from seglam.gateway.service import Service

MAX_BODY = 64 * 1024 * 1024
LONGEST = 200
"""Characters of a name."""


class Serving:
    """The store of a running service as an import asks for it: what becomes active is served at once.

    It is an `Imports`.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def active(self) -> list[RevisionRow]:
        """The revisions that are served."""
        return self._service.store.active()

    def revision(self, digest: str) -> RevisionRow | None:
        """One revision."""
        return self._service.store.revision(digest)

    def imported(self, name: str | None = None) -> list[ImportRow]:
        """The imported releases."""
        return self._service.store.imported(name)

    def refuse_downgrade(self, row: ImportRow) -> None:
        """As the store's."""
        self._service.store.refuse_downgrade(row)

    def admit(
        self,
        row: ImportRow,
        documents: Sequence[ReasoningProcedure],
        traces: Mapping[str, str],
        approval: Approval | None,
    ) -> Admitted:
        """Keep the import, and serve or propose what it brought."""
        catalog = self._service.catalog
        kept: list[Admitted] = []

        def decided() -> Change:
            kept.append(self._service.store.admit(row, documents, traces, approval))
            *first, last = kept[0].changes or (Change(None),)
            for change in first:
                catalog.apply(change)
            return last

        catalog.change(decided)
        for revision in kept[0].revisions:
            if revision.state == "Proposed":
                self._service.reviews.proposals.add(revision)
        return kept[0]


class Door:
    """Takes imports for a service, one at a time.

    Args:
        data_dir: of the service.
        environ: names the directory of trust.
        bench: opens sandboxes for the pack's tests.
        signer: signs what is decided.
    """

    def __init__(
        self,
        service: Service,
        address: Address,
        data_dir: Path,
        environ: Mapping[str, str],
        bench: Callable[[], AbstractContextManager[Bench]],
        signer: Callable[[], Signer],
    ) -> None:
        self._imports = Serving(service)
        self._address = address
        self._data_dir = data_dir
        self._environ = environ
        self._bench = bench
        self._signer = signer
        self._turn = threading.Lock()

    def beside(self, gateway: ASGIApp) -> ASGIApp:
        """The door beside an application."""
        routes = [Route(PATH, self._listed, methods=["GET"]), Route(PATH, self._took, methods=["POST"])]
        return Mounted(Starlette(routes=routes, exception_handlers={Problem: _problem}), gateway, (PATH,))

    def imported(self, body: bytes, importer: str, waiver: str | None, *, online: bool) -> dict[str, Any]:
        """Import the pack of an archive, as `seglam pack import` does; its document. Blocks for seconds."""
        library = Library(self._data_dir)
        try:
            with ImageLayout.read(io.BytesIO(body)) as layout:
                (packed,) = layout.packed()
            trust = load(config_dir(self._environ))
        except (PackError, TrustFileInvalid, ValueError) as error:
            raise Problem(422, "archive", f"the archive cannot be used: {error}") from error
        pack = packed.pack
        looked = look(library, trust, TENANT, pack, online=online)
        decision = decide(packed, trust, TENANT, index=looked.facts)
        if not decision.allowed:
            return refusal(pack, decision, decision.code, decision.words)
        policies, signer = matching(trust.policies, TENANT, str(pack.release.name)), self._signer()
        try:
            with self._turn, self._bench() as bench:
                done = take(
                    packed, decision, self._imports, library, bench, signer,
                    importer=importer, policies=policies, waiver=waiver,
                )  # fmt: skip
        except (ImportRefused, ReviewRefused) as refused:
            return refusal(pack, decision, refused.code, str(refused))
        return done.document(pack, signer)

    async def _listed(self, http: Request) -> Response:
        self._check(http)
        rows = await asyncio.to_thread(self._imports.imported)
        return JSONResponse({"items": [{"name": row.name, "version": row.version} for row in rows]})

    async def _took(self, http: Request) -> Response:
        self._check(http)
        given = http.query_params
        importer = given.get("importer", "").strip()
        if not importer or len(importer) > LONGEST or not importer.isprintable():
            raise Problem(422, "importer", "say who imports: ?importer=NAME")
        body = bytearray()
        async for chunk in http.stream():
            body += chunk
            if len(body) > MAX_BODY:
                raise Problem(413, "body-too-large", f"an archive has at most {MAX_BODY} bytes")
        waiver, online = given.get("waiver") or None, given.get("offline") != "1"
        return JSONResponse(await asyncio.to_thread(self.imported, bytes(body), importer, waiver, online=online))

    def _check(self, http: Request) -> None:
        if not self._address.admits(http.headers.get("authorization", "")):
            raise Problem(401, "secret", f"the secret is that of {FILE} in the service's data directory")


async def _problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response()
