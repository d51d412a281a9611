"""What a namespace's publisher must have signed, as a trust policy for the gate.

Who may have signed comes from who was authenticated and from the namespace's members, never from a bundle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlmodel import Session, col, select

from seglam.packs.trust.policy import Identity, Requirement, TrustPolicy, TrustPolicySpec
from seglam.packs.trust.roots import PublicKey, TrustRoot, TrustRootSpec
from seglam.registry.access.members import active, keys_of
from seglam.registry.publishing.publication import PublishProblem
from seglam.registry.tables import MemberRow, NamespaceRow

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
    publisher: tuple[Identity | str, ...]
    reviewers: tuple[Identity | str, ...]
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

    Reviews that the namespace requires are signed by reviewers other than the publisher. Those that come beside them
    may be signed by the publisher, who attests to what was decided elsewhere; an importer's policy says whether it
    believes that.

    Args:
        reviewed: whether the publisher sent reviews; they must hold then, also where none is required.
    """
    require = [_requirement("provenance", given, given.publisher)]
    if given.reviews:
        require.append(_requirement("review", given, given.reviewers, threshold=given.reviews))
    if reviewed:
        everybody = (*given.publisher, *given.reviewers)
        require.append(_requirement("review", given, everybody, count="Reviewers"))
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
    predicate: Literal["provenance", "review"],
    given: Signers,
    who: Sequence[Identity | str],
    *,
    threshold: int = 1,
    count: Literal["Signers", "Reviewers"] = "Signers",
) -> Requirement:
    keys = [each for each in who if isinstance(each, str)]
    identities = [each for each in who if not isinstance(each, str)]
    return Requirement(
        predicate=predicate, keys=keys or None, identities=identities or None, threshold=threshold, count=count
    )


def _by_name(session: Session, row: NamespaceRow, issuer: str, subject: str, now: str) -> Signers:
    asked = select(MemberRow).where(
        MemberRow.origin == row.origin,
        MemberRow.namespace == row.name,
        col(MemberRow.role).in_(REVIEWERS),
    )
    try:
        publisher = Identity(issuer=issuer, subject=subject)
    except ValueError:
        words = f"{subject} of {issuer} cannot sign keyless, as the namespace's mode wants; use mode Key"
        raise PublishProblem("mode-unavailable", words, status=409) from None
    members = (member for member in session.exec(asked) if active(member, now))
    others = {(member.issuer, member.subject) for member in members} - {(issuer, subject)}
    reviewers = tuple(Identity(issuer=one, subject=other) for one, other in sorted(others))
    return Signers("Keyless", row.reviews, (publisher,), reviewers, ())


def _by_key(session: Session, row: NamespaceRow, issuer: str, subject: str, now: str) -> Signers:
    rows = [key for key in keys_of(session, row.origin, row.name) if active(key, now)]
    own = {key.key_id for key in rows if (key.issuer, key.subject) == (issuer, subject)}
    reviewing = {key.key_id for key in rows if key.role in REVIEWERS} - own
    pems = {key.key_id: key.pem for key in rows}
    keys = tuple(PublicKey(id=key_id, pem=pem) for key_id, pem in sorted(pems.items()))
    return Signers("Key", row.reviews, tuple(sorted(own)), tuple(sorted(reviewing)), keys)
