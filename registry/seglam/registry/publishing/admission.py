"""Whether a pack may be published at all: its name, its version, who publishes it, and what they signed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlmodel import Session, col, select

from seglam.packs.trust import gate
from seglam.packs.trust.bundles import opened
from seglam.packs.trust.decision import Asked, Decision, Refused, Verified
from seglam.packs.trust.predicates import PREDICATES, Review
from seglam.packs.trust.statements import claimed_type
from seglam.registry import names
from seglam.registry.access import members
from seglam.registry.leases import clock
from seglam.registry.publishing.policy import ROOT, policy_of, root_of, signers
from seglam.registry.publishing.publication import Publication, PublishProblem
from seglam.registry.publishing.reading import Received
from seglam.registry.tables import NamespaceRow, ReservationRow, VersionRow, VersionState, stamp
from seglam.web import Problem

TAKEN = ("provenance", "review")
"""Kinds of statements that a publisher may send. What the registry, importers or others say comes from them."""


def reserve(session: Session, publication: Publication, received: Received, origin: str) -> None:
    """Take the name and version for this publication, in the session's transaction.

    The namespace's row is locked, so that of two publications that want one version, or names that look alike, the
    second is refused before anything is signed.

    Raises:
        PublishProblem: `wrong-origin`, `namespace-foreign`, `unknown-namespace`, `namespace-frozen`, `role`,
            `name-look-alike`, `version-exists`, `version-busy`.
    """
    release = received.pack.release
    name = release.name
    if name.origin != origin:
        raise PublishProblem(
            "wrong-origin", f"{name} names the origin {name.origin}; this registry publishes for {origin} only"
        )
    asked = select(NamespaceRow).where(NamespaceRow.origin == origin, NamespaceRow.name == name.namespace)
    session.exec(asked.with_for_update()).first()
    try:
        members.require_publishable(session, publication, name, clock(session))
        names.check(session, name)
    except Problem as error:
        raise PublishProblem(error.code, error.detail, status=error.status) from error
    except names.LookAlike as error:
        raise PublishProblem(error.code, error.words, status=error.status) from error
    _check_unused(session, publication, received)
    session.merge(
        ReservationRow(
            name=str(name), version=str(release.version), publication=publication.id, at=stamp(clock(session))
        )
    )


def decide(session: Session, publication: Publication, received: Received, keyless: str | None) -> Decision:
    """What the gate says of the publisher's bundles under the namespace's policy.

    Raises:
        PublishProblem: the gate's code, with its steps as evidence; `bundle-unwanted`, `bundle-refused`.
    """
    facts = received.facts
    name = received.pack.release.name
    now = clock(session)
    who = signers(session, name.origin, name.namespace, publication.issuer, publication.subject, stamp(now))
    root = root_of(who, keyless)
    reviewed = "review" in [_kind(bundle) for bundle in received.bundles]
    policy = policy_of(who, name.origin, name.namespace, reviewed=reviewed)
    decision = gate.decide(
        facts,
        received.bundles,
        [policy],
        {ROOT: root},
        namespace="registry",
        asked=Asked(facts.name, facts.version, facts.digest),
        index=None,
        now=now,
    )
    if not decision.allowed:
        raise _denied(decision.code, decision.words, decision)
    if len(decision.verified) != len(received.bundles):
        counted = {each.digest for each in decision.verified}
        failed = next((step for step in decision.steps if not step.passed and not step.decides), None)
        words = failed.words if failed else "it is neither a provenance nor a review by somebody of the namespace"
        left = len(received.bundles) - len(counted)
        words = f"{left} of the bundles did not count, and nothing is kept unchecked: {words}"
        raise _denied("bundle-refused", words, decision)
    return decision


def bundle_facts(verified: Sequence[Verified]) -> bytes:
    """What is in bundles that counted, for their rows; JSON by the bundle's digest."""
    found: dict[str, Any] = {}
    for each in verified:
        signature, predicate = each.signature, each.statement.predicate
        found[each.digest] = {
            "mode": signature.mode,
            "issuer": signature.issuer,
            "subject": signature.subject,
            "log_index": signature.log_index,
            "review": predicate.document() if isinstance(predicate, Review) else None,
        }
    return json.dumps(found).encode()


def _denied(code: str, words: str, decision: Decision) -> PublishProblem:
    return PublishProblem(code, words, status=403, detail={"decision": decision.document()})


def _kind(bundle: bytes) -> str:
    """The kind of statement that a bundle claims to hold.

    Raises:
        PublishProblem: `bundle-unwanted`: it is none that a publisher may send; or why it cannot be read.
    """
    try:
        claimed = claimed_type(opened(bundle).payload)
    except Refused as error:
        raise PublishProblem(error.code, error.words) from error
    model = PREDICATES.get(claimed or "")
    if model is None or model.kind not in TAKEN:
        raise PublishProblem(
            "bundle-unwanted",
            f"a bundle of type {(claimed or 'unknown')[:200]!r} is none that a publisher sends; send provenance and "
            "reviews",
        )
    return model.kind


def _check_unused(session: Session, publication: Publication, received: Received) -> None:
    release = received.pack.release
    name, version = str(release.name), str(release.version)
    if (there := session.get(VersionRow, (name, version))) is not None:
        gone = " and was deleted; a version is never given twice" if there.state == VersionState.DELETED else ""
        raise PublishProblem("version-exists", f"{release} is published{gone}; take another version", status=409)
    prefix = f"{release.name.origin}/{release.name.namespace}/"
    others = session.exec(
        select(ReservationRow).where(col(ReservationRow.name).startswith(prefix, autoescape=True))
    ).all()
    for other in others:
        if other.publication == publication.id:
            continue
        if (other.name, other.version) == (name, version):
            raise PublishProblem(
                "version-busy", f"{release} is being published by publication {other.publication}", status=409
            )
        pack = other.name.removeprefix(prefix)
        if pack != release.name.pack and names.skeleton(pack) == names.skeleton(release.name.pack):
            raise PublishProblem(
                "name-look-alike", f"{release.name.pack!r} looks like {pack!r}, which is being published", status=409
            )
