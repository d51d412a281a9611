"""A ProcedureRevision and its ProcedureReview, as they are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seglam.operator.desired.common import traced
from seglam.procedures.document import Spec
from seglam.resources.names import (
    LABEL_COMPILATION,
    LABEL_POOL,
    LABEL_PROCEDURE,
    MANAGED_LABELS,
    PROCEDURE_REVIEW,
    PROCEDURE_REVISION,
    REASONING_PROCEDURE,
    revision_name,
)
from seglam.resources.revision import Content


def revision(
    namespace: str,
    procedure: str,
    owner: str,
    digest: str,
    authors: Sequence[str],
    spec: Spec,
    pool: str,
    *,
    labels: Mapping[str, str] | None = None,
    traceparent: str | None = None,
) -> dict[str, Any]:
    """A revision that goes with its procedure, whose UID is `owner`. `traceparent` is the span of its compilation."""
    content = Content.of(spec).model_dump(mode="json", by_alias=True, exclude_none=True)
    return {
        "apiVersion": PROCEDURE_REVISION.api_version,
        "kind": PROCEDURE_REVISION.kind,
        "metadata": {
            "name": revision_name(procedure, digest),
            "namespace": namespace,
            "labels": {**MANAGED_LABELS, LABEL_PROCEDURE: procedure, LABEL_POOL: pool, **(labels or {})},
            "annotations": traced(traceparent),
            "ownerReferences": [
                {
                    "apiVersion": REASONING_PROCEDURE.api_version,
                    "kind": REASONING_PROCEDURE.kind,
                    "name": procedure,
                    "uid": owner,
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": {"procedure": procedure, "digest": digest, "authors": list(authors), "document": content},
    }


def review(namespace: str, procedure: str, digest: str, authors: Sequence[str]) -> dict[str, Any]:
    """A review without decisions. It has no owner: deleting and recreating a procedure launders nothing."""
    return {
        "apiVersion": PROCEDURE_REVIEW.api_version,
        "kind": PROCEDURE_REVIEW.kind,
        "metadata": {
            "name": revision_name(procedure, digest),
            "namespace": namespace,
            "labels": {**MANAGED_LABELS, LABEL_PROCEDURE: procedure},
        },
        "spec": {"procedure": procedure, "digest": digest, "authors": list(authors)},
    }


def compilation_label(name: str | None) -> dict[str, str]:
    """The label that leads from a revision to the compilation that proposed it."""
    return {LABEL_COMPILATION: name} if name else {}
