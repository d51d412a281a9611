"""What decisions amount to, case by case."""

from __future__ import annotations

from itertools import permutations

import pytest

from seglam.operator.policies.review import State, standing
from seglam.operator.seen import Decision

APPROVE, REJECT, QUARANTINE = "Approve", "Reject", "Quarantine"


def decisions(*pairs: tuple[str, str]) -> list[Decision]:
    return [Decision(reviewer, decision) for reviewer, decision in pairs]


@pytest.mark.parametrize(
    ("authors", "given", "approvals", "shared", "state"),
    [
        (["alice"], [], 1, [], State.PENDING),
        (["alice"], [("bob", APPROVE)], 1, [], State.APPROVED),
        (["alice"], [("alice", APPROVE)], 1, [], State.PENDING),
        (["alice", "bob"], [("bob", APPROVE), ("carol", APPROVE)], 1, [], State.APPROVED),
        (["alice"], [("bob", APPROVE)], 2, [], State.PENDING),
        (["alice"], [("bob", APPROVE), ("bob", APPROVE)], 2, [], State.PENDING),
        (["alice"], [("bob", APPROVE), ("carol", APPROVE)], 2, [], State.APPROVED),
        (["alice"], [("bob", REJECT)], 1, [], State.REJECTED),
        (["alice"], [("alice", REJECT)], 1, [], State.REJECTED),
        (["alice"], [("bob", APPROVE), ("bob", REJECT)], 1, [], State.REJECTED),
        (["alice"], [("bob", APPROVE), ("carol", REJECT), ("dave", QUARANTINE)], 1, [], State.QUARANTINED),
        (["alice"], [("alice", QUARANTINE)], 1, [], State.QUARANTINED),
        (["argocd"], [("bob", APPROVE)], 1, ["argo*"], State.PENDING),
        (["argocd"], [("bob", APPROVE), ("carol", APPROVE)], 1, ["argo*"], State.APPROVED),
        (["argocd"], [("bob", APPROVE), ("carol", APPROVE)], 3, ["argo*"], State.PENDING),
        (["alice"], [("bob", APPROVE)], 1, ["argo*"], State.APPROVED),
        ([], [("bob", APPROVE)], 1, [], State.APPROVED),
    ],
)
def test_the_outcome_does_not_depend_on_the_order_of_decisions(
    authors: list[str], given: list[tuple[str, str]], approvals: int, shared: list[str], state: State
) -> None:
    for order in permutations(given):
        assert standing(authors, decisions(*order), approvals, shared).state is state


def test_the_message_names_who_is_missing_and_who_decided() -> None:
    waiting = standing(["argocd"], decisions(("bob", APPROVE)), 1, ["argocd"])
    assert waiting.needed == 2
    assert "2 approvals" in waiting.message
    assert "bob" in waiting.message
    assert "dave" in standing([], decisions(("dave", QUARANTINE)), 1).message
