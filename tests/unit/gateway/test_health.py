"""Which hits are sampled, and when an error budget is spent."""

from __future__ import annotations

import random
import sqlite3
import threading
from collections import Counter
from contextlib import closing
from pathlib import Path
from time import monotonic_ns

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seglam.gateway.catalog import Catalog
from seglam.gateway.health.bounds import upper_bound
from seglam.gateway.health.gathered import Gathered
from seglam.gateway.health.policy import HealthPolicy
from seglam.gateway.health.rechecks import Rechecks, budget_spent
from seglam.gateway.health.sampling import Sampling
from seglam.gateway.reviewing import Reviews
from seglam.gateway.store import CounterexampleRow, Decision, ReviewRefused, Standing, State, Store, StoreError
from seglam.lookup import Binding, Hit
from seglam.procedures import Request, Revision
from tests.documents import document


def taken(share: float, hits: int) -> Counter[int]:
    """How often each of the hits was taken."""
    numbers: Counter[int] = Counter()
    hit = Hit(Binding(Revision.of(document()), {}, 0))
    sampling = Sampling(share, lambda _, __, answer: numbers.update([int(answer)]), random.Random(7).random)
    for number in range(hits):
        sampling.left -= 1
        if sampling.left <= 0:
            sampling.due(Request(text=""), hit, str(number))
    return numbers


def test_the_share_of_hits_that_is_taken() -> None:
    assert not taken(0.0, 10_000)
    assert len(taken(1.0, 1_000)) == 1_000
    found = taken(0.01, 100_000)
    assert 800 < found.total() < 1_200 and max(found.values()) == 1
    assert {number % 10 for number in found} == set(range(10)), "no period of the requests is left out"


@given(st.integers(0, 8), st.integers(0, 5_000), st.floats(0, 1))
def test_a_budget_is_spent_by_a_wrong_answer_that_checks_do_not_outweigh(
    wrong: int, right: int, allowed: float
) -> None:
    checked = wrong + right
    if wrong == 0:
        assert not budget_spent(wrong, checked, allowed)
    else:
        bound = upper_bound(wrong, checked)
        assert bound is not None and bound > wrong / checked - 1e-12
        assert budget_spent(wrong, checked, allowed) == (bound > allowed)
        assert budget_spent(wrong, checked, 0.0), "nothing is allowed by default"


@pytest.mark.parametrize(("wrong", "checked", "allowed", "spent"), [(1, 100, 0.01, True), (1, 10_000, 0.001, False)])
def test_stated_budgets(wrong: int, checked: int, allowed: float, spent: bool) -> None:
    assert budget_spent(wrong, checked, allowed) is spent


def test_what_has_no_room_is_counted() -> None:
    checks = Rechecks(lambda: None, HealthPolicy(waiting=2))
    checks._began = True  # its thread does not run
    for _ in range(5):
        checks.hit(None, Request(text="x"), Binding(Revision.of(document()), {}, 0), "1")  # type: ignore[arg-type]
    assert checks.dropped == 3


def counterexample(digest: str, name: str) -> CounterexampleRow:
    return CounterexampleRow(
        id="1" * 32, digest=digest, procedure=name, source="feedback", sender="bob", given="1", expected="2",
        request='{"text":"double 4"}', arguments='{"n":"4"}', standing=Standing.OPEN, said="",
        created="2026-01-01T00:00:00.000000Z",
    )  # fmt: skip


def test_no_request_that_begins_after_a_confirmation_is_answered(tmp_path: Path) -> None:
    """Readers ask all the time while a counterexample is confirmed; afterwards none of them finds the revision, and
    neither does the next process."""
    made = document()
    asked = Request(text="double 4")
    store = Store(tmp_path / "seglam.sqlite3")
    catalog = Catalog(store)
    catalog.apply(store.place("/srv/one.yaml", made))
    reviews = Reviews(store, catalog, report=lambda _: None)
    (row,) = store.active()
    found: list[tuple[int, bool]] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            began = monotonic_ns()
            found.append((began, isinstance(catalog.index.find(asked), Hit)))

    readers = [threading.Thread(target=ask) for _ in range(3)]
    for reader in readers:
        reader.start()
    while not any(hit for _, hit in found):
        pass
    noted = store.note_counterexample(counterexample(row.digest, row.name))
    reviews.settle(noted, "eve", "computed by hand")
    returned, enough = monotonic_ns(), len(found) + 200
    while len(found) < enough:
        pass
    stop.set()
    for reader in readers:
        reader.join()
    assert any(hit for began, hit in found if began < returned)
    assert not any(hit for began, hit in found if began > returned)
    store.close()

    again = Store(tmp_path / "seglam.sqlite3")
    served = Catalog(again)
    served.load(lambda _: None)
    assert not isinstance(served.index.find(asked), Hit) and again.revisions(State.QUARANTINED)
    assert again.of("team-b").counterexample(noted.id) is None, "and nobody else learns of it"
    with pytest.raises(ReviewRefused, match="Quarantined"):
        again.place("/srv/other.yaml", made)
    with pytest.raises(ReviewRefused, match="Quarantined"):
        again.decide(row.digest, "ada", Decision.APPROVE, "again")
    again.close()


def test_counts_of_checks_are_gathered_and_none_is_lost_or_counted_twice(tmp_path: Path) -> None:
    store, gathered = Store(tmp_path / "seglam.sqlite3", busy_ms=50), Gathered()
    theirs = store.of("other")
    try:
        for digest in ("one", "one", "two"):
            gathered.add(store, digest, "agreed")
        gathered.add(theirs, "one", "unverifiable")
        assert store.healths() == [] and theirs.healths() == []
        with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError):
                gathered.write()
        found = gathered.now(store, "one", "wrong")
        assert (found.agreed, found.wrong) == (2, 1), "what depends on a count sees all that came before"
        gathered.write()
        assert [(row.digest, row.agreed, row.wrong) for row in store.healths()] == [("one", 2, 1), ("two", 1, 0)]
        assert [(row.digest, row.unverifiable) for row in theirs.healths()] == [("one", 1)]
    finally:
        store.close()
