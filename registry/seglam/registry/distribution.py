"""The pull side of the OCI distribution API 1.1 with referrers, under `/v2/`.

A pack's whole name is its repository: `/v2/ORIGIN/NAMESPACE/PACK/...`; its tags are its versions. The referrers of a
manifest are also found under the tag `sha256-HEX`, by which tools that do not ask for referrers copy them.
"""

from __future__ import annotations

import logging
import re
from typing import Annotated, Any, NoReturn

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from sqlmodel import Session, col, or_, select

from seglam.packs import oci
from seglam.packs.names import NameInvalid, PackName, is_digest
from seglam.registry import bundles
from seglam.registry.api.conditions import etag, next_link, unchanged
from seglam.registry.api.errors import DISTRIBUTION
from seglam.registry.api.parts import Here, Parts
from seglam.registry.tables import BlobRow, PackBlobRow, PackRow, VersionRow, VersionState
from seglam.web import Problem

IMMUTABLE = "public, max-age=31536000, immutable"
MAX_TAGS = 1000

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_REFERRERS_TAG = re.compile(r"sha256-([0-9a-f]{64})")

_log = logging.getLogger("seglam.registry.distribution")

Origin = Annotated[str, Path(max_length=200)]
Part = Annotated[str, Path(max_length=40)]
Named = Annotated[str, Path(max_length=128)]
SERVED = (VersionState.AVAILABLE.value, VersionState.YANKED.value)

_ERROR = {
    "description": "An error as the distribution specification writes it",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["errors"],
                "properties": {
                    "errors": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["code", "message"],
                            "properties": {
                                "code": {"type": "string"},
                                "message": {"type": "string"},
                                "detail": {},
                            },
                        },
                    }
                },
            }
        }
    },
}
_ERRORS: dict[int | str, dict[str, Any]] = dict.fromkeys((400, 403, 404, 422, 429, 503), _ERROR)
_MANIFEST: dict[int | str, dict[str, Any]] = {
    200: {"description": "The manifest", "content": {oci.MANIFEST: {}, oci.INDEX: {}}},
    304: {"description": "As the caller has it"},
    **_ERRORS,
}
_BLOB: dict[int | str, dict[str, Any]] = {
    200: {"description": "The blob", "content": {"application/octet-stream": {}}},
    206: {"description": "A part of it", "content": {"application/octet-stream": {}}},
    304: {"description": "As the caller has it"},
    416: _ERROR,
    **_ERRORS,
}
_INDEX: dict[int | str, dict[str, Any]] = {
    200: {"description": "An image index of what refers to the manifest", "content": {oci.INDEX: {}}},
    **_ERRORS,
}

router = APIRouter(prefix="/v2", tags=["OCI distribution"])


@router.get("/", summary="Whether this is a registry of OCI artifacts", responses={429: _ERROR})
def base() -> dict[str, str]:
    """Nobody needs to prove who they are to pull."""
    return {}


@router.head("/{origin}/{namespace}/{pack}/manifests/{reference}", include_in_schema=False)
@router.get(
    "/{origin}/{namespace}/{pack}/manifests/{reference}",
    summary="A manifest by tag or digest",
    response_class=Response,
    responses=_MANIFEST,
)
def manifest(here: Here, http: Request, origin: Origin, namespace: Part, pack: Part, reference: Named) -> Response:
    """A pack's manifest by version or digest, a referrer's by digest, and the index of referrers by `sha256-HEX`."""
    name = _name(here, origin, namespace, pack, reference)
    with here.database.read() as session:
        if is_digest(reference):
            media_type, data = _manifest_of(session, name, reference)
            caching = IMMUTABLE
        elif found := _REFERRERS_TAG.fullmatch(reference):
            media_type, data, caching = oci.INDEX, _referrers_tag(session, name, f"sha256:{found[1]}"), "no-cache"
        else:
            media_type, data = _manifest_of(session, name, _digest_of(session, name, reference))
            caching = "no-cache"
    digest = oci.digest_of(data)
    headers = {"Docker-Content-Digest": digest, "ETag": etag(digest), "Cache-Control": caching, **DISTRIBUTION}
    if unchanged(http, etag(digest)):
        return Response(None, 304, headers)
    return Response(data, 200, headers, media_type)


