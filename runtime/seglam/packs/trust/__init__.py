"""Who says what of a pack, and whether that is enough: statements, signatures, policies and the one gate.

The gate (`seglam.packs.trust.gate`), the keyless verifier and the signing backends are imported by their full names:
they need sigstore or cryptography.
"""

from __future__ import annotations

from seglam.packs.trust.decision import (
    Asked,
    Code,
    Decision,
    IndexFacts,
    PackFacts,
    ProcedureFacts,
    Signature,
    Step,
    Verified,
)
from seglam.packs.trust.policy import Identity, Requirement, TrustPolicy, TrustPolicySpec
from seglam.packs.trust.roots import PublicKey, Source, TrustRoot, TrustRootSpec, TufRepository
from seglam.packs.trust.signing.protocol import Signer, SigningFailed
from seglam.packs.trust.statements import Statement, StatementInvalid

__all__ = [
    "Asked",
    "Code",
    "Decision",
    "Identity",
    "IndexFacts",
    "PackFacts",
    "ProcedureFacts",
    "PublicKey",
    "Requirement",
    "Signature",
    "Signer",
    "SigningFailed",
    "Source",
    "Statement",
    "StatementInvalid",
    "Step",
    "TrustPolicy",
    "TrustPolicySpec",
    "TrustRoot",
    "TrustRootSpec",
    "TufRepository",
    "Verified",
]
