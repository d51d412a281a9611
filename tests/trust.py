"""Packs, statements, policies and roots for tests of trust; everything is signed for real."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from seglam.packs.trust import (
    Asked,
    Decision,
    IndexFacts,
    PackFacts,
    ProcedureFacts,
    Statement,
    TrustPolicy,
    TrustPolicySpec,
    TrustRoot,
    TrustRootSpec,
)
from seglam.packs.trust.gate import decide
from seglam.packs.trust.predicates import (
    NamedDigest,
    Predicate,
    ProcedureOrigin,
    Provenance,
    Release,
    Review,
    ReviewedProcedure,
    Sha256,
    Status,
    TestResult,
)
from seglam.packs.trust.signing.key import KeySigner

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
PACK = PackFacts(
    "registry.acme.example/tools/arithmetic",
    "1.2.0",
    "sha256:" + "a" * 64,
    (ProcedureFacts("add", "sha256:" + "1" * 64), ProcedureFacts("subtract", "sha256:" + "2" * 64)),
)


def text(time: datetime) -> str:
    """A time as statements write it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def release(pack: PackFacts = PACK) -> Release:
    """The registry's word."""
    return Release(purl=pack.purl)


def provenance(pack: PackFacts = PACK, authors: Sequence[str] = ("carol",)) -> Provenance:
    """The compiler's word about every procedure of a pack."""
    origins = [
        ProcedureOrigin(
            name=each.name,
            digest=each.digest,
            origin="compiled",
            model="model-1",
            prompts=[NamedDigest(name="compile", digest=Sha256(sha256="c" * 64))],
            misses=["d" * 64],
            authors=list(authors),
            trace="e" * 32,
        )
        for each in pack.procedures
    ]
    return Provenance.of(origins, builder="https://acme.example/compiler", trace="f" * 32, finished=text(NOW))


def ran(result: str = "PASSED", pack: PackFacts = PACK) -> TestResult:
    """A test run's word."""
    configuration = [
        NamedDigest(name=each.name, digest=Sha256(sha256=each.digest.removeprefix("sha256:")))
        for each in pack.procedures
    ]
    return TestResult.model_validate({"result": result, "configuration": configuration})


def review(reviewer: str = "alice", pack: PackFacts = PACK, **changes: Any) -> Review:
    """A reviewer's word about every procedure of a pack."""
    members: dict[str, Any] = {
        "procedures": [ReviewedProcedure(name=each.name, digest=each.digest) for each in pack.procedures],
        "decision": "approve",
        "reviewer": reviewer,
        "authors": ["carol"],
        "time": text(NOW - timedelta(days=1)),
    }
    return Review(**members | changes)


def status(value: str, time: datetime = NOW) -> Status:
    """The registry's word about a version's state."""
    return Status.model_validate({"status": value, "reason": "a test", "time": text(time)})


def statement(predicate: Predicate, pack: PackFacts = PACK) -> bytes:
    """The bytes that are signed."""
    return Statement(pack.purl, pack.digest, predicate).to_bytes()


def key_root(*signers: KeySigner) -> TrustRoot:
    """A root that believes keys."""
    return TrustRoot.of("keys", TrustRootSpec(keys=[each.public for each in signers]))


def needs(predicate: str, *signers: KeySigner | Mapping[str, str], **more: Any) -> dict[str, Any]:
    """A requirement: keys' signers, or identities as {issuer, subject}."""
    keys = [each.identity for each in signers if isinstance(each, KeySigner)]
    identities = [dict(each) for each in signers if not isinstance(each, KeySigner)]
    return {"predicate": predicate, **({"keys": keys} if keys else {"identities": identities}), **more}


def policy(*require: Mapping[str, Any], name: str = "policy", **changes: Any) -> TrustPolicy:
    """A policy for every tenant and pack, with the index ignored."""
    mode = "Key" if any("keys" in each for each in require) else "Keyless"
    members = {
        "namespaces": ["*"],
        "packs": ["*"],
        "trustRoot": "keys" if mode == "Key" else "sigstore",
        "mode": mode,
        "index": "Ignored",
        "require": [dict(each) for each in require],
    }
    return TrustPolicy(name, TrustPolicySpec.model_validate(members | changes))


def listed(pack: PackFacts = PACK, **changes: Any) -> IndexFacts:
    """An index that is fresh and lists a pack."""
    members: dict[str, Any] = {
        "listed_digest": pack.digest,
        "status": "listed",
        "snapshot_version": 7,
        "expires": NOW + timedelta(hours=1),
        "highest_seen_version": 7,
    }
    return IndexFacts(**members | changes)


def judge(
    bundles: Sequence[bytes],
    policies: TrustPolicy | Sequence[TrustPolicy],
    *roots: TrustRoot,
    pack: PackFacts = PACK,
    namespace: str = "shop",
    asked: Asked | None = None,
    index: IndexFacts | None = None,
    now: datetime = NOW,
) -> Decision:
    """The gate's decision."""
    return decide(
        pack,
        bundles,
        [policies] if isinstance(policies, TrustPolicy) else policies,
        {each.name: each for each in roots},
        namespace=namespace,
        asked=asked or Asked(name=PACK.name, version=PACK.version),
        index=index,
        now=now,
    )


def codes(decision: Decision) -> list[str]:
    """Names and codes of the steps that did not pass, in order."""
    return [f"{step.name}: {step.code}" for step in decision.steps if not step.passed]
