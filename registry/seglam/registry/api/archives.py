"""Archives: a pack and its bundles as one tar file, an OCI image layout."""

from __future__ import annotations

import hashlib
import threading
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response
from sqlmodel import select

from seglam.packs.layout import Packed, tar_bytes
from seglam.packs.pack import Pack
from seglam.registry import bundles
from seglam.registry.api import conditions
from seglam.registry.api.credentials import Credentials, principal_of
from seglam.registry.api.errors import problems
from seglam.registry.api.parts import Here, Parts
from seglam.registry.tables import VersionRow, VersionState
from seglam.web import Problem

router = APIRouter(prefix="/archives", tags=["packs"])
AT_ONCE = 4
"""Archives that are put together at one time; each takes some times its size of memory."""
_turns = threading.BoundedSemaphore(AT_ONCE)

_RESPONSES: dict[int | str, dict[str, Any]] = problems(304, 401, 403, 404, 410) | {
    200: {
        "description": "The archive",
        "content": {"application/x-tar": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.get("/{digest}", summary="A pack with its bundles as a file", response_class=Response, responses=_RESPONSES)
def archive(
    here: Here,
    http: Request,
    credentials: Credentials,
    digest: Annotated[str, Path(pattern="^sha256:[0-9a-f]{64}$")],
) -> Response:
    """By the digest of the pack's manifest. Its entity tag changes when a bundle is added."""
    with here.database.read() as session:
        row = session.exec(select(VersionRow).where(VersionRow.digest == digest)).first()
        if row is None:
            raise Problem(404, "unknown-digest", f"there is no pack with the digest {digest}")
        if row.state == VersionState.DELETED:
            raise Problem(410, "deleted", f"{row.name}@{row.version} was deleted")
        if row.state == VersionState.QUARANTINED:
            _check_member(here, row, credentials.credentials if credentials else None)
        listed = bundles.of_version(session, row.name, row.version)
        tag = conditions.etag(
            hashlib.sha256(" ".join([digest, *(each.digest for each in listed)]).encode()).hexdigest()
        )
        headers = {
            "ETag": tag,
            "Cache-Control": "no-cache",
            "Content-Disposition": f'attachment; filename="{row.name.rpartition("/")[2]}-{row.version}.tar"',
        }
        if conditions.unchanged(http, tag):
            return Response(None, 304, headers)
        with _turns:
            parts = [bundles.bytes_of(session, each) for each in (row.digest, row.config, row.content)]
            pack = Pack.read(*parts, digest=digest)
            signed = tuple(bundles.bytes_of(session, each.digest) for each in listed)
            data = tar_bytes([Packed(pack, signed)])
    return Response(data, 200, headers, "application/x-tar")


def _check_member(here: Parts, row: VersionRow, raw: str | None) -> None:
    """Refuse all but the namespace's members and administrators, who look at what was quarantined."""
    quarantined = Problem(403, "quarantined", f"{row.name}@{row.version} is quarantined; its attestations say why")
    if raw is None:
        raise quarantined
    principal = principal_of(here, raw)
    if principal.namespace != row.name.split("/")[1] or not principal.scopes:
        raise quarantined
