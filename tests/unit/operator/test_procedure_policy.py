"""What is said of a procedure: which reason stands before which, and what is stalled, ready or serving."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seglam.operator.policies.chain import decide
from seglam.operator.policies.procedure import Situation, chain_of, serving
from seglam.operator.policies.review import Standing, State
from seglam.operator.seen import Activation

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
GOOD = Situation(
    digest=A,
    authors=("alice",),
    verified=True,
    review=Standing(State.APPROVED, ("bob",)),
    review_name="p-aaaaaaaaaaaa",
    active=A,
)


def pending(needed: int = 1) -> Standing:
    return Standing(State.PENDING, (), needed)


@pytest.mark.parametrize(
    ("situation", "reason", "stalled"),
    [
        (replace(GOOD), "Active", False),
        (replace(GOOD, digest=None, problems=("spec.code: missing",), active=None), "Invalid", True),
        (replace(GOOD, digest=None, problems=("spec.code: missing",)), "Invalid", True),
        (replace(GOOD, authors=(), review=None, active=None), "AuthorUnknown", True),
        (replace(GOOD, authors=tuple(map(str, range(65))), active=None), "AuthorUnknown", True),
        (replace(GOOD, foreign="the ProcedureReview p-a", active=None), "NotOwned", False),
        (replace(GOOD, review=Standing(State.QUARANTINED, ("eve",)), active=None), "Quarantined", True),
        (replace(GOOD, review=Standing(State.QUARANTINED, ("eve",)), verified=False, active=B), "Quarantined", True),
        (replace(GOOD, review=Standing(State.REJECTED, ("eve",)), active=B), "Rejected", True),
        (replace(GOOD, verified=False, failure="gate static: no", active=None), "VerificationFailed", True),
        (replace(GOOD, verified=None, review=pending(), active=None), "Verifying", False),
        (replace(GOOD, verified=None), "Active", False),
        (replace(GOOD, overlaps=("pattern 0 matches what q does",), active=None), "Overlaps", False),
        (replace(GOOD, review=pending(), active=None), "AwaitingReview", False),
        (replace(GOOD, review=pending(), active=B), "AwaitingReview", False),
        (replace(GOOD, active=None), "Progressing", False),
        (replace(GOOD, runners="no runner is ready"), "RunnersNotReady", False),
        (replace(GOOD, activation=Activation("Pinned", A)), "Active", False),
        (replace(GOOD, activation=Activation("Pinned", B), active=B, review=pending()), "Active", False),
        (replace(GOOD, activation=Activation("Pinned", B), active=A), "PinNotApproved", False),
        (replace(GOOD, activation=Activation("Pinned", B), active=None), "PinNotApproved", False),
        (replace(GOOD, activation=Activation("Pinned", A), active=None, review=pending()), "AwaitingReview", False),
        (replace(GOOD, activation=Activation("Pinned", B), active=B, runners="none"), "RunnersNotReady", False),
    ],
)
def test_reason(situation: Situation, reason: str, stalled: bool) -> None:
    verdict = decide(chain_of(situation), situation)
    assert (verdict.reason, verdict.stalled) == (reason, stalled)
    assert verdict.ready is (reason == "Active")
    assert verdict.message


@pytest.mark.parametrize(
    ("situation", "reason", "ready"),
    [
        (GOOD, "Serving", True),
        (replace(GOOD, active=B), "Serving", True),
        (replace(GOOD, active=None), "NothingApproved", False),
        (replace(GOOD, runners="none is there"), "RunnersNotReady", False),
    ],
)
def test_serving(situation: Situation, reason: str, ready: bool) -> None:
    verdict = serving(situation)
    assert (verdict.reason, verdict.ready) == (reason, ready)


def test_messages_say_what_to_do() -> None:
    waiting = replace(GOOD, review=pending(2), active=None, after_shadow=True)
    message = decide(chain_of(waiting), waiting).message
    assert "kubectl seglam review show p-aaaaaaaaaaaa" in message
    assert "2 approvals" in message
    assert "AfterShadow" in message
    older = replace(GOOD, active=B)
    assert "older" in serving(older).message


def test_a_chain_that_says_nothing_is_a_defect() -> None:
    with pytest.raises(LookupError):
        decide((), GOOD)
