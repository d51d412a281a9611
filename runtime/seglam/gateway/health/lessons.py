"""What a compilation must keep: confirmed counterexamples, and the tests of a revision that was withdrawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from seglam.compiler import Bench, Case, Missed, Must
from seglam.compiler.lessons import correction, tests_of
from seglam.compiler.opinion import bound
from seglam.gateway.health.implementations import implementation_of
from seglam.gateway.store import CounterexampleRow, Records, RevisionRow, Standing, State, revision_of
from seglam.gateway.wire import dumps, load_request, loads
from seglam.lookup import Index
from seglam.procedures import Request

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
        changed = any(row.rule_changed for row in own)
        code = None if changed or self._bench is None else implementation_of(self._store, withdrawn)
        contradicted = [cast("dict[str, str]", loads(row.arguments)) for row in own]
        tests = tests_of(revision, code, contradicted, self._bench)
        return replace(missed, withdrawn=revision, cases=(*cases, *tests))

    def _withdrawn(self, request: Request, active: Index) -> RevisionRow | None:
        """The newest quarantined revision that binds a request, if its name is free."""
        names = {revision.name for revision in active}
        for row in reversed(self._store.revisions(State.QUARANTINED)):
            if row.name not in names and bound(revision_of(row), request) is not None:
                return row
        return None


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
    return correction(request, row.expected, row.given, own=own)
