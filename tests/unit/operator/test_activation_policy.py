"""Which revision is served, case by case, and which old ones go."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from seglam.operator.policies.activation import Candidate, choose
from seglam.operator.policies.authorship import authors_of_revision, starts_anew
from seglam.operator.policies.history import superfluous
from seglam.operator.policies.review import State
from seglam.operator.seen import Activation

A, P, R, Q = State.APPROVED, State.PENDING, State.REJECTED, State.QUARANTINED
NEWEST, PIN_A = Activation(), Activation("Pinned", "a")


def one(name: str, state: State = A, *, active: bool = False, verified: bool | None = True, at: int = 0) -> Candidate:
    return Candidate(name, name, f"2026-11-21T12:00:{at:02}Z", active, verified, state)


def old(name: str, *, active: bool = False) -> Candidate:
    """A revision that is older than a counterexample to its procedure."""
    return replace(one(name, active=active), spare=False)


@pytest.mark.parametrize(
    ("digest", "activation", "candidates", "served"),
    [
        pytest.param("a", NEWEST, [], None, id="nothing there"),
        pytest.param("a", NEWEST, [one("a", P)], None, id="not approved"),
        pytest.param("a", NEWEST, [one("a")], "a", id="approved"),
        pytest.param("a", NEWEST, [one("a", verified=None)], None, id="approved before it was verified"),
        pytest.param("a", NEWEST, [one("a", verified=False)], None, id="the gates found something"),
        pytest.param("b", NEWEST, [one("a", active=True), one("b", P, at=1)], "a", id="the elder until the review"),
        pytest.param("b", NEWEST, [one("a", active=True), one("b", at=1)], "b", id="the newer one after it"),
        pytest.param("a", NEWEST, [one("a"), one("b", active=True, at=1)], "a", id="git revert needs no new review"),
        pytest.param("b", NEWEST, [one("a"), one("b", Q, active=True, at=1)], "a", id="quarantine: the last that was"),
        pytest.param("a", NEWEST, [one("a", Q, active=True)], None, id="quarantine of the only one"),
        pytest.param("b", NEWEST, [one("a", R, active=True), one("b", P)], None, id="a rejection after approval"),
        pytest.param(
            "c", NEWEST, [one("a", active=True), one("b", at=5), one("c", P, at=9)], "a", id="what is served stays"
        ),
        pytest.param("c", NEWEST, [one("a"), one("b", at=5), one("c", Q, active=True)], "b", id="else the youngest"),
        pytest.param(
            "b", NEWEST, [old("a"), one("b", Q, active=True)], None, id="not what may be wrong in the same way"
        ),
        pytest.param("a", NEWEST, [old("a"), one("b", Q, active=True)], "a", id="unless somebody asks for it"),
        pytest.param("b", NEWEST, [old("a", active=True), one("b", P)], "a", id="or it is served"),
        pytest.param("x", NEWEST, [one("a", active=True, verified=None)], "a", id="restored without its status"),
        pytest.param(None, NEWEST, [one("a", active=True), one("b", at=3)], "a", id="an invalid edit changes nothing"),
        pytest.param("b", PIN_A, [one("a"), one("b", active=True, at=1)], "a", id="pinned"),
        pytest.param("b", PIN_A, [one("a", P), one("b", active=True, at=1)], "b", id="a pin waits for its approval"),
        pytest.param("b", PIN_A, [one("a", Q, active=True), one("b", at=1)], None, id="a pin falls back on nothing"),
        pytest.param("b", PIN_A, [one("b", at=1)], None, id="a pin that is not there"),
    ],
)
def test_choice(digest: str | None, activation: Activation, candidates: list[Candidate], served: str | None) -> None:
    for order in (candidates, candidates[::-1]):
        chosen = choose(digest, activation, order)
        assert (chosen.digest if chosen else None) == served


candidates_ = some.lists(
    some.builds(
        one,
        some.sampled_from("abcdef"),
        some.sampled_from(State),
        active=some.booleans(),
        verified=some.sampled_from([True, False, None]),
        at=some.integers(0, 59),
    ),
    unique_by=lambda each: each.name,
    max_size=6,
)
activations = some.sampled_from([NEWEST, PIN_A, Activation("Pinned", "f")])


@given(some.sampled_from(["a", "b", None]), activations, candidates_)
def test_only_what_is_approved_and_verified_is_ever_chosen_and_choosing_again_changes_nothing(
    digest: str | None, activation: Activation, candidates: list[Candidate]
) -> None:
    chosen = choose(digest, activation, candidates)
    if chosen is None:
        return
    assert chosen.state is A
    assert chosen.verified or (chosen.verified is None and chosen.active)
    labelled = [Candidate(c.name, c.digest, c.created, c.name == chosen.name, c.verified, c.state) for c in candidates]
    again = choose(digest, activation, labelled)
    assert again is not None
    assert again.name == chosen.name


def test_history_keeps_what_is_active_quarantined_or_wanted_and_the_youngest_others() -> None:
    old = [one(f"r{number}", at=number) for number in range(6)]
    special = [one("active", active=True), one("stopped", Q), one("current", P), one("pinned")]
    gone = superfluous([*old, *special], {"current", "pinned", None}, limit=2)
    assert {each.name for each in gone} == {"r0", "r1", "r2", "r3"}
    assert superfluous([*old, *special], {"current", "pinned"}, limit=6) == []


@given(candidates_, some.integers(0, 3))
def test_history_never_takes_an_active_or_quarantined_revision(candidates: list[Candidate], limit: int) -> None:
    gone = superfluous(candidates, {"a"}, limit)
    assert not any(each.active or each.state is Q or each.digest == "a" for each in gone)


def test_authors_of_a_review_outlive_the_procedure() -> None:
    assert authors_of_revision(["bob"], ["alice"]) == ("alice",)
    assert authors_of_revision(["bob", "alice", "bob"], None) == ("bob", "alice")
    assert authors_of_revision([], None) == ()


def test_authors_start_anew_only_when_the_current_spec_is_served() -> None:
    assert starts_anew(["alice"], "a", "a")
    assert not starts_anew(["alice"], "b", "a")
    assert not starts_anew([], "a", "a")
    assert not starts_anew(["alice"], None, None)
