"""Verification summaries: what whoever imports a pack signs about their gate's decision."""

from __future__ import annotations

from datetime import UTC, datetime

from seglam.packs.trust.decision import Decision, PackFacts
from seglam.packs.trust.predicates import URIS, InputAttestation, PolicyReference, Sha256, VerificationSummary, Verifier
from seglam.packs.trust.statements import Statement


def verification_summary(
    pack: PackFacts, decision: Decision, *, verifier: str, time: datetime, policy_digest: str | None = None
) -> bytes:
    """The statement that says what the gate decided about a pack, and by which bundles.

    Args:
        verifier: URI of whoever verified, such as `https://seglam.dev/operator/CLUSTER`.
        time: when it was decided (aware).
        policy_digest: `sha256:...` of the policy's canonical form, if it is kept.
    """
    levels = sorted({f"SEGLAM_{each.kind.upper().replace('-', '_')}" for each in decision.verified})
    counted = [
        InputAttestation(uri=URIS[each.kind], digest=Sha256(sha256=each.digest.removeprefix("sha256:")))
        for each in decision.verified
    ]
    digest = Sha256(sha256=policy_digest.removeprefix("sha256:")) if policy_digest else None
    return Statement(
        pack.purl,
        pack.digest,
        VerificationSummary(
            verifier=Verifier(id=verifier),
            time_verified=time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            resource_uri=pack.purl,
            policy=PolicyReference(uri=f"policy:{decision.policy or 'none'}", digest=digest),
            input_attestations=counted,
            verification_result="PASSED" if decision.allowed else "FAILED",
            verified_levels=levels,
        ),
    ).to_bytes()
