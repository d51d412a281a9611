"""Whether a pool's runners are as they are wanted."""

from __future__ import annotations

from typing import Any

import pytest

from seglam.operator.policies.pool import Fleet, fleet_of, judge, name_fault
from seglam.operator.reconcile.tenants import readiness_of


def fleet(wanted: int, exist: int, updated: int, ready: int, trouble: str = "", *, current: bool = True) -> Fleet:
    return Fleet(wanted, exist, updated, ready, current, trouble)


@pytest.mark.parametrize(
    ("seen", "reason", "ready"),
    [
        (fleet(2, 2, 2, 2), "Available", True),
        (fleet(2, 2, 2, 1), "Progressing", False),
        (fleet(2, 3, 1, 2), "Progressing", False),
        (fleet(2, 3, 2, 2), "Progressing", False),
        (fleet(2, 2, 2, 2, current=False), "Progressing", False),
        (fleet(1, 0, 0, 0, "pods are forbidden"), "RunnersNotReady", False),
        (fleet(1, 1, 1, 1, "ProgressDeadlineExceeded"), "Available", True),
        (fleet(0, 0, 0, 0), "ScaledToZero", True),
        (fleet(0, 2, 2, 2), "Progressing", False),
        (fleet(0, 0, 0, 0, current=False), "Progressing", False),
    ],
)
def test_the_condition_ready(seen: Fleet, reason: str, ready: bool) -> None:
    verdict = judge(seen)
    assert (verdict.reason, verdict.ready, verdict.stalled) == (reason, ready, False)


@pytest.mark.parametrize(
    ("seen", "serves"),
    [
        (fleet(2, 2, 2, 2), True),
        (fleet(2, 2, 1, 1), True),
        (fleet(1, 2, 1, 1, current=False), True),
        (fleet(2, 2, 2, 0), False),
        (fleet(0, 0, 0, 0), False),
    ],
)
def test_one_ready_runner_serves(seen: Fleet, serves: bool) -> None:
    readiness = readiness_of(seen)
    assert readiness.ready is serves
    assert bool(readiness.message) is not serves


@pytest.mark.parametrize(
    ("deployment", "expected"),
    [
        ({"metadata": {"generation": 1}, "spec": {"replicas": 2}}, Fleet(2)),
        ({"metadata": {}, "spec": {}}, Fleet(1, current=True)),
        (
            {
                "metadata": {"generation": 3},
                "spec": {"replicas": 2},
                "status": {"observedGeneration": 3, "replicas": 2, "updatedReplicas": 1, "readyReplicas": 2},
            },
            Fleet(2, 2, 1, 2, True),
        ),
        (
            {
                "metadata": {"generation": 3},
                "spec": {"replicas": 1},
                "status": {
                    "observedGeneration": 2,
                    "conditions": [
                        {"type": "ReplicaFailure", "status": "True", "message": "quota"},
                        {"type": "Progressing", "status": "False", "message": "deadline"},
                        {"type": "Available", "status": "False", "message": "minimum"},
                    ],
                },
            },
            Fleet(1, trouble="deadline; quota"),
        ),
    ],
)
def test_what_a_deployment_says(deployment: dict[str, Any], expected: Fleet) -> None:
    assert fleet_of(deployment) == expected


@pytest.mark.parametrize(
    ("name", "possible"),
    [
        ("default", True),
        ("a", True),
        ("a" * 63, True),
        ("a" * 64, False),
        ("rp-twice", False),
        ("rp", True),
        ("1a", False),
        ("a.b", False),
        ("a-", False),
    ],
)
def test_names_of_pools(name: str, possible: bool) -> None:
    assert (name_fault(name) is None) == possible