@router.head("/{origin}/{namespace}/{pack}/blobs/{digest}", include_in_schema=False)
@router.get(
    "/{origin}/{namespace}/{pack}/blobs/{digest}",
    summary="A blob, or a part of it",
    response_class=Response,
    responses=_BLOB,
)
def blob(here: Here, http: Request, origin: Origin, namespace: Part, pack: Part, digest: Named) -> Response:
    """Config, content or bundle by digest. One range of bytes may be asked for."""
    if not is_digest(digest):
        _refuse(400, "DIGEST_INVALID", f"{digest[:80]!r} is no digest")
    name = _name(here, origin, namespace, pack, digest)
    headers = {
        "Docker-Content-Digest": digest,
        "ETag": etag(digest),
        "Cache-Control": IMMUTABLE,
        "Accept-Ranges": "bytes",
        **DISTRIBUTION,
    }
    with here.database.read() as session:
        size = _blob_size(session, name, digest)
        if unchanged(http, etag(digest)):
            return Response(None, 304, headers)
        if http.method == "HEAD":
            headers["Content-Length"] = str(size)
            return Response(None, 200, headers, "application/octet-stream")
        data = _bytes(session, digest)
    chosen = _range(http, size, etag(digest))
    if chosen is None:
        return Response(data, 200, headers, "application/octet-stream")
    first, last = chosen
    headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    return Response(data[first : last + 1], 206, headers, "application/octet-stream")


@router.get("/{origin}/{namespace}/{pack}/tags/list", summary="The versions as tags", responses=_ERRORS)
def tags(
    here: Here,
    http: Request,
    origin: Origin,
    namespace: Part,
    pack: Part,
    n: Annotated[int | None, Query(ge=0, le=2**31)] = None,
    last: Annotated[str | None, Query(max_length=128)] = None,
) -> Response:
    """In the order of their bytes, after `last`, at most `n`."""
    name = _name(here, origin, namespace, pack, None)
    limit = min(MAX_TAGS if n is None else n, MAX_TAGS)
    asked = select(VersionRow.version).where(VersionRow.name == str(name), col(VersionRow.state).in_(SERVED))
    if last is not None:
        asked = asked.where(VersionRow.version > last.replace("\x00", ""))
    with here.database.read() as session:
        _repository(session, name)
        found = list(session.exec(asked.order_by(col(VersionRow.version)).limit(limit + 1)).all())
    more = next_link(http, {"n": str(limit), "last": found[limit - 1]}) if limit and len(found) > limit else {}
    return JSONResponse({"name": str(name), "tags": found[:limit]}, headers={**DISTRIBUTION, **more})


@router.get(
    "/{origin}/{namespace}/{pack}/referrers/{digest}",
    summary="What refers to a manifest",
    response_class=Response,
    responses=_INDEX,
)
def referrers(
    here: Here,
    origin: Origin,
    namespace: Part,
    pack: Part,
    digest: Named,
    artifact_type: Annotated[str | None, Query(alias="artifactType", max_length=256)] = None,
) -> Response:
    """The bundles of a pack; an empty index for what nothing refers to."""
    if not is_digest(digest):
        _refuse(400, "DIGEST_INVALID", f"{digest[:80]!r} is no digest")
    name = _name(here, origin, namespace, pack, digest)
    with here.database.read() as session:
        _repository(session, name)
        found = bundles.descriptors(session, str(name), digest)
    headers = {"Cache-Control": "no-cache", **DISTRIBUTION}
    if artifact_type is not None:
        found = [each for each in found if each.artifact_type == artifact_type]
        headers["OCI-Filters-Applied"] = "artifactType"
    return Response(oci.index_manifest(found), 200, headers, oci.INDEX)


