"""Packs and their versions: search, pages, lists. All of it is public but the content of what is quarantined."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from sqlmodel import Session, col, select

from seglam.packs.names import NameInvalid, PackName
from seglam.packs.versions import Version as PackVersion
from seglam.packs.versions import VersionInvalid
from seglam.registry import bundles, search
from seglam.registry.api import conditions, documents
from seglam.registry.api.answers import answer, conditional, page
from seglam.registry.api.errors import problems
from seglam.registry.api.namespaces import Cursor, Limit
from seglam.registry.api.parts import Here, Parts
from seglam.registry.tables import PackRow, ReviewRow, StatusRow, VersionRow, VersionState
from seglam.web import Problem

router = APIRouter(prefix="/packs", tags=["packs"])

Namespace = Annotated[str, Path(pattern="^[a-z0-9]+(-[a-z0-9]+)*$", min_length=2, max_length=40)]
Pack = Annotated[str, Path(pattern="^[a-z0-9]+(-[a-z0-9]+)*$", min_length=2, max_length=40)]
Version = Annotated[str, Path(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$", max_length=64)]
Origin = Annotated[str | None, Query(max_length=200, description="Of a mirrored pack; this registry's by default.")]
Facet = Annotated[list[Annotated[str, Query(max_length=200)]] | None, Query(max_length=20)]


@router.get("", response_model=documents.PackList, summary="Search packs", responses=problems())
def found(
    here: Here,
    http: Request,
    q: Annotated[
        str, Query(max_length=search.MAX_QUERY, description="Words that a pack must have; each may be the beginning.")
    ] = "",
    origin: Facet = None,
    namespace: Facet = None,
    licence: Facet = None,
    language: Facet = None,
    value_type: Annotated[list[str] | None, Query(alias="valueType", max_length=20)] = None,
    engine: Facet = None,
    facets: Annotated[bool, Query(description="Also count the values of all that match.")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """The best first, then by name. Several values of one facet mean any of them."""
    given = {
        "origin": origin,
        "namespace": namespace,
        "licence": licence,
        "language": language,
        "valueType": value_type,
        "engine": engine,
    }
    chosen = {facet: _texts(values) for facet, values in given.items() if values}
    query = search.Query(_texts([q])[0], chosen)
    after = conditions.position(cursor, int, str)
    with here.database.read() as session:
        hits = search.find(session, query, (int(after[0]), str(after[1])) if after else None, limit + 1)
        counted = search.count(session, query) if facets else None
    more = conditions.cursor(hits[limit - 1].score, hits[limit - 1].row.name) if len(hits) > limit else None
    items = [_found(hit.row) for hit in hits[:limit]]
    return page(http, documents.PackList(items=items, facets=counted, next=more), more)


@router.get("/{namespace}/{pack}", response_model=documents.PackFound, summary="A pack", responses=problems(304, 404))
def shown(here: Here, http: Request, namespace: Namespace, pack: Pack, origin: Origin = None) -> Response:
    """Its newest version's words."""
    name = named(here, origin, namespace, pack, None)
    with here.database.read() as session:
        row = _pack(session, name)
    return conditional(http, _found(row), conditions.etag(f"{row.name}-{row.revision}"))


