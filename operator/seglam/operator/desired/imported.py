"""What an import makes: ReasoningProcedures, the change that gives one another release's text, and what is signed."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from seglam.operator.desired.common import Object, labels, meta
from seglam.packs.trust.decision import Decision, PackFacts
from seglam.packs.trust.policy import TrustPolicy
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


def policy_digest(policies: Sequence[TrustPolicy]) -> str:
    """Digest of the policies that decided."""
    specs = {each.name: each.spec.model_dump(mode="json", by_alias=True, exclude_none=True) for each in policies}
    return "sha256:" + hashlib.sha256(json.dumps(specs, sort_keys=True).encode()).hexdigest()


def decided(facts: PackFacts, decision: Decision, policies: Sequence[TrustPolicy], mode: str) -> str:
    """Digest of what a decision rests on: while it stays, nothing has to be signed again."""
    said = [facts.purl, facts.digest, policy_digest(policies), decision.code, mode]
    said += sorted(each.digest for each in decision.verified)
    return "sha256:" + hashlib.sha256("\n".join(said).encode()).hexdigest()


def key_secret(namespace: str, data: Mapping[str, bytes]) -> Object:
    """The Secret with the operator's key."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": meta(IMPORT_KEY, namespace, labels("imports")),
        "type": "Opaque",
        "data": {name: base64.b64encode(value).decode() for name, value in data.items()},
    }
