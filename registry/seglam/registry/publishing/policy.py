"""What a namespace's publisher must have signed, as a trust policy for the gate.

Who may have signed comes from who was authenticated and from the namespace's members, never from a bundle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from seglam.packs.trust.policy import Identity, Requirement, TrustPolicy, TrustPolicySpec
from seglam.packs.trust.roots import PublicKey, TrustRoot, TrustRootSpec
from seglam.registry.publishing.publication import PublishProblem
from seglam.registry.tables import MemberRow, NamespaceKeyRow, NamespaceRow

ROOT = "publishing"
REVIEWERS = ("reviewer", "owner")


@dataclass(frozen=True, slots=True)
class Signers:
    """Who may sign for a namespace, by the mode in which it publishes.

    Attributes:
        publisher: the authenticated publisher's identity, or the ids of their keys.
        reviewers: those who may review, without the publisher.
    """

    mode: str
    reviews: int
    publisher: tuple[Identity, ...] | tuple[str, ...]
    reviewers: tuple[Identity, ...] | tuple[str, ...]
    keys: tuple[PublicKey, ...]


def signers(session: Session, origin: str, namespace: str, issuer: str, subject: str, now: str) -> Signers:
    """Who may sign, as the namespace's members and keys are at this time.

    Raises:
        PublishProblem: `namespace-unknown`; `no-keys`: the publisher has no key in a namespace of mode Key;
            `too-few-reviewers`.
    """
    row = session.get(NamespaceRow, (origin, namespace))
    if row is None:
        raise PublishProblem("namespace-unknown", f"there is no namespace {origin}/{namespace}", status=404)
    found = (
        _by_key(session, row, issuer, subject, now)
        if row.mode == "Key"
        else _by_name(session, row, issuer, subject, now)
    )
    if not found.publisher:
        raise PublishProblem(
            "no-keys",
            f"{subject} has no key in {origin}/{namespace}, whose mode is Key; register the public key there first",
            status=403,
        )
    if len(found.reviewers) < found.reviews:
        raise PublishProblem(
            "too-few-reviewers",
            f"{origin}/{namespace} needs {found.reviews} reviews and has {len(found.reviewers)} reviewers other than "
            "the publisher; add reviewers",
            status=409,
        )
    return found


def policy_of(given: Signers, origin: str, namespace: str, *, reviewed: bool) -> TrustPolicy:
    """The policy.

    Args:
        reviewed: whether the publisher sent reviews; they must hold then, also where none is required.
    """
    require = [_requirement("provenance", given, given.publisher, 1)]
    if given.reviews or reviewed:
        require.append(_requirement("review", given, given.reviewers, max(given.reviews, 1)))
    spec = TrustPolicySpec(
        namespaces=["*"],
        packs=[f"{origin}/{namespace}/*"],
        trust_root=ROOT,
        mode="Key" if given.mode == "Key" else "Keyless",
        require=require,
        index="Ignored",
    )
    return TrustPolicy(f"publish:{origin}/{namespace}", spec)


def root_of(given: Signers, keyless: str | None) -> TrustRoot:
    """The trust root: the namespace's keys, or the authorities that the registry believes."""
    if given.mode == "Key":
        return TrustRoot(ROOT, TrustRootSpec(keys=list(given.keys)))
    if keyless is None:
        raise PublishProblem(
            "mode-unavailable",
            "the namespace's mode is Keyless and this registry has no trust configuration for that; use mode Key",
            status=409,
        )
    return TrustRoot(ROOT, TrustRootSpec(keyless=keyless))


def _requirement(
    predicate: str, given: Signers, who: Sequence[Identity] | Sequence[str], threshold: int
) -> Requirement:
    named = "keys" if given.mode == "Key" else "identities"
    return Requirement.model_validate({"predicate": predicate, named: list(who), "threshold": threshold})


def _by_name(session: Session, row: NamespaceRow, issuer: str, subject: str, now: str) -> Signers:
    asked = select(MemberRow).where(
        MemberRow.origin == row.origin,
        MemberRow.namespace == row.name,
        col(MemberRow.role).in_(REVIEWERS),
        col(MemberRow.removed).is_(None),
        MemberRow.active_from <= now,
    )
    publisher = Identity(issuer=issuer, subject=subject)
    others = {(member.issuer, member.subject) for member in session.exec(asked)} - {(issuer, subject)}
    reviewers = tuple(Identity(issuer=one, subject=other) for one, other in sorted(others))
    return Signers("Keyless", row.reviews, (publisher,), reviewers, ())


def _by_key(session: Session, row: NamespaceRow, issuer: str, subject: str, now: str) -> Signers:
    asked = select(NamespaceKeyRow).where(
        NamespaceKeyRow.origin == row.origin,
        NamespaceKeyRow.namespace == row.name,
        col(NamespaceKeyRow.removed).is_(None),
        NamespaceKeyRow.active_from <= now,
    )
    rows = sorted(session.exec(asked), key=lambda key: key.key_id)
    own = {key.key_id for key in rows if (key.issuer, key.subject) == (issuer, subject)}
    reviewing = {key.key_id for key in rows if key.role in REVIEWERS} - own
    pems = {key.key_id: key.pem for key in rows}
    keys = tuple(PublicKey(id=key_id, pem=pem) for key_id, pem in sorted(pems.items()))
    return Signers("Key", row.reviews, tuple(sorted(own)), tuple(sorted(reviewing)), keys)
