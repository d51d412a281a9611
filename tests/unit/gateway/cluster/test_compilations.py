"""What a miss of a known type leads to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from seglam.cluster import Change, Key
from seglam.cluster.changes import Type
from seglam.gateway.answering import Declined
from seglam.gateway.cluster.compilations import Compilations, Step, next_step
from seglam.procedures import Request
from seglam.resources import ProcedureCompilation
from tests.cluster.kinds import DIGEST, compilation

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
PAST, SOON, LATER = "2026-11-21T11:00:00Z", "2026-11-21T11:59:30Z", "2026-11-21T13:00:00Z"
NEGATIVE = {"reason": "not fixed", "model": "m-1", "expires": LATER, "patterns": ["is {n} odd"]}


def known(number: int = 1, version: str = "5", **status: Any) -> ProcedureCompilation:
    body = compilation("team", "rpc-1", attempt=number)
    body["metadata"]["resourceVersion"] = version
    return ProcedureCompilation.model_validate({**body, "status": status})


def step(found: ProcedureCompilation | None, *, serves: bool = False) -> Step | Declined:
    return next_step(found, NOW, lambda digest: serves and digest == DIGEST)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({}, Step.JOIN),  # nobody has looked at it yet
        ({"attempt": 2, "job": "rpc-1"}, Step.JOIN),  # at work
        ({"attempt": 1, "outcome": "Failed", "finishedAt": PAST}, Step.JOIN),  # the attempt before this one failed
        ({"attempt": 2, "outcome": "Proposed", "digest": DIGEST, "finishedAt": PAST}, Step.JOIN),  # waits for review
        ({"attempt": 2, "outcome": "Proposed", "digest": DIGEST, "retryAfter": PAST}, Step.RETRY),  # rejected since
        ({"attempt": 2, "outcome": "Extended", "digest": DIGEST, "retryAfter": LATER}, Step.JOIN),
        ({"attempt": 2, "outcome": "Failed", "finishedAt": PAST}, Step.RETRY),
        ({"attempt": 2, "outcome": "ModelFailed", "finishedAt": PAST, "retryAfter": PAST}, Step.RETRY),
        ({"attempt": 2, "outcome": "KnownByNow", "finishedAt": PAST}, Step.RETRY),
        ({"attempt": 2, "outcome": "NotCompilable", "negative": {**NEGATIVE, "expires": PAST}}, Step.RETRY),
    ],
)
def test_another_attempt_is_made_only_when_the_last_has_ended_and_its_rest_is_over(
    status: dict[str, Any], expected: Step
) -> None:
    assert step(known(2, **status)) is expected


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ({"outcome": "Rejected", "finishedAt": SOON, "message": "gate 3"}, "rejected"),
        ({"outcome": "ModelFailed", "finishedAt": PAST, "retryAfter": LATER}, "model-failed"),
        ({"outcome": "Budget", "finishedAt": PAST, "retryAfter": LATER}, "budget"),
        ({"outcome": "NoCompletion", "finishedAt": PAST, "retryAfter": LATER}, "no-completion"),
        ({"outcome": "Failed", "finishedAt": SOON}, "failed"),
        ({"outcome": "NotCompilable", "negative": NEGATIVE, "finishedAt": PAST}, "not-compilable"),
    ],
)
def test_a_type_that_failed_rests_and_says_until_when(status: dict[str, Any], reason: str) -> None:
    found = step(_ended(status))
    assert isinstance(found, Declined)
    assert found.reason == reason
    assert "tried again after 2026-11-21T1" in found.explanation


def _ended(status: dict[str, Any]) -> ProcedureCompilation:
    return ProcedureCompilation.model_validate(
        {**compilation("team", "rpc-1", attempt=1), "status": {"attempt": 1, **status}}
    )


def test_an_unknown_type_is_new_and_what_is_served_but_misses_is_tried_again() -> None:
    assert step(None) is Step.CREATE
    proposed = _ended({"outcome": "Proposed", "digest": DIGEST, "finishedAt": PAST})
    assert step(proposed) is Step.JOIN
    assert step(proposed, serves=True) is Step.RETRY


def test_an_answer_of_the_api_server_is_not_undone_by_an_older_one() -> None:
    held = Compilations()
    held.note(known(2, version="9"))
    held.note(known(1, version="8"))
    found = held.get("team", "rpc-1")
    assert found is not None and found.spec.attempt == 2
    held.forget("team", "rpc-1")
    assert held.get("team", "rpc-1") is None


def test_a_negative_entry_counts_once_whatever_else_changes_and_ends_with_its_object() -> None:
    held, key = Compilations(), Key("team", "rpc-1")
    expires = {**NEGATIVE, "expires": "2126-01-01T00:00:00Z", "parameters": [{"name": "n", "type": "integer"}]}
    for version in ("5", "6"):
        new = known(1, version, outcome="NotCompilable", negative=expires, message=version)
        held.apply([Change(Type.CHANGED, key, None, new)])
    assert len(list(held.negatives("team"))) == 1
    assert held.negatives("team").find(Request(text="is 4 odd")) is not None
    held.apply([Change(Type.CHANGED, key, None, known(2, "7"))])  # another attempt is made
    assert list(held.negatives("team")) == []
    held.apply([Change(Type.DELETED, key, None, None)])
    assert held.at_work() == 0


def test_patterns_that_cannot_be_read_leave_the_fingerprint() -> None:
    held = Compilations()
    odd = {**NEGATIVE, "expires": "2126-01-01T00:00:00Z", "patterns": ["(open"]}
    held.note(known(1, outcome="NotCompilable", negative=odd))
    (entry,) = held.negatives("team")
    assert entry.patterns == () and entry.fingerprint == "0123456789abcdef" * 2
