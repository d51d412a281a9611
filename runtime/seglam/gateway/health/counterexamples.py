"""Counterexamples of one tenant: stated, confirmed or not, and what follows from one that is confirmed.

Anybody who may ask may say that an answer is wrong. That alone changes nothing, since otherwise anyone could silence a
procedure. It is confirmed by the verifier's recorded implementation, if that gives the expected answer to the same
arguments and both implementations say the same twice in fresh instances on both engine builds; or by a reviewer who is
not its sender.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from seglam.compiler import Bench, Missed
from seglam.compiler.assemble import as_canonical
from seglam.compiler.opinion import Opinion, bound, opinion, weigh
from seglam.compiler.results import Finding
from seglam.gateway.answering import Declined
from seglam.gateway.answers import Recorded
from seglam.gateway.catalog import Catalog
from seglam.gateway.health.implementations import implementation_of
from seglam.gateway.health.lessons import FEEDBACK, RECHECK, arguments_text
from seglam.gateway.misses import Misses
from seglam.gateway.reviewing import Reviews
from seglam.gateway.store import (
    CounterexampleRow,
    Records,
    ReviewRefused,
    RevisionRow,
    Standing,
    revision_of,
)
from seglam.gateway.store.revisions import same_person
from seglam.gateway.store.tables import stamp
from seglam.gateway.wire import dump_request, load_request, loads
from seglam.lookup import Binding, Hit, Miss, MissReason
from seglam.procedures import Request, Revision, TextError
from seglam.procedures.values import ValueProblem

VERIFIER = "seglam:verifier"
"""Who decides where the verifier's implementation does."""
MAX_OPEN = 1_000
"""Counterexamples of one tenant that may wait for a reviewer."""


