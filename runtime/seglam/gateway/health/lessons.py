"""What a compilation must keep: confirmed counterexamples, and the tests of a revision that was withdrawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from seglam.compiler import Bench, Case, Missed, Must
from seglam.compiler.opinion import same, verified
from seglam.gateway.health.implementations import implementation_of
from seglam.gateway.store import CounterexampleRow, Records, RevisionRow, Standing, State, revision_of
from seglam.gateway.wire import dumps, load_request
from seglam.lookup import Hit, Index
from seglam.procedures import Request, Revision
from seglam.procedures.request import request_of

FEEDBACK, RECHECK, SHADOW = "feedback", "recheck", "shadow"
"""Where counterexamples come from."""


class Lessons:
    """One tenant's.

    Args:
        bench: runs the verifier's implementation on old tests, since the code that was withdrawn may have answered
            them wrongly as well; None where there is no sandbox for it.
    """

    def __init__(self, store: Records, bench: Bench | None) -> None:
        self._store = store
        self._bench = bench

    def taught(self, missed: Missed, active: Index) -> Missed:
        """The miss with all that is known of its type. Blocks for the store and, for a revision that was withdrawn,
        for its tests."""
        known = self._store.counterexamples(Standing.CONFIRMED)
        withdrawn = self._withdrawn(missed.request, active)
        own = [row for row in known if withdrawn is not None and row.digest == withdrawn.digest]
        cases = [case for row in known if (case := _case(row, own=row in own)) is not None]
        if withdrawn is None:
            return replace(missed, cases=tuple(cases)) if cases else missed
        revision = revision_of(withdrawn)
        tests = self._tests(withdrawn, revision, own)
        return replace(missed, withdrawn=revision, cases=(*cases, *tests))

    def _withdrawn(self, request: Request, active: Index) -> RevisionRow | None:
        """The newest quarantined revision that binds a request, if its name is free."""
        names = {revision.name for revision in active}
        for row in reversed(self._store.revisions(State.QUARANTINED)):
            if row.name not in names and isinstance(_alone(revision_of(row)).find(request), Hit):
                return row
        return None

    def _tests(self, row: RevisionRow, revision: Revision, own: Sequence[CounterexampleRow]) -> Iterator[Case]:
        """The withdrawn revision's examples, but for those that a counterexample contradicts.

        Only an answer that the verifier's implementation gives as well is kept; of the others it is kept that they are
        answered. Where a reviewer said that the rule has changed, no answer is.
        """
        changed = any(each.rule_changed for each in own)
        code = None if changed or self._bench is None else implementation_of(self._store, row)
        contradicted = {each.arguments for each in own}
        index = _alone(revision)
        for example in revision.spec.examples or ():
            request = request_of(example)
            found = index.find(request)
            if not isinstance(found, Hit) or arguments_text(found.binding.arguments) in contradicted:
                continue
            holds = False
            if code is not None and self._bench is not None:
                theirs = verified(revision, code, found.binding.arguments, self._bench).text
                holds = same(revision, theirs, example.answer)
            yield Case(request, Must.ANSWER, example.answer) if holds else Case(request, Must.BIND)


def arguments_text(arguments: Mapping[str, str]) -> str:
    """Arguments by name as the store keeps them."""
    return dumps(dict(sorted(arguments.items())))


def _case(row: CounterexampleRow, *, own: bool) -> Case | None:
    """A counterexample. What was asked of the revision at hand must be answered; of others no wrong answer is given.

    Where two implementations merely disagreed, nobody knows which of them was right.
    """
    request = load_request(row.request)
    if row.source == RECHECK:
        return Case(request, Must.BIND) if own else None
    if row.expected is None:
        return Case(request, Must.MISS, wrong=row.given)
    return Case(request, Must.ANSWER if own else Must.AGREE, row.expected, row.given)


def _alone(revision: Revision) -> Index:
    index = Index(explains=False)
    index.add(revision)
    return index
