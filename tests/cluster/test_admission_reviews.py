"""Reviews: opened by the operator, and each person adds their own decision, never an author's approval."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.confined import BACKUP, WILDCARD, Space, installed, unique
from tests.cluster.kinds import OPERATOR, procedure, review

CREATE = ("create", "--filename", "-")
APPLY = ("apply", "--server-side", "--filename", "-", "--field-manager=seglam-operator")
OTHER_DIGEST = "sha256:" + "f" * 64


@pytest.fixture(scope="module")
def space(kubeconfig: Path) -> Iterator[Space]:
    with installed(kubeconfig, "reviews") as made:
        yield made


@pytest.fixture
def name(space: Space, request: pytest.FixtureRequest) -> str:
    """A review of the test's own, of what alice and a model wrote, opened by the operator."""
    name = unique(request.node.name)
    space.takes(OPERATOR, *APPLY, body=review(space.name, name))
    return name


def decision(reviewer: str, verdict: str = "Approve", reason: str = "read and tried") -> dict[str, str]:
    return {"reviewer": reviewer, "decision": verdict, "reason": reason}


def adding(*decisions: dict[str, str]) -> tuple[str, ...]:
    """Arguments of kubectl that make these the review's decisions."""
    return ("--type=merge", "--patch", json.dumps({"spec": {"decisions": list(decisions)}}))


def decide(space: Space, user: str, name: str, *decisions: dict[str, str]) -> str:
    return space.takes(user, "patch", "rpr", name, *adding(*decisions))


