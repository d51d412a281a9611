"""Objects as the operator reads them: pools, and compilations that have not ended."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from seglam.operator.gather.pools import pool_from
from seglam.operator.gather.unfinished import unfinished_of
from seglam.operator.keys import Key

YESTERDAY, LAST_WEEK = "2026-11-20T12:00:00Z", "2026-11-14T12:00:00Z"
META = {"name": "default", "namespace": "team-a", "uid": "u-1", "resourceVersion": "7", "generation": 3}


def test_a_pool_with_its_status() -> None:
    condition = {"type": "Ready", "status": "True", "reason": "Available", "message": "m", "lastTransitionTime": "t"}
    status = {"observedGeneration": 3, "readyReplicas": 1, "selector": "a=b", "conditions": [condition]}
    pool = pool_from({"metadata": META, "spec": {"isolation": "pooled", "replicas": 2}, "status": status})
    assert (pool.meta.key, pool.meta.generation, pool.spec.replicas) == (("team-a", "default"), 3, 2)
    assert (pool.fault, pool.on_demand, pool.meta.deleting) == (None, False, False)
    assert pool.status.field("readyReplicas") == 1
    ready = pool.status.condition("Ready")
    assert ready is not None
    assert ready.reason == "Available"


def test_a_pool_that_cannot_be_read_says_which_field() -> None:
    pool = pool_from({"metadata": META, "spec": {"replicas": -1}})
    assert str(pool.fault).startswith("spec.replicas: ")


def test_a_pool_that_the_operator_opened() -> None:
    labels = {"app.kubernetes.io/managed-by": "seglam-operator"}
    pool = pool_from({"metadata": {**META, "labels": labels, "deletionTimestamp": "now"}})
    assert (pool.on_demand, pool.meta.deleting) == (True, True)


@pytest.mark.parametrize(
    ("attempt", "status", "nothing"),
    [
        (1, {}, False),
        (1, {"attempt": 1}, False),
        (1, {"attempt": 1, "outcome": "Failed", "finishedAt": YESTERDAY}, True),
        (1, {"attempt": 1, "outcome": "Failed", "finishedAt": LAST_WEEK}, False),
        (1, {"attempt": 1, "outcome": "Failed", "finishedAt": LAST_WEEK, "retryAfter": "2026-11-22T00:00:00Z"}, True),
        (2, {"attempt": 1, "outcome": "Failed", "finishedAt": YESTERDAY}, False),
        (2, {"attempt": 2, "outcome": "Proposed", "finishedAt": YESTERDAY, "calls": []}, False),
        (2, {"attempt": 2, "outcome": "Proposed", "finishedAt": YESTERDAY, "retryAfter": YESTERDAY}, True),
        (2, {"attempt": 2, "outcome": "Proposed", "finishedAt": LAST_WEEK, "retryAfter": YESTERDAY}, False),
    ],
)
def test_compilations_with_which_something_is_to_be_done(attempt: int, status: dict[str, Any], nothing: bool) -> None:
    raw = json.dumps({"metadata": {"name": "rpc-1", "namespace": "t"}, "spec": {"attempt": attempt}, "status": status})
    expected = None if nothing else Key("ProcedureCompilation", "t", "rpc-1")
    now = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    assert unfinished_of(raw.encode(), now=now, keep=timedelta(days=5)) == expected
