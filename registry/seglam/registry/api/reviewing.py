"""Reviews of published versions: a reviewer's own signed statement, kept as one more referrer of the pack."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime

from fastapi import APIRouter
from fastapi.responses import Response
from sqlmodel import Session, col, select

from seglam.packs.oci import digest_of
from seglam.packs.trust.bundles import opened
from seglam.packs.trust.decision import PackFacts, ProcedureFacts, Verified
from seglam.packs.trust.gate import examine
from seglam.packs.trust.predicates import Provenance, Review
from seglam.packs.trust.roots import PublicKey, TrustRoot, TrustRootSpec
from seglam.packs.trust.statements import Statement
from seglam.registry import bundles
from seglam.registry.access import Principal, Scope, members
from seglam.registry.api import documents
from seglam.registry.api.answers import answer
from seglam.registry.api.credentials import Caller, allowed
from seglam.registry.api.decisions import Target, locked, record
from seglam.registry.api.errors import problems
from seglam.registry.api.idempotency import IdempotentRoute
from seglam.registry.api.packs import review_document, version_row
from seglam.registry.api.parts import Here, Parts
from seglam.registry.tables import NamespaceKeyRow, ReviewRow, VersionRow, stamp
from seglam.web import Problem

router = APIRouter(prefix="/packs", tags=["decisions"], route_class=IdempotentRoute)

MAX_REVIEWS = 100


@router.post(
    "/{namespace}/{pack}/versions/{version}/reviews",
    status_code=201,
    response_model=documents.ReviewSaid,
    summary="Add a review",
    responses=problems(401, 403, 404, 409, 410, 413),
)
def reviewed(here: Here, target: Target, principal: Caller, given: documents.BundleGiven) -> Response:
    """The statement must be signed by the caller, who is neither an author nor the publisher, and decides once."""
    allowed(principal, target.name.namespace, Scope.REVIEW)
    raw = given.bundle.encode("utf-8", "surrogatepass")
    with here.database.read() as session:
        row = version_row(session, target.name, str(target.version))
        keys = _keys(session, principal)
        verified = _examined(here, row, raw, keys)
        review = _decision(verified)
        _check_reviewer(session, row, review, principal, verified)

    def kept(session: Session) -> documents.ReviewSaid:
        locked(session, target.name, row.version)
        _check_distinct(session, row, review, principal, {key.key_id for key in keys})
        added = bundles.add(session, row, raw, verified.signature)
        said = ReviewRow(
            name=row.name,
            version=row.version,
            decision=review.decision,
            reviewer_issuer=principal.issuer,
            reviewer_subject=principal.subject,
            reason=review.reason or "",
            expires=review.expires,
            bundle=added.digest,
            at=stamp(),
        )
        session.add(said)
        session.flush()
        record(session, principal, "reviewed", row, {"decision": review.decision, "bundle": digest_of(raw)})
        return review_document(said)

    document = here.database.transact(kept)
    return answer(document, 201)


def _keys(session: Session, principal: Principal) -> list[NamespaceKeyRow]:
    """The caller's keys that count now."""
    now = stamp()
    return [
        key
        for key in members.keys_of(session, principal.origin, principal.namespace)
        if (key.issuer, key.subject) == (principal.issuer, principal.subject) and members.active(key, now)
    ]


def _examined(here: Parts, row: VersionRow, raw: bytes, keys: Iterable[NamespaceKeyRow]) -> Verified:
    """The review statement in a bundle, if it is authentic and about this version."""
    roots = []
    if here.signing.keyless is not None:
        roots.append(TrustRoot("registry", TrustRootSpec(keyless=here.signing.keyless)))
    if known := [PublicKey(id=key.key_id, pem=key.pem) for key in keys]:
        roots.append(TrustRoot("caller", TrustRootSpec(keys=known)))
    procedures = tuple(ProcedureFacts(each["name"], each["digest"]) for each in json.loads(row.procedures))
    found = examine(raw, roots, PackFacts(row.name, row.version, row.digest, procedures))
    if found.verified is None:
        raise Problem(422, f"bundle-{found.code}", found.words)
    return found.verified


def _decision(verified: Verified) -> Review:
    predicate = verified.statement.predicate
    if not isinstance(predicate, Review):
        raise Problem(422, "bundle-predicate-type", f"it is a {verified.kind} statement, not a review")
    if predicate.expires is not None and datetime.fromisoformat(predicate.expires) <= datetime.now(UTC):
        raise Problem(422, "review-expired", f"the review expired at {predicate.expires}")
    return predicate


def _check_reviewer(
    session: Session, row: VersionRow, review: Review, principal: Principal, verified: Verified
) -> None:
    """Who signed must be the caller, and must have had no hand in what is reviewed."""
    signature = verified.signature
    if signature.mode == "Keyless" and (signature.issuer, signature.subject) != (principal.issuer, principal.subject):
        raise Problem(403, "reviewer", f"the review is signed by {signature.words}, the caller is {principal.identity}")
    if review.reviewer != principal.subject:
        raise Problem(422, "reviewer", f"the review names {review.reviewer!r}, the caller is {principal.identity}")
    listed = {(each["name"], each["digest"]) for each in json.loads(row.procedures)}
    if strange := sorted({(each.name, each.digest) for each in review.procedures} - listed):
        raise Problem(422, "procedures", f"the version holds no procedure {strange[0][0]!r} with the digest reviewed")
    published = (row.publisher_issuer, row.publisher_subject) == (principal.issuer, principal.subject)
    if published or principal.subject in {*review.authors, *_authors(session, row)}:
        raise Problem(403, "self-review", "the publisher and the authors do not review their own work")


def _authors(session: Session, row: VersionRow) -> set[str]:
    """Who wrote what is in a version, as its provenance says."""
    found: set[str] = set()
    for each in bundles.of_version(session, row.name, row.version):
        if each.predicate_type != Provenance.uri:
            continue
        # It was read when it was published. If it cannot be read now, nobody may review: authors would be overlooked.
        predicate = Statement.read(opened(bundles.bytes_of(session, each.digest)).payload).predicate
        if isinstance(predicate, Provenance):
            found |= {author for procedure in predicate.procedures for author in procedure.authors}
    return found


def _check_distinct(session: Session, row: VersionRow, review: Review, principal: Principal, keys: set[str]) -> None:
    """One reviewer counts once: by identity, and by key where the publication brought the review along."""
    asked = select(ReviewRow).where(ReviewRow.name == row.name, ReviewRow.version == row.version)
    present = session.exec(asked.order_by(col(ReviewRow.serial))).all()
    if len(present) >= MAX_REVIEWS:
        raise Problem(409, "too-many-reviews", f"a version has at most {MAX_REVIEWS} reviews")
    own = [
        each
        for each in present
        if (each.reviewer_issuer, each.reviewer_subject) == (principal.issuer, principal.subject)
        or (each.reviewer_issuer == "" and each.reviewer_subject in keys)
    ]
    if own and own[-1].decision == review.decision:
        raise Problem(409, "review-exists", f"{principal.identity} has decided {review.decision!r} already")