def decisions(space: Space, name: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = space.get("rpr", name)["spec"].get("decisions", [])
    return found


@pytest.mark.parametrize("user", ["bob", WILDCARD, None], ids=["reviewer", "wildcard", "cluster-admin"])
def test_only_the_operator_opens_a_review(space: Space, user: str | None) -> None:
    said = space.refuses(user, *CREATE, body=review(space.name, "opened"))
    assert "opened by the operator" in said or "is forbidden" in said


def test_the_operator_opens_it_empty_and_decides_nothing(space: Space, name: str) -> None:
    said = space.refuses(OPERATOR, *CREATE, body=review(space.name, f"{name}-2", decision(OPERATOR)))
    assert "without decisions" in said
    said = space.refuses(OPERATOR, "patch", "rpr", name, *adding(decision("bob")))
    assert "only your own decision" in said
    said = space.refuses(OPERATOR, "patch", "rpr", name, *adding(decision(OPERATOR)))
    assert "needs the verb approve" in said


def test_people_add_their_own_decisions(space: Space, name: str) -> None:
    decide(space, "bob", name, decision("bob"))
    decide(space, "carol", name, decision("bob"), decision("carol", "Reject", "the third example is wrong"))
    # A change of mind is one more decision.
    decide(
        space,
        "bob",
        name,
        decision("bob"),
        decision("carol", "Reject", "the third example is wrong"),
        decision("bob", "Quarantine"),
    )
    assert [(each["reviewer"], each["decision"]) for each in decisions(space, name)] == [
        ("bob", "Approve"),
        ("carol", "Reject"),
        ("bob", "Quarantine"),
    ]


def test_server_side_apply_adds_an_entry_of_ones_own(space: Space, name: str) -> None:
    decide(space, "bob", name, decision("bob"))
    body = review(space.name, name, decision("carol"))
    del body["spec"]["procedure"], body["spec"]["digest"], body["spec"]["authors"]
    space.takes(
        "carol", "apply", "--server-side", "--field-manager=carol", "--validate=false", "--filename", "-", body=body
    )
    assert [each["reviewer"] for each in decisions(space, name)] == ["bob", "carol"]


@pytest.mark.parametrize("user", ["carol", WILDCARD, None], ids=["reviewer", "wildcard", "cluster-admin"])
@pytest.mark.parametrize("verdict", ["Approve", "Reject", "Quarantine"])
def test_nobody_decides_for_another(space: Space, name: str, user: str | None, verdict: str) -> None:
    said = space.refuses(user, "patch", "rpr", name, *adding(decision("bob", verdict)))
    assert "only your own decision" in said
    assert decisions(space, name) == []


def test_an_author_cannot_approve(space: Space, name: str) -> None:
    said = space.refuses("alice", "patch", "rpr", name, *adding(decision("alice")))
    assert "an author cannot approve; the authors of this revision are alice, model:m-1" in said
    decide(space, "bob", name, decision("bob"))
    said = space.refuses("alice", "patch", "rpr", name, *adding(decision("bob"), decision("alice")))
    assert "an author cannot approve" in said


def test_an_author_may_stop_their_own(space: Space, name: str) -> None:
    decide(space, "alice", name, decision("alice", "Quarantine"))
    assert decisions(space, name) == [decision("alice", "Quarantine")]


def test_deciding_is_a_verb_of_its_own(space: Space, name: str) -> None:
    """Dave may edit reviews, but nobody let him decide."""
    for verdict in ("Approve", "Reject", "Quarantine"):
        said = space.refuses("dave", "patch", "rpr", name, *adding(decision("dave", verdict)))
        assert "dave needs the verb approve on reasoningprocedures/twice" in said
    space.takes("dave", "label", "rpr", name, "seen=yes")


def test_the_verb_can_be_granted_for_one_procedure(space: Space, name: str) -> None:
    decide(space, "erin", name, decision("erin"))
    other = review(space.name, f"{name}-other")
    other["spec"]["procedure"] = "thrice"
    space.takes(OPERATOR, *APPLY, body=other)
    said = space.refuses("erin", "patch", "rpr", f"{name}-other", *adding(decision("erin")))
    assert "erin needs the verb approve on reasoningprocedures/thrice" in said


@pytest.mark.parametrize(
    "change",
    [{"digest": OTHER_DIGEST}, {"procedure": "thrice"}, {"authors": ["carol"]}, {"authors": []}],
    ids=lambda change: next(iter(change)),
)
@pytest.mark.parametrize("user", ["bob", None, OPERATOR], ids=["reviewer", "cluster-admin", "operator"])
def test_what_is_decided_about_never_changes(space: Space, name: str, user: str | None, change: dict[str, Any]) -> None:
    patch = json.dumps({"spec": change})
    assert "immutable" in space.refuses(user, "patch", "rpr", name, "--type=merge", "--patch", patch)


def test_an_approval_cannot_bring_its_own_digest(space: Space, name: str) -> None:
    patch = json.dumps({"spec": {"digest": OTHER_DIGEST, "decisions": [decision("bob")]}})
    assert "immutable" in space.refuses("bob", "patch", "rpr", name, "--type=merge", "--patch", patch)


@pytest.mark.parametrize("user", ["bob", "carol", OPERATOR, WILDCARD, None])
def test_decisions_are_never_changed_or_removed(space: Space, name: str, user: str | None) -> None:
    made = [decision("bob"), decision("carol", "Quarantine")]
    decide(space, "bob", name, made[0])
    decide(space, "carol", name, *made)
    changed = [[], made[:1], made[1:], [made[0], decision("carol", "Approve")], [decision("bob", reason="no"), made[1]]]
    for each in changed:
        space.refuses(user, "patch", "rpr", name, *adding(*each))
    assert decisions(space, name) == made


def test_no_owner_takes_a_review_with_it(space: Space, name: str) -> None:
    """A Quarantine would go when its owner is deleted, and its owner can be anything that one may delete."""
    made = space.takes("dave", "create", "--output", "json", "--filename", "-", body=procedure(space.name, "owner"))
    owner = {"apiVersion": "seglam.dev/v1alpha1", "kind": "ReasoningProcedure", "name": "owner"}
    owner["uid"] = json.loads(made)["metadata"]["uid"]
    patch = json.dumps({"metadata": {"ownerReferences": [owner]}})
    for user in ("dave", None):
        assert "has no owner" in space.refuses(user, "patch", "rpr", name, "--type=merge", "--patch", patch)


@pytest.mark.parametrize("user", ["bob", WILDCARD, None], ids=["reviewer", "wildcard", "cluster-admin"])
def test_nobody_deletes_a_review(space: Space, name: str, user: str | None) -> None:
    said = space.refuses(user, "delete", "rpr", name)
    assert "only the operator may delete procedurereviews" in said or "is forbidden" in said
    space.get("rpr", name)


def test_a_backup_tool_restores_decisions(space: Space) -> None:
    body = review(space.name, "restored", decision("bob"), decision("carol", "Quarantine"))
    assert "opened by the operator" in space.refuses(WILDCARD, *CREATE, body=body)
    space.takes(BACKUP, *CREATE, body=body)
    assert decisions(space, "restored") == [decision("bob"), decision("carol", "Quarantine")]