@router.get(
    "/{namespace}/{pack}/versions", response_model=documents.VersionList, summary="Versions", responses=problems(404)
)
def versions(
    here: Here,
    http: Request,
    namespace: Namespace,
    pack: Pack,
    origin: Origin = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Response:
    """The highest first, all of them, whatever became of them."""
    name = named(here, origin, namespace, pack, None)
    after = conditions.position(cursor, str)
    asked = select(VersionRow).where(VersionRow.name == str(name))
    if after is not None:
        asked = asked.where(VersionRow.position < str(after[0]))
    with here.database.read() as session:
        _pack(session, name)
        rows = session.exec(asked.order_by(col(VersionRow.position).desc()).limit(limit + 1)).all()
    more = conditions.cursor(rows[limit - 1].position) if len(rows) > limit else None
    items = [
        documents.VersionShort(version=row.version, digest=row.digest, state=row.state, published=row.published)
        for row in rows[:limit]
    ]
    return page(http, documents.VersionList(items=items, next=more), more)


@router.get(
    "/{namespace}/{pack}/versions/{version}",
    response_model=documents.Version,
    summary="A version",
    responses=problems(304, 404, 410),
)
def version_shown(
    here: Here, http: Request, namespace: Namespace, pack: Pack, version: Version, origin: Origin = None
) -> Response:
    """What it is never changes; its entity tag changes with its state."""
    name = named(here, origin, namespace, pack, version)
    with here.database.read() as session:
        row = version_row(session, name, version)
        document = version_document(session, row)
    return conditional(http, document, version_tag(row))


@router.get(
    "/{namespace}/{pack}/versions/{version}/attestations",
    response_model=documents.AttestationList,
    summary="What was signed of a version",
    responses=problems(304, 404, 410),
)
def attestations(
    here: Here,
    http: Request,
    namespace: Namespace,
    pack: Pack,
    version: Version,
    origin: Origin = None,
    predicate_type: Annotated[str | None, Query(alias="predicateType", max_length=512)] = None,
    content: Annotated[bool, Query(description="Also send the bundles.")] = False,
) -> Response:
    """Who signed what; also of what was yanked or quarantined, since the reason is among them."""
    name = named(here, origin, namespace, pack, version)
    with here.database.read() as session:
        version_row(session, name, version)
        rows = bundles.of_version(session, str(name), version)
        chosen = [row for row in rows if predicate_type in (None, row.predicate_type)]
        items = [
            documents.Attestation(
                digest=row.digest,
                referrer=row.referrer,
                predicate_type=row.predicate_type,
                mode=row.mode,
                issuer=row.issuer,
                identity=row.identity,
                key_id=row.key_id,
                log_index=row.log_index,
                size=row.size,
                at=row.at,
                bundle=json.loads(bundles.bytes_of(session, row.digest)) if content else None,
            )
            for row in chosen
        ]
    tag = conditions.etag(f"{len(rows)}-{rows[-1].digest.partition(':')[2] if rows else ''}-{content:d}")
    return conditional(http, documents.AttestationList(items=items), tag)


@router.get(
    "/{namespace}/{pack}/versions/{version}/reviews",
    response_model=documents.ReviewList,
    summary="Reviews of a version",
    responses=problems(404, 410),
)
def reviews(here: Here, namespace: Namespace, pack: Pack, version: Version, origin: Origin = None) -> Response:
    """Each is a signed statement, which the attestations hold."""
    name = named(here, origin, namespace, pack, version)
    with here.database.read() as session:
        version_row(session, name, version)
        asked = select(ReviewRow).where(ReviewRow.name == str(name), ReviewRow.version == version)
        rows = session.exec(asked.order_by(col(ReviewRow.serial))).all()
    return answer(documents.ReviewList(items=[review_document(row) for row in rows]))


def named(here: Parts, origin: str | None, namespace: str, pack: str, version: str | None) -> PackName:
    """The pack that a path names; brought here if it is one that is mirrored."""
    try:
        name = PackName(origin or here.origin, namespace, pack)
        if version is not None:
            PackVersion.parse(version)
    except NameInvalid as error:
        raise Problem(404, "unknown-pack", str(error)) from None
    except VersionInvalid as error:
        raise Problem(404, "unknown-version", str(error)) from None
    here.fetch(name, version)
    return name


def version_row(session: Session, name: PackName, version: str) -> VersionRow:
    """A version; `Problem` 404 if there is none, 410 if it was deleted."""
    row = session.get(VersionRow, (str(name), version))
    if row is None:
        _pack(session, name)
        raise Problem(404, "unknown-version", f"{name} has no version {version}")
    if row.state == VersionState.DELETED:
        raise Problem(410, "deleted", f"{name}@{version} was deleted; its version is not given again")
    return row


def version_tag(row: VersionRow) -> str:
    """The entity tag of a version: its digest, and how often its state has changed."""
    return conditions.etag(f"{row.digest}-{row.revision}")


def version_document(session: Session, row: VersionRow) -> documents.Version:
    """A version as it is shown."""
    asked = select(StatusRow).where(StatusRow.name == row.name, StatusRow.version == row.version)
    statuses = [
        documents.StatusSaid.model_validate(
            {
                "status": each.status,
                "reason": each.reason,
                "actor": {"issuer": each.actor_issuer, "subject": each.actor_subject},
                "at": each.at,
                "bundle": each.bundle,
            }
        )
        for each in session.exec(asked.order_by(col(StatusRow.serial))).all()
    ]
    return documents.Version.model_validate(
        {
            "name": row.name,
            "version": row.version,
            "digest": row.digest,
            "state": row.state,
            "size": row.size,
            "description": row.description,
            "licence": row.licence,
            "procedures": json.loads(row.procedures),
            "requires": json.loads(row.requires),
            "engines": json.loads(row.engines),
            "publisher": {"issuer": row.publisher_issuer, "subject": row.publisher_subject},
            "published": row.published,
            "changed": row.changed,
            "statuses": statuses,
        }
    )


def review_document(row: ReviewRow) -> documents.ReviewSaid:
    """A review as it is shown."""
    return documents.ReviewSaid.model_validate(
        {
            "decision": row.decision,
            "reviewer": {"issuer": row.reviewer_issuer, "subject": row.reviewer_subject},
            "reason": row.reason,
            "expires": row.expires,
            "bundle": row.bundle,
            "at": row.at,
        }
    )


def _pack(session: Session, name: PackName) -> PackRow:
    row = session.get(PackRow, str(name))
    if row is None:
        raise Problem(404, "unknown-pack", f"there is no pack {name}")
    return row


def _found(row: PackRow) -> documents.PackFound:
    return documents.PackFound(
        name=row.name,
        description=row.description,
        licence=row.licence,
        newest=row.newest,
        versions=row.versions,
        created=row.created,
        changed=row.changed,
    )


def _texts(values: list[str]) -> list[str]:
    """Values that a database can be asked for."""
    for value in values:
        if len(value) > search.MAX_QUERY or "\x00" in value:
            raise Problem(422, "invalid", f"a value has at most {search.MAX_QUERY} characters, none of them U+0000")
    return values
