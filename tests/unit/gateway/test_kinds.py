"""What misses are grouped by, so that one compilation serves all of a kind."""

from __future__ import annotations

from seglam.compiler import Missed
from seglam.gateway.kinds import kind_of
from seglam.lookup import Binding, Hit, Index, Miss, MissReason
from seglam.procedures import Request
from tests.documents import revision

DOUBLE = revision(patterns=["double {n}", "twice {n}"])


def missed(text: str, reason: MissReason, *bindings: Binding) -> Missed:
    return Missed(Request(text=text), Miss(reason, "why", bindings))


def bound(text: str) -> Binding:
    index = Index()
    index.add(DOUBLE)
    found = index.find(Request(text=text))
    assert isinstance(found, Hit)
    return found.binding


def test_refused_requests_of_one_revision_are_one_kind_whatever_their_wording() -> None:
    first = missed("double 4", MissReason.GUARD, bound("double 4"))
    other = missed("twice 5", MissReason.GUARD, bound("twice 5"))
    assert kind_of(first) == kind_of(other)


def test_other_misses_are_grouped_by_their_wording() -> None:
    assert kind_of(missed("double 4", MissReason.UNKNOWN)) == kind_of(missed("double 5", MissReason.UNKNOWN))
    kinds = {kind_of(missed(text, MissReason.UNKNOWN)) for text in ("double 4", "twice 4")}
    assert len(kinds | {kind_of(missed("double 4", MissReason.GUARD, bound("double 4")))}) == 3
