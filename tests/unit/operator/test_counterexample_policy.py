"""What a counterexample amounts to, case by case."""

from __future__ import annotations

from itertools import permutations

import pytest

from seglam.compiler.results import Finding
from seglam.operator.policies.counterexample import (
    NOT_ABOUT_IT,
    State,
    examined,
    standing,
    state_of,
    stopping,
    unexamined,
)
from seglam.operator.seen import Counterexample, Judgement, Meta, StatusSeen

CONFIRM, DISMISS = "Confirm", "Dismiss"


def stated(name: str, said: str | None, *judgements: tuple[str, str], found: str = "") -> Counterexample:
    fields = (("examined", said), ("found", found)) if said else ()
    people = tuple(Judgement(*each) for each in judgements)
    return Counterexample(Meta("team", name, "", "1"), "twice", "sha256:1", "ann", people, StatusSeen(fields))


@pytest.mark.parametrize(
    ("finding", "state"),
    [
        (Finding.REFUTED, State.REFUTED),
        (Finding.UNASKED, State.OPEN),
        (Finding.UNSTEADY, State.OPEN),
        (Finding.AGREED, State.OPEN),
        (Finding.CONFIRMED, State.CONFIRMED),
        (Finding.DOUBTFUL, State.DOUBTFUL),
    ],
)
def test_what_the_implementations_amount_to(finding: Finding, state: State) -> None:
    weighed = examined(finding, "the code gives 13")
    assert weighed.state is state
    assert "the code gives 13" in weighed.message


@pytest.mark.parametrize(
    ("said", "judgements", "state"),
    [
        ("Open", [], State.OPEN),
        ("Confirmed", [], State.CONFIRMED),
        ("Open", [("bob", CONFIRM)], State.CONFIRMED),
        ("Refuted", [("bob", CONFIRM)], State.CONFIRMED),  # both implementations may be wrong
        ("Open", [("ann", CONFIRM)], State.OPEN),  # its sender
        ("Confirmed", [("bob", DISMISS)], State.DISMISSED),
        ("Confirmed", [("ann", DISMISS)], State.DISMISSED),
        ("Doubtful", [("bob", DISMISS), ("carol", CONFIRM)], State.CONFIRMED),
        ("Open", [("ann", CONFIRM), ("bob", DISMISS)], State.DISMISSED),
    ],
)
def test_what_people_decide(said: str, judgements: list[tuple[str, str]], state: State) -> None:
    for order in permutations(judgements):
        assert standing(said, "", "ann", [Judgement(*each) for each in order]).state is state


def test_no_decision_makes_something_of_what_says_nothing_of_the_revision() -> None:
    found = f"{NOT_ABOUT_IT}: it does not match"
    assert state_of(stated("a", "Refuted", ("bob", CONFIRM), found=found)) is State.REFUTED


def test_what_stops_a_revision() -> None:
    known = [stated("a", "Open"), stated("b", "Confirmed"), stated("c", "Doubtful"), stated("d", None)]
    assert stopping(known) == ("b", "c")
    assert unexamined(known)
    assert not unexamined(known[:3])
    assert stopping([stated("b", "Confirmed", ("bob", DISMISS))]) == ()