def _name(here: Parts, origin: str, namespace: str, pack: str, reference: str | None) -> PackName:
    try:
        name = PackName(origin, namespace, pack)
    except NameInvalid as invalid:
        _refuse(404, "NAME_UNKNOWN", str(invalid))
    here.fetch(name, reference)
    return name


def _repository(session: Session, name: PackName) -> None:
    if session.get(PackRow, str(name)) is None:
        _refuse(404, "NAME_UNKNOWN", f"there is no pack {name}")


def _digest_of(session: Session, name: PackName, tag: str) -> str:
    """The digest of a version. A tag that is none is one that is not there."""
    row = session.get(VersionRow, (str(name), tag)) if oci.is_tag(tag) else None
    if row is None or row.state == VersionState.DELETED:
        _repository(session, name)
        _refuse(404, "MANIFEST_UNKNOWN", f"{name} has no version {tag!r}")
    return row.digest


def _referrers_tag(session: Session, name: PackName, digest: str) -> bytes:
    found = bundles.descriptors(session, str(name), digest)
    if not found:
        _repository(session, name)
        _refuse(404, "MANIFEST_UNKNOWN", f"nothing in {name} refers to {digest}")
    return oci.index_manifest(found)


def _manifest_of(session: Session, name: PackName, digest: str) -> tuple[str, bytes]:
    known = session.get(PackBlobRow, (str(name), digest))
    media_type = session.exec(select(BlobRow.media_type).where(BlobRow.digest == digest)).first() if known else None
    if media_type not in (oci.MANIFEST, oci.INDEX):
        _repository(session, name)
        _refuse(404, "MANIFEST_UNKNOWN", f"{name} has no manifest {digest}")
    _check_served(session, name, digest)
    return media_type, _bytes(session, digest)


def _blob_size(session: Session, name: PackName, digest: str) -> int:
    size = None
    if session.get(PackBlobRow, (str(name), digest)) is not None:
        size = session.exec(select(BlobRow.size).where(BlobRow.digest == digest)).first()
    if size is None:
        _repository(session, name)
        _refuse(404, "BLOB_UNKNOWN", f"{name} has no blob {digest}")
    _check_served(session, name, digest)
    return size


def _check_served(session: Session, name: PackName, digest: str) -> None:
    """Refuse what is a part of quarantined versions only."""
    asked = select(VersionRow.state).where(
        VersionRow.name == str(name),
        or_(col(VersionRow.digest) == digest, col(VersionRow.content) == digest, col(VersionRow.config) == digest),
    )
    states = set(session.exec(asked).all())
    if states and not states & set(SERVED):
        _refuse(403, "DENIED", "the version is quarantined or deleted; its attestations say why")


def _bytes(session: Session, digest: str) -> bytes:
    """The bytes of a blob, hashed once more: what a disk made of them is served to nobody."""
    data = bundles.bytes_of(session, digest)
    if oci.digest_of(data) != digest:
        _log.error("the blob %s in the database has other bytes", digest)
        raise Problem(500, "blob-damaged", "the blob is damaged here; ask a mirror, and tell who runs this registry")
    return data


def _range(http: Request, size: int, tag: str) -> tuple[int, int] | None:
    """First and last byte that are asked for; None for all of them. Several ranges are answered with all."""
    found = _RANGE.fullmatch(http.headers.get("range", "").strip())
    stated = http.headers.get("if-range")
    if found is None or (found[1], found[2]) == ("", "") or (stated is not None and stated.strip() != tag):
        return None
    if found[1]:
        first, last = int(found[1]), min(int(found[2]) if found[2] else size - 1, size - 1)
        if found[2] and int(found[2]) < first:
            return None
    else:
        first, last = max(0, size - int(found[2])), size - 1
    if first > last:
        raise Problem(416, "BLOB_RANGE", "the blob ends before the range", headers={"Content-Range": f"bytes */{size}"})
    return first, last


def _refuse(status: int, code: str, words: str) -> NoReturn:
    raise Problem(status, code, words)
