"""What an import makes: ReasoningProcedures, the change that gives one another release's text, and what is signed."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from seglam.operator.desired.common import Object, labels, meta
from seglam.packs.trust.decision import Decision, PackFacts
from seglam.packs.trust.policy import TrustPolicy
from seglam.packs.trust.predicates import (
    URIS,
    InputAttestation,
    PolicyReference,
    Sha256,
    VerificationSummary,
    Verifier,
)
from seglam.packs.trust.statements import Statement
from seglam.procedures.document import DEPLOYMENT_FIELDS, Spec
from seglam.resources.names import (
    ANNOTATION_AUTHORS,
    ANNOTATION_PACK_RELEASE,
    IMPORT_KEY,
    LABEL_PACK_IMPORT,
    REASONING_PROCEDURE,
    shortened,
)
from seglam.resources.revision import Content

KEPT = tuple(Spec.model_fields[name].alias or name for name in sorted(DEPLOYMENT_FIELDS))
"""Members of a spec that say where and how it runs: the tenant's, whatever the pack is."""


def label(import_name: str) -> str:
    """Value of the label that leads from a procedure to its import."""
    return shortened(import_name)


def content(spec: Spec) -> Object:
    """The text of a procedure as the pack holds it."""
    return Content.of(spec).model_dump(mode="json", by_alias=True, exclude_none=True)


def procedure(namespace: str, name: str, import_name: str, release: str, spec: Spec, authors: Sequence[str]) -> Object:
    """The procedure, authored by those who asked for the import."""
    return {
        "apiVersion": REASONING_PROCEDURE.api_version,
        "kind": REASONING_PROCEDURE.kind,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {LABEL_PACK_IMPORT: label(import_name)},
            "annotations": {ANNOTATION_AUTHORS: "\n".join(authors), ANNOTATION_PACK_RELEASE: release},
        },
        "spec": content(spec),
    }


def change(live: Mapping[str, Any], release: str, spec: Spec, authors: Sequence[str]) -> list[Object]:
    """A JSON patch that gives a procedure the text of a release; empty where it has it.

    What says where and how it runs stays. The authors are stated only with another text: those of a text that is served
    were cleared, and the next ones answer for what is changed from here on.
    """
    about, before = live["metadata"], live.get("spec") or {}
    annotations = about.get("annotations") or {}
    kept = {name: before[name] for name in KEPT if name in before}
    wanted = {**content(spec), **kept}
    same = wanted == before
    if same and annotations.get(ANNOTATION_PACK_RELEASE) == release:
        return []
    stated = {**annotations, ANNOTATION_PACK_RELEASE: release}
    steps: list[Object] = [
        {"op": "test", "path": "/metadata/uid", "value": about["uid"]},
        {"op": "test", "path": "/metadata/resourceVersion", "value": about["resourceVersion"]},
    ]
    if not same:
        stated[ANNOTATION_AUTHORS] = "\n".join(authors)
        steps.append({"op": "replace", "path": "/spec", "value": wanted})
    return [*steps, {"op": "add", "path": "/metadata/annotations", "value": stated}]


def is_of(live: Mapping[str, Any], import_name: str) -> bool:
    """Whether a procedure belongs to an import: only the operator sets the label."""
    return (live["metadata"].get("labels") or {}).get(LABEL_PACK_IMPORT) == label(import_name)


def release_of(live: Mapping[str, Any]) -> str | None:
    """The release that a procedure's text is from, as the operator stated it."""
    found = (live["metadata"].get("annotations") or {}).get(ANNOTATION_PACK_RELEASE)
    return found if isinstance(found, str) else None


def policy_digest(policy: TrustPolicy) -> str:
    """SHA-256 of a policy's spec, in hexadecimal."""
    text = json.dumps(policy.spec.model_dump(mode="json", by_alias=True, exclude_none=True), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def decided(facts: PackFacts, decision: Decision, policy: TrustPolicy | None, mode: str) -> str:
    """Digest of what a decision rests on: while it stays, nothing has to be signed again."""
    said = [
        facts.purl,
        facts.digest,
        decision.policy or "",
        policy_digest(policy) if policy else "",
        decision.code,
        mode,
        *sorted(each.digest for each in decision.verified),
    ]
    return "sha256:" + hashlib.sha256("\n".join(said).encode()).hexdigest()


def summary(facts: PackFacts, decision: Decision, policy: TrustPolicy | None, verifier: str, moment: datetime) -> bytes:
    """The statement to sign: an SLSA verification summary of a decision."""
    digest = Sha256(sha256=policy_digest(policy)) if policy else None
    predicate = VerificationSummary(
        verifier=Verifier(id=verifier),
        time_verified=moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        resource_uri=facts.purl,
        policy=PolicyReference(uri=f"https://seglam.dev/trustpolicies/{decision.policy or 'none'}", digest=digest),
        input_attestations=[
            InputAttestation(uri=URIS[each.kind], digest=Sha256(sha256=each.digest.removeprefix("sha256:")))
            for each in decision.verified
        ],
        verification_result="PASSED" if decision.allowed else "FAILED",
        verified_levels=[f"SEGLAM_APPROVAL_{decision.approval.upper()}"] if decision.allowed else [],
    )
    return Statement(facts.purl, facts.digest, predicate).to_bytes()


def key_secret(namespace: str, data: Mapping[str, bytes]) -> Object:
    """The Secret with the operator's key."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": meta(IMPORT_KEY, namespace, labels("imports")),
        "type": "Opaque",
        "data": {name: base64.b64encode(value).decode() for name, value in data.items()},
    }