class Counterexamples:
    """Takes what people and checks say against a revision. Every method blocks, for the sandbox or the store.

    Args:
        bench: None where there is no sandbox of its own for checks; then only reviewers confirm.
        report: called with a message about each revision that is quarantined.
    """

    def __init__(
        self,
        store: Records,
        catalog: Catalog,
        reviews: Reviews,
        misses: Misses,
        bench: Callable[[], Bench | None],
        report: Callable[[str], None],
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._reviews = reviews
        self._misses = misses
        self._bench = bench
        self._report = report

    def state(
        self, answer: Recorded, request: Request, expected: str | None, why: str, sender: str
    ) -> CounterexampleRow:
        """Somebody says that an answer is wrong.

        Args:
            answer: as it is recorded; of this tenant.
            request: what was asked, since the record of answers does not hold it.
            expected: the right answer; None if the procedure should not answer such a request.

        Raises:
            ReviewRefused: `no-procedure`, `not-its-request`, `not-its-type` or `too-many-open`.
        """
        row = None if answer.revision is None else self._store.revision(answer.revision)
        if row is None:
            raise ReviewRefused("no-procedure", "no procedure gave this answer; there is nothing to correct")
        revision = revision_of(row)
        binding = _bound(revision, request)
        if expected is not None:
            expected = as_canonical(revision.returns, expected)
            try:
                revision.returns.check(expected)
            except ValueProblem as problem:
                words = f"{expected[:100]!r} is no answer of {row.name}: {problem}"
                raise ReviewRefused("not-its-type", words) from None
        if len(self._store.counterexamples(Standing.OPEN, limit=MAX_OPEN)) == MAX_OPEN:
            raise ReviewRefused("too-many-open", f"{MAX_OPEN} counterexamples wait for a reviewer; decide on some")
        stated = _stated(row, binding, request, FEEDBACK, sender)
        stated.answer, stated.expected, stated.why = answer.id, expected, why
        kept = self._store.note_counterexample(stated)
        return kept if kept.standing != Standing.OPEN else self._examined(kept, row, revision, binding)

    def found(self, digest: str, request: Request, arguments: str, seen: Opinion, *, quarantines: bool) -> None:
        """A check found that two implementations disagree, each of them twice."""
        row = self._store.revision(digest)
        assert row is not None
        stated = CounterexampleRow(
            id=uuid.uuid4().hex, tenant=row.tenant, digest=digest, procedure=row.name, source=RECHECK, sender=VERIFIER,
            request=dump_request(request), arguments=arguments, given=seen.given, expected=seen.verified,
            verified=seen.verified, standing=Standing.OPEN, said="", created=stamp(),
        )  # fmt: skip
        kept = self._store.note_counterexample(stated)
        if kept.standing == Standing.DISMISSED or (kept.standing == Standing.CONFIRMED and not quarantines):
            return
        words = (
            f"on the same arguments the code answers {seen.given!r}, the verifier's implementation {seen.verified!r}"
        )
        self._confirm(kept, VERIFIER, words, quarantines=quarantines)

    def decide(
        self, identity: str, reviewer: str, confirms: bool, reason: str, *, rule_changed: bool = False
    ) -> CounterexampleRow:
        """A reviewer decides on a counterexample that is open, or dismisses one that was confirmed.

        Args:
            rule_changed: the procedure was right once; the answers of its examples hold no longer.

        Raises:
            ReviewRefused: `unknown-counterexample`, `four-eyes`, `wrong-state` or `reviewer-missing`.
        """
        row = self._store.counterexample(identity)
        if row is None:
            raise ReviewRefused("unknown-counterexample", f"there is no counterexample {identity[:100]}")
        if not reviewer.strip() or not reason.strip():
            raise ReviewRefused("reviewer-missing", "a decision needs a reviewer and a reason; give both")
        if confirms and same_person(reviewer, [row.sender]):
            raise ReviewRefused("four-eyes", f"{reviewer} sent this counterexample; ask somebody else to confirm it")
        if row.standing != Standing.OPEN:
            raise ReviewRefused("wrong-state", f"the counterexample is {row.standing}; it was decided on before")
        if confirms:
            self._confirm(row, reviewer, reason, rule_changed=rule_changed)
        else:
            self._store.settle_counterexample(identity, Standing.DISMISSED, reviewer, reason)
        return self._again(row)

    def _examined(
        self, kept: CounterexampleRow, row: RevisionRow, revision: Revision, binding: Binding
    ) -> CounterexampleRow:
        """Ask both implementations."""
        bench = self._bench()
        if bench is None:
            return self._said(kept, "it waits for a reviewer: nothing here can run it once more")
        seen = opinion(revision, implementation_of(self._store, row), binding.arguments, bench)
        kept = self._store.change_counterexample(kept.id, given=seen.given, verified=seen.verified)
        match weigh(revision, kept.expected, seen):
            case Finding.REFUTED:
                words = f"the procedure does answer {seen.given!r} to this request"
                self._store.settle_counterexample(kept.id, Standing.REFUTED, VERIFIER, words)
                return self._again(kept)
            case Finding.UNASKED:
                words = "no verifier's implementation of this revision is kept"
                return self._said(kept, f"it waits for a reviewer: {words}")
            case Finding.UNSTEADY:
                words = "the implementations ran into limits or differ each time"
                return self._said(kept, f"it waits for a reviewer: {words}")
            case Finding.AGREED:
                words = "the verifier's implementation answers as the code does"
                return self._said(kept, f"it waits for a reviewer: {words}")
            case Finding.CONFIRMED:
                words = f"the verifier's implementation answers {seen.verified!r} as expected"
                self._confirm(kept, VERIFIER, words)
                return self._again(kept)
        self.found(row.digest, load_request(kept.request), kept.arguments, seen, quarantines=True)
        words = (
            f"both are doubtful: the verifier's implementation answers {seen.verified!r}, and the revision is stopped"
        )
        return self._said(kept, words + "; a reviewer decides what is right")

    def _confirm(
        self,
        row: CounterexampleRow,
        who: str,
        said: str,
        *,
        rule_changed: bool = False,
        quarantines: bool = True,
    ) -> None:
        """Stop the revision, and then have another one written."""
        change = self._reviews.settle(row, who, said, rule_changed=rule_changed, quarantines=quarantines)
        if not quarantines:
            return
        if change.removed:
            self._report(f"{row.procedure} ({row.digest}) is quarantined: counterexample {row.id}: {said}")
        if row.expected is not None:
            self._heal(row)

    def _heal(self, row: CounterexampleRow) -> None:
        request = load_request(row.request)
        found = self._catalog.index.find(request)
        if isinstance(found, Hit):
            return
        miss = found if found.bindings else Miss(MissReason.UNKNOWN, f"{row.procedure} was quarantined", (), found.near)
        following = self._misses.start(
            Missed(request, miss, self._store.tenant), row.sender, uuid.uuid4().hex, urgent=True
        )
        if isinstance(following, Declined):
            self._report(f"nothing is compiled in the place of {row.procedure}: {following.explanation}")
        else:
            self._store.change_counterexample(row.id, compilation=following.id)

    def _said(self, row: CounterexampleRow, words: str) -> CounterexampleRow:
        return self._store.change_counterexample(row.id, said=words)

    def _again(self, row: CounterexampleRow) -> CounterexampleRow:
        found = self._store.counterexample(row.id)
        assert found is not None
        return found


def as_json(row: CounterexampleRow) -> dict[str, Any]:
    """A counterexample as it is sent."""
    content = loads(row.request)
    return {
        "id": row.id,
        "procedure": row.procedure,
        "revision": row.digest,
        "source": row.source,
        "answer": row.answer,
        "sender": row.sender,
        "request": content,
        "given": row.given,
        "expected": row.expected,
        "verified": row.verified,
        "why": row.why,
        "standing": row.standing,
        "said": row.said,
        "decidedBy": row.decided_by,
        "ruleChanged": row.rule_changed,
        "compilation": row.compilation,
        "created": row.created,
        "decided": row.decided,
    }


def _stated(row: RevisionRow, binding: Binding, request: Request, source: str, sender: str) -> CounterexampleRow:
    return CounterexampleRow(
        id=uuid.uuid4().hex, tenant=row.tenant, digest=row.digest, procedure=row.name, source=source, sender=sender,
        request=dump_request(request), arguments=arguments_text(binding.arguments), standing=Standing.OPEN,
        said="it was not looked at yet", created=stamp(),
    )  # fmt: skip


def _bound(revision: Revision, request: Request) -> Binding:
    """What a revision alone binds of a request."""
    try:
        found = bound(revision, request)
    except TextError as error:
        raise ReviewRefused("not-its-request", str(error)) from error
    if found is None:
        words = f"this is no request that {revision.name} answers; give text, inputs and context as they were asked"
        raise ReviewRefused("not-its-request", words)
    return found
