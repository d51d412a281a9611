"""Whether the registry runs and can serve, what it counts, and what it is."""

from __future__ import annotations

import json
import logging

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from sqlmodel import select

from seglam.registry.access.issuers import AUDIENCE
from seglam.registry.access.local import ISSUER as LOCAL
from seglam.registry.api import documents
from seglam.registry.api.answers import answer
from seglam.registry.api.errors import problems
from seglam.registry.api.parts import Here
from seglam.registry.faults import DatabaseError
from seglam.registry.tables import HeadRow

router = APIRouter(tags=["health"])
about = APIRouter(tags=["packs"])

_log = logging.getLogger("seglam.registry.health")


@router.get("/healthz", summary="Whether the process runs")
async def alive() -> dict[str, str]:
    """It answers."""
    return {"status": "ok"}


@router.get("/readyz", summary="Whether it can serve", responses={503: {"description": "Not now"}})
def ready(here: Here) -> Response:
    """The database answers, and what else must be so."""
    found: dict[str, bool] = {}
    try:
        with here.database.read() as session:
            session.exec(select(HeadRow).limit(1)).all()
        found["database"] = True
    except DatabaseError as error:
        _log.warning("not ready: %s", error)
        found["database"] = False
    for name, check in here.checks:
        try:
            found[name] = bool(check())
        except Exception:  # noqa: BLE001  # whatever it is, it is not ready
            _log.exception("not ready: %s", name)
            found[name] = False
    # An issuer that is down stops its publishers, not those who pull.
    issuers = dict(here.issuers.ready())
    whole = all(found.values())
    return JSONResponse({"ready": whole, "checks": found, "issuers": issuers}, 200 if whole else 503)


@router.get("/metrics", summary="For Prometheus", response_class=Response)
def metrics(http: Request) -> Response:
    """The exposition in text."""
    return Response(http.app.state.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


@about.get("/origin", response_model=documents.Origin, summary="What this registry is", responses=problems())
def origin(here: Here) -> Response:
    """Its name, and what its signatures are verified with; who needs to be sure gets that in another way."""
    root = here.signing.root
    issuers = [*here.issuers.ready(), *([LOCAL] if here.settings.local else [])]
    document = documents.Origin(
        origin=here.origin,
        mode=here.signing.signer.mode,
        keyless=json.loads(root.keyless) if root.keyless else None,
        keys=[{"id": key, "pem": pem} for key, pem in sorted(root.keys.items())],
        issuers=sorted(issuers),
        audience=AUDIENCE,
        claims=here.settings.claims,
        tuf=f"/tuf/{here.origin}/",
    )
    return answer(document)
