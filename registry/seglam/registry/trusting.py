"""The trust root and the trust policy that an importer of a version needs, made of what its bundles prove.

They name signers exactly as the signatures do, and the gate was asked with them before they are given out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from seglam.packs.chain import Chain
from seglam.packs.trust.decision import Asked, Decision, PackFacts, Signature
from seglam.packs.trust.files import API_VERSION
from seglam.packs.trust.gate import decide
from seglam.packs.trust.policy import Identity, Mode, Requirement, TrustPolicy, TrustPolicySpec
from seglam.packs.trust.predicates import Predicate, Provenance, Release, Review, TestResult
from seglam.packs.trust.roots import PublicKey, Source, TrustRoot, TrustRootSpec, TufRepository
from seglam.web import Problem

MOST = 16
"""Signers that a requirement names."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What to trust for one version.

    Attributes:
        root, policy: documents as a cluster and `seglam pack trust add` take them.
        decision: what the gate says of the version with them, without the index, which only an importer's client
            can check.
    """

    name: str
    root: dict[str, Any]
    policy: dict[str, Any]
    decision: Decision


def trust_of(found: Chain, roots: Sequence[TrustRoot], url: str, index: bytes | None) -> Trust:
    """The trust documents of a version.

    Args:
        roots: by which the chain was checked.
        url: where clients reach this registry.
        index: the first root of the index of the pack's origin; None where this registry has none.

    Raises:
        Problem: 409 `untrusted` where no release statement holds here, so that there is nothing to base trust on.
    """
    pack = found.packed.pack
    mode = _mode(found)
    name = f"{pack.release.name.namespace}.{pack.release.name.pack}"
    requirements = list(_requirements(found, mode))
    spec = _root(roots, mode, requirements, pack.release.name.origin, url, index)
    policy = TrustPolicySpec(
        namespaces=["*"],
        packs=[str(pack.release.name)],
        trust_root=name,
        mode=mode,
        require=requirements,
        index="Required" if index is not None else "Ignored",
    )
    asked = policy.model_copy(update={"index": "Ignored"})
    decision = decide(
        PackFacts.of(pack),
        found.packed.bundles,
        [TrustPolicy(name, asked)],
        {name: TrustRoot(name, spec)},
        namespace="default",
        asked=Asked(str(pack.release.name), str(pack.release.version), pack.digest),
        index=None,
        now=datetime.now(UTC),
    )
    return Trust(name, _document("TrustRoot", name, spec), _document("TrustPolicy", name, policy), decision)


def _mode(found: Chain) -> Mode:
    for each, _ in found.of(Release):
        if each.signature is not None:
            return each.signature.mode
    words = "no release statement of it holds here: the origin's registry must say by whom it is trusted"
    raise Problem(409, "untrusted", words)


def _requirements(found: Chain, mode: Mode) -> list[Requirement]:
    provenance = _by(found, Provenance, mode)
    reviewers = [each for each in _approving(found, mode) if each not in provenance]
    made = [
        _requirement("release", _by(found, Release, mode), 1),
        _requirement("test-result", _by(found, TestResult, mode), 1),
        _requirement("provenance", provenance, 1),
        _requirement("review", reviewers, len(reviewers)),
    ]
    return [each for each in made if each is not None]


def _by(found: Chain, kind: type[Predicate], mode: Mode) -> list[tuple[str, str]]:
    """Who signed verified statements of a kind, each once."""
    signed = (each.signature for each, _ in found.of(kind))
    return list(dict.fromkeys(_who(each) for each in signed if each is not None and each.mode == mode))[:MOST]


def _approving(found: Chain, mode: Mode) -> list[tuple[str, str]]:
    signed = [each.signature for each, review in found.of(Review) if review.decision == "approve"]
    return list(dict.fromkeys(_who(each) for each in signed if each is not None and each.mode == mode))[:MOST]


def _who(signature: Signature) -> tuple[str, str]:
    return signature.issuer, signature.subject


def _requirement(kind: Any, who: Sequence[tuple[str, str]], threshold: int) -> Requirement | None:
    if not who:
        return None
    keys = [subject for issuer, subject in who if not issuer]
    identities = [Identity(issuer=issuer, subject=subject) for issuer, subject in who if issuer]
    return Requirement(predicate=kind, keys=keys or None, identities=identities or None, threshold=threshold)


def _root(
    roots: Sequence[TrustRoot],
    mode: Mode,
    requirements: Sequence[Requirement],
    origin: str,
    url: str,
    index: bytes | None,
) -> TrustRootSpec:
    needed = {key for each in requirements for key in each.keys or ()}
    pems = {key: pem for root in roots for key, pem in root.keys.items()}
    keyless = next((root.keyless for root in roots if root.keyless is not None), None) if mode == "Keyless" else None
    return TrustRootSpec(
        keyless=keyless,
        keys=[PublicKey(id=key, pem=pems[key]) for key in sorted(needed)] or None,
        sources=[Source(origin=origin, url=url)],
        tuf=TufRepository(url=f"{url}/tuf/{origin}/", root=index.decode()) if index is not None else None,
    )


def _document(kind: str, name: str, spec: TrustRootSpec | TrustPolicySpec) -> dict[str, Any]:
    said = spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": said}
