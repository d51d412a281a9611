"""What is remembered of objects, and what is left behind."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from seglam.operator.gather.wire import procedure_from, procedure_of, review_of, revision_of
from seglam.operator.seen import Activation, Decision

META: dict[str, Any] = {
    "name": "p-0123",
    "namespace": "team",
    "uid": "u-1",
    "resourceVersion": "41",
    "generation": 3,
    "creationTimestamp": "2026-11-21T12:00:00Z",
    "labels": {
        "app.kubernetes.io/managed-by": "seglam-operator",
        "seglam.dev/active": "true",
        "seglam.dev/pool": "rp-p",
    },
    "annotations": {"seglam.dev/authors": "alice\nbob\n\nalice"},
    "ownerReferences": [{"uid": "other"}, {"uid": "owner", "controller": True}],
    "managedFields": [{"manager": "x" * 1000}],
}
CONDITION = {"type": "Ready", "status": "True", "reason": "Active", "message": "m", "lastTransitionTime": "t"}


def raw(value: object) -> bytes:
    return json.dumps(value).encode()


def test_a_procedure_keeps_its_deployment_fields_and_not_its_document() -> None:
    spec = {"code": "x" * 5000, "activation": {"mode": "Pinned", "digest": "sha256:1"}, "reviewPolicy": "AfterShadow"}
    status = {"observedGeneration": 3, "digest": "sha256:2", "revisions": 2, "conditions": [CONDITION]}
    value = {"metadata": META, "spec": spec, "status": status}
    seen = procedure_of(raw(value))
    assert seen == procedure_from(value)
    assert seen.meta.key == ("team", "p-0123")
    assert seen.authors == ("alice", "bob")
    assert seen.activation == Activation("Pinned", "sha256:1")
    assert seen.pool == "default"
    assert seen.after_shadow
    assert seen.digest == "sha256:2"
    assert "xxxx" not in repr(seen)
    condition = seen.status.condition("Ready")
    assert condition is not None
    assert condition.reason == "Active"


def test_the_digest_of_an_older_generation_is_not_the_current_one() -> None:
    status = {"observedGeneration": 2, "digest": "sha256:2"}
    assert procedure_from({"metadata": META, "spec": {}, "status": status}).digest is None
    assert procedure_from({"metadata": META, "spec": {}}).digest is None


def test_a_dedicated_procedure_names_its_own_pool() -> None:
    assert procedure_from({"metadata": META, "spec": {"sandbox": {"isolation": "dedicated"}}}).pool == "rp-p-0123"


def test_a_revision_keeps_what_decides_and_not_its_evidence() -> None:
    gates = [
        {"gate": "static", "passed": True, "summary": "fine", "detail": "d" * 9000, "by": "operator"},
        {"gate": "match", "passed": False, "summary": "binds too much", "by": "operator"},
    ]
    spec = {"procedure": "p", "digest": "sha256:3", "authors": ["alice"], "document": {"code": "x" * 5000}}
    conditions = [{**CONDITION, "type": "Verified", "status": "False"}]
    value = {"metadata": META, "spec": spec, "status": {"evidence": gates, "conditions": conditions}}
    seen = revision_of(raw(value))
    assert (seen.owner, seen.managed, seen.active, seen.pool) == ("owner", True, True, "rp-p")
    assert seen.verified is False
    assert [(gate.gate, gate.passed, gate.summary) for gate in seen.gates] == [
        ("static", True, ""),
        ("match", False, "binds too much"),
    ]
    assert "dddd" not in repr(seen)
    assert "xxxx" not in repr(seen)


@pytest.mark.parametrize(("status", "verified"), [("True", True), ("False", False), ("Unknown", None)])
def test_verified(status: str, verified: bool | None) -> None:
    conditions = [{**CONDITION, "type": "Verified", "status": status}]
    value = {"metadata": META, "spec": {}, "status": {"conditions": conditions}}
    assert revision_of(raw(value)).verified is verified
    assert revision_of(raw({"metadata": META, "spec": {}})).verified is None


def test_a_review_keeps_its_decisions() -> None:
    decisions = [{"reviewer": "bob", "decision": "Approve", "reason": "I read it"}]
    spec = {"procedure": "p", "digest": "sha256:3", "authors": ["alice"], "decisions": decisions}
    seen = review_of(raw({"metadata": META, "spec": spec, "status": {"state": "Approved", "gates": "3/3"}}))
    assert seen.decisions == (Decision("bob", "Approve"),)
    assert seen.status.field("gates") == "3/3"


def test_what_is_no_such_object_is_refused() -> None:
    with pytest.raises(ValueError, match="metadata"):
        procedure_of(b"{}")
    with pytest.raises(msgspec.ValidationError):
        review_of(raw({"metadata": META, "spec": {"decisions": [{"reviewer": 1}]}}))
