"""Silhouettes pass everything that the exact comparison finds, and little else."""

from __future__ import annotations

import random
from itertools import combinations
from pathlib import Path

import pytest

from seglam.lookup.bulk import adding_many
from seglam.lookup.elders import Elders
from seglam.lookup.overlap import overlaps
from seglam.procedures import Revision, load_documents
from tests.documents import capital, revision

PROCEDURES = Path(__file__).parents[3] / "examples" / "procedures"
PAIRS = 12
"""Of those that are no candidates; the exact comparison of all takes an hour."""


@pytest.fixture(scope="module")
def revisions() -> list[Revision]:
    """Every third of the examples, with their automata."""
    with adding_many():
        loaded, problems = load_documents(PROCEDURES)
        assert not problems
        made = [Revision.of(each.document) for each in loaded[::3]]
        filled(made)
    return made


NEWCOMERS = [
    capital(),
    capital(patterns=["{country}'s capital"]),
    revision(patterns=["double {n}", "[please] double [the number] {n}"]),
    revision(patterns=["{n} (times|x) {m}"], parameters=[{"name": n, "type": "integer"} for n in "nm"]),
    revision(patterns=["say '{t}' again"], parameters=[{"name": "t", "type": "text"}]),
    revision(patterns=["convert {q}"], parameters=[{"name": "q", "type": "text"}]),
    revision(patterns=["is {n} prime", "primes {n}"]),
]


def filled(revisions: list[Revision]) -> Elders[str]:
    elders: Elders[str] = Elders()
    for each in revisions:
        elders.add(each.digest, each)
    return elders


def test_what_is_no_candidate_does_not_overlap(revisions: list[Revision]) -> None:
    everything = [*revisions, *NEWCOMERS]
    elders = filled(everything)
    others: list[tuple[Revision, Revision]] = []
    for newcomer in everything:
        candidates = elders.candidates(newcomer)
        assert newcomer.digest in candidates
        others += ((newcomer, each) for each in everything if each.digest not in candidates)
    for newcomer, other in random.Random(0).sample(others, PAIRS):
        assert not overlaps(newcomer, [other])


def test_an_overlap_is_a_candidate_from_both_sides() -> None:
    for left, right in combinations(NEWCOMERS, 2):
        if overlaps(left, [right]):
            elders = filled([left, right])
            assert elders.candidates(left) == elders.candidates(right) == {left.digest, right.digest}
    assert any(overlaps(left, [right]) for left, right in combinations(NEWCOMERS, 2))


def test_others_with_words_of_their_own_are_no_candidates() -> None:
    """Of patterns with as many ways to ask as the examples have, hardly any word is in all sentences, and a silhouette
    tells little."""
    elders = filled(NEWCOMERS)
    assert sum(len(elders.candidates(each)) for each in NEWCOMERS) <= len(NEWCOMERS) ** 2 / 3


def test_what_is_discarded_is_found_no_more(revisions: list[Revision]) -> None:
    elders = filled(revisions)
    for each in revisions:
        elders.discard(each.digest)
        assert each.digest not in elders.candidates(each)
    assert len(elders) == 0
    elders.discard("unknown")


def test_a_key_that_is_added_again_stands_for_the_new_revision() -> None:
    elders: Elders[str] = Elders()
    elders.add("p", revision(patterns=["double {n}"]))
    elders.add("p", revision(patterns=["halve {n}"]))
    assert elders.candidates(revision(patterns=["halve {n}"])) == {"p"}
    assert elders.candidates(revision(patterns=["double {n}"])) == set()


def test_structured_forms_are_compared_by_their_members() -> None:
    def shaped(*pointers: str) -> Revision:
        fields = [{"pointer": "/kind", "equals": '"x"'}, *({"pointer": each, "parameter": "n"} for each in pointers)]
        return revision(patterns=[], match={"structured": {"fields": fields}})

    elders: Elders[str] = Elders()
    elders.add("n", shaped("/n"))
    assert elders.candidates(shaped("/n")) == {"n"}
    assert elders.candidates(shaped("/m")) == set()
