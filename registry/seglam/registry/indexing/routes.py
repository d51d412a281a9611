"""`/tuf/ORIGIN/`: the index as any TUF client reads it, at its origin and at mirrors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Protocol
from urllib.parse import unquote

from fastapi import APIRouter, Request, Response
from sqlmodel import Session, select

from seglam.packs.names import NameInvalid, PackName
from seglam.registry.database import Database
from seglam.registry.indexing.storage import SessionStorage
from seglam.registry.tables import BlobRow, PackBlobRow
from seglam.web import Problem

VERSIONED = re.compile(r"([1-9][0-9]{0,9})\.(.{1,200})\.json")
_HASHED = re.compile(r"(?:packs/([a-z0-9-]+)/([a-z0-9-]+)/)?([0-9a-f]{64})\.([^/]{1,100})")
FOREVER = "public, max-age=31536000, immutable"


class Files(Protocol):
    """The files of one origin's index."""

    def metadata(self, name: str) -> bytes | None:
        """`timestamp.json`, `VERSION.ROLE.json`."""
        ...

    def target(self, path: str) -> bytes | None:
        """`SHA256.NAME`, or `packs/NAMESPACE/PACK/SHA256.VERSION`: the pack's manifest."""
        ...


class DatabaseFiles:
    """The files as the database has them."""

    def __init__(self, database: Database, origin: str) -> None:
        self._database = database
        self._origin = origin

    def metadata(self, name: str) -> bytes | None:
        with self._database.read() as session:
            storage = SessionStorage(session, self._origin)
            if name == "timestamp.json":
                return storage.latest("timestamp")
            found = VERSIONED.fullmatch(name)
            return storage.read(unquote(found[2]), int(found[1])) if found else None

    def target(self, path: str) -> bytes | None:
        found = _HASHED.fullmatch(path)
        if found is None:
            return None
        namespace, pack, digest, name = found.groups()
        with self._database.read() as session:
            if namespace is None:
                return SessionStorage(session, self._origin).file(unquote(name), digest)
            return _manifest(session, self._origin, namespace, pack, f"sha256:{digest}")


def _manifest(session: Session, origin: str, namespace: str, pack: str, digest: str) -> bytes | None:
    try:
        name = PackName(origin, namespace, pack)
    except NameInvalid:
        return None
    asked = (
        select(BlobRow.content)
        .join(PackBlobRow, PackBlobRow.digest == BlobRow.digest)  # type: ignore[arg-type]
        .where(PackBlobRow.name == str(name), PackBlobRow.digest == digest)
    )
    return session.exec(asked).first()


def router(sources: Mapping[str, Files]) -> APIRouter:
    """The routes of the indexes of some origins."""
    routes = APIRouter(prefix="/tuf", tags=["index"])

    @routes.get(
        "/{origin}/targets/{path:path}",
        summary="A file that the index names",
        responses={404: {"description": "No such origin or file"}},
        response_class=Response,
    )
    def target(origin: str, path: str) -> Response:
        body = _source(sources, origin).target(path)
        if body is None:
            raise Problem(404, "index-file-unknown", f"the index of {origin} has no file targets/{path[:200]}")
        return Response(body, media_type="application/octet-stream", headers={"Cache-Control": FOREVER})

    @routes.get(
        "/{origin}/{name}",
        summary="Metadata of the index (TUF 1.0)",
        responses={
            200: {"content": {"application/json": {"schema": {"type": "object"}}}},
            304: {"description": "The newest timestamp is the one that the caller has"},
            404: {"description": "No such origin or file; a root that is not there is the end of the roots"},
        },
        response_class=Response,
    )
    def metadata(origin: str, name: str, request: Request) -> Response:
        body = _source(sources, origin).metadata(name)
        if body is None:
            raise Problem(404, "index-file-unknown", f"the index of {origin} has no {name[:200]}")
        if name != "timestamp.json":
            return Response(body, media_type="application/json", headers={"Cache-Control": FOREVER})
        headers = {"Cache-Control": "no-cache", "ETag": f'"{sha256(body).hexdigest()}"'}
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        return Response(body, media_type="application/json", headers=headers)

    return routes


def _source(sources: Mapping[str, Files], origin: str) -> Files:
    source = sources.get(origin)
    if source is None:
        raise Problem(
            404,
            "index-origin-unknown",
            f"there is no index of {origin[:200]} here; this registry has: {', '.join(sorted(sources))}",
        )
    return source
