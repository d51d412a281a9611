"""The loop: a request is decided, run, or goes the way of a miss."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass, field, replace
from typing import Any, Self

from seglam.compiler import Outcome as Compiled
from seglam.gateway.answering import Answering, Declined, Started, Unanswered, answered, observed
from seglam.gateway.answers import AnswerLog
from seglam.gateway.catalog import Admits, Catalog
from seglam.gateway.misses import FAILED, Compiling, Flight, Misses
from seglam.gateway.outcomes import Answer, Outcome, Stage
from seglam.gateway.restraint import Restraint
from seglam.gateway.reviewing import Reviews
from seglam.gateway.running import Deoptimised, Runner
from seglam.gateway.savings import Prices, savings
from seglam.gateway.source import Source
from seglam.gateway.store import Change, CompilationRow, Decision, State, Store, revision_of
from seglam.lookup import Hit, Index, Miss
from seglam.procedures import Request
from seglam.procedures.values import ValueProblem
from seglam.sandbox import Mode, Sandbox

ANONYMOUS = "anonymous"
GRACE = 2.0
_EXPLAINING = frozenset({*Compiled, FAILED} - {Compiled.PROPOSED, Compiled.EXTENDED})
"""Outcomes of compilations that say more about a request than why it missed."""


@dataclass(frozen=True, slots=True)
class Pending:
    """An answer so far, and the compilation that may change it."""

    answer: Answer
    flight: Flight | None
    request: Request
    tenant: str


@dataclass(frozen=True, slots=True)
class Policy:
    """How the service behaves; see `Settings` for the meaning of each."""

    auto_approve: str | None = None
    strict: bool = False
    workers: int = 2
    queue: int = 64
    daily_tokens: int | None = None
    pause_s: float = 30.0
    prices: Prices = field(default_factory=Prices)


class Service:
    """Answers requests. Thread-safe; its methods block and are never called on an event loop.

    Args:
        store: the service closes it.
        sandbox: for hits.
        compiler: None if nothing can be compiled.
        source: watched directories of procedures.
        report: called with messages about what goes wrong in the background.
        refused: why a revision that a pack brought may not be served now.
        release: called last when the service closes, to close the sandbox and what else belongs to it.
        answers: where answers are recorded; the service closes it.

    Attributes:
        described: what the service uses, in a line each, for whoever starts it.
        interrupted: compilations that were at work when the last process ended.
    """

    def __init__(
        self,
        store: Store,
        sandbox: Sandbox,
        compiler: Compiling | None = None,
        *,
        policy: Policy | None = None,
        source: Source | None = None,
        report: Callable[[str], None] = lambda _: None,
        release: Callable[[], None] = lambda: None,
        refused: Admits = lambda _: None,
        answers: AnswerLog | None = None,
    ) -> None:
        self.policy = policy = policy or Policy()
        self.described: tuple[str, ...] = ()
        self._release = release
        self._ending: list[Callable[[], None]] = []
        self.store = store
        self.catalog = Catalog(store, refused)
        self.catalog.load(report)
        self.reviews = Reviews(store, self.catalog, auto_approve=policy.auto_approve, report=report)
        restraint = Restraint(store, daily_tokens=policy.daily_tokens, pause_s=policy.pause_s)
        self.misses = Misses(
            store,
            self.catalog,
            self.reviews,
            compiler,
            restraint,
            strict=policy.strict,
            workers=policy.workers,
            queue=policy.queue,
        )
        self.interrupted: list[CompilationRow] = store.interrupted
        self.source = source
        if source is not None:
            source.start(store, self.catalog)
        self._runner = Runner(sandbox, self.catalog.served)
        self._answering = Answering(self._runner, store.counters)
        self.answers = answers

    @property
    def index(self) -> Index:
        """The index of what is served."""
        return self.catalog.index

    def handle(
        self,
        request: Request,
        *,
        tenant: str = "default",
        requester: str = ANONYMOUS,
        only_if_cached: bool = False,
        wait_s: float = 0.0,
    ) -> Answer:
        """Answer a request.

        Args:
            requester: who asks; becomes an author of what is compiled, and so cannot approve it.
            only_if_cached: never compile.
            wait_s: how long to wait for a compilation; its answer is `provisional` until somebody approves it.
        """
        pending = self.begin(request, tenant=tenant, requester=requester, only_if_cached=only_if_cached)
        if pending.flight is None or wait_s <= 0:
            return pending.answer
        try:
            pending.flight.settled.result(timeout=wait_s)
        except NotYet:
            return pending.answer
        return self.finish(pending)

    def begin(
        self,
        request: Request,
        *,
        tenant: str = "default",
        requester: str = ANONYMOUS,
        only_if_cached: bool = False,
        headers: Mapping[str, str] | None = None,
        source: str = "native",
    ) -> Pending:
        """Answer a request as far as that is possible without waiting for a model."""
        identity = uuid.uuid4().hex
        with observed(request, identity, tenant, headers, log=self.answers, source=source) as told:
            decided = self._answering.decide(request, self.index, identity=identity, tenant=tenant)
            if isinstance(decided, Answer):
                pending = Pending(decided, None, request, tenant)
            else:
                pending = self._missed(decided, requester, only_if_cached)
            return replace(pending, answer=told(pending.answer))

    def _missed(self, unanswered: Unanswered, requester: str, only_if_cached: bool) -> Pending:
        """Go the way of a miss."""
        missed, identity = unanswered.missed, unanswered.answer.id
        try:
            following = self.misses.start(missed, requester, identity, only_if_cached=only_if_cached)
        except ValueProblem as problem:  # a value that cannot be kept, or text that is none
            return Pending(self._answering.refused(identity, str(problem)), None, missed.request, missed.tenant)
        if isinstance(following, Declined):
            return Pending(self._answering.followed(unanswered, following), None, missed.request, missed.tenant)
        answer = self._answering.followed(unanswered, Started(following.id, following.started))
        return Pending(answer, following, missed.request, missed.tenant)

    def finish(self, pending: Pending) -> Answer:
        """The answer after the compilation has ended; at once what it is if it has not."""
        flight, answer = pending.flight, pending.answer
        if flight is None or not flight.settled.done():
            return answer
        settled = flight.settled.result()
        found = self.index.find(pending.request)
        if isinstance(found, Hit) and found.binding.revision.digest != answer.revision:
            return self._late(pending, found, Outcome.MISS, Mode.WARM)
        if settled.revision is not None and settled.revision.state == State.PROPOSED:
            alone = Index()
            alone.add(revision_of(settled.revision))
            found = alone.find(pending.request)
            if isinstance(found, Hit):
                return self._late(pending, found, Outcome.PROVISIONAL, Mode.SINGLE_USE)
        late = replace(answer, stage=Stage.COMPILATION)
        if answer.stage is Stage.RUN:
            return replace(late, explained=f"{answer.explanation}; {settled.message}")
        reason = settled.outcome if settled.outcome in _EXPLAINING else answer.reason
        return replace(late, reason=reason, explained=settled.message)

    def _late(self, pending: Pending, found: Hit, outcome: Outcome, mode: Mode) -> Answer:
        """Run what the compilation made; the request stays the miss that it was."""
        answer = pending.answer
        ran = self._runner.run(found.binding, pending.tenant, mode)
        if isinstance(ran, Deoptimised):
            return replace(answer, stage=Stage.COMPILATION, reason=ran.reason, explained=ran.explanation)
        late = answered(answer.id, outcome, Stage.COMPILATION, found, ran, answer.timings.lookup_us)
        return replace(late, reason=answer.reason, compilation=answer.compilation, started=answer.started)

    def explain(self, request: Request) -> Hit | Miss:
        """What the lookup decides, without running or counting anything. `TextError` as `Index.find`."""
        return self.index.find(request)

    def decide(self, digest: str, reviewer: str, decision: Decision, reason: str) -> Change:
        """Take a decision on a revision; see `Reviews.decide`."""
        return self.reviews.decide(digest, reviewer, decision, reason)

    def resume(self, compilation: str) -> Flight | Declined | None:
        """Go on with a compilation that was interrupted; None if there is none of that id to go on with."""
        row = self.store.compilation(compilation)
        if row is None or row.progress != "interrupted":
            return None
        return self.misses.resume(row)

    def before_close(self, end: Callable[[], None]) -> None:
        """Have something ended first when the service closes."""
        self._ending.append(end)

    def close(self, grace_s: float = GRACE) -> None:
        """Stop; compilations get `grace_s` seconds to end, and are otherwise reported at the next start."""
        try:
            for end in self._ending:
                end()
            if self.source is not None:
                self.source.stop()
            self.misses.close(grace_s)
            if self.answers is not None:
                self.answers.close()
            self.store.close()
        finally:
            self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def savings(self) -> dict[str, Any]:
        """What the model did not have to do; see `savings.savings`."""
        return savings(self.store.counters.totals(), self.policy.prices)
