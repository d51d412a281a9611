"""What the registry itself says of a pack: that its tests passed, and that this name and version are this digest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from seglam.packs.trust import gate
from seglam.packs.trust.decision import Asked, Verified
from seglam.packs.trust.predicates import Kind, Release
from seglam.packs.trust.signing import SigningFailed
from seglam.packs.trust.statements import Statement
from seglam.registry.publishing.publication import PublishProblem
from seglam.registry.publishing.reading import Received
from seglam.registry.signing import ROOT, Signing


def release_statement(received: Received, publication: str) -> bytes:
    """The release statement."""
    purl = received.pack.release.purl
    return Statement(purl, received.pack.digest, Release(purl=purl, release_id=publication)).to_bytes()


def signed(signing: Signing, statement: bytes) -> bytes:
    """A bundle of a statement.

    Raises:
        PublishProblem: `signing-` and the signer's code; it may pass, also where somebody must do something first.
    """
    try:
        return signing.sign(statement)
    except SigningFailed as error:
        words = f"the registry could not sign, nothing is published, and it tries again: {error.words}"
        raise PublishProblem(f"signing-{error.code}", words, status=503, retriable=True) from error


def check(signing: Signing, received: Received, bundles: Sequence[bytes], *kinds: Kind) -> tuple[Verified, ...]:
    """What the gate finds in the registry's own bundles, as every importer will ask it.

    Raises:
        PublishProblem: `signing-useless`: an importer would refuse them.
    """
    facts = received.facts
    try:
        policy = signing.policy(facts.name, *kinds)
    except SigningFailed as error:
        raise PublishProblem(f"signing-{error.code}", error.words, status=503, retriable=True) from error
    decision = gate.decide(
        facts,
        bundles,
        [policy],
        {ROOT: signing.root},
        namespace="registry",
        asked=Asked(facts.name, facts.version, facts.digest),
        index=None,
        now=datetime.now(UTC),
    )
    if not decision.allowed:
        words = f"what the registry signed would be refused ({decision.words}); nothing is published"
        raise PublishProblem(
            "signing-useless", words, status=503, retriable=True, detail={"decision": decision.document()}
        )
    return decision.verified
