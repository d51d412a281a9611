"""The loop: a request is decided, run, or goes the way of a miss."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from seglam.compiler import Bench
from seglam.compiler import Outcome as Compiled
from seglam.gateway.access.embedded import ANONYMOUS, Access
from seglam.gateway.access.file import Rules
from seglam.gateway.access.keys import Keys
from seglam.gateway.answering import Declined, Started, Unanswered, answered, observed
from seglam.gateway.answers import AnswerLog
from seglam.gateway.asking import new_id
from seglam.gateway.catalog import Admits, Catalog
from seglam.gateway.crew import Crew
from seglam.gateway.health.rechecks import Rechecks
from seglam.gateway.misses import FAILED, Compiling, Flight, Misses
from seglam.gateway.openai.upstream.settings import UpstreamSettings
from seglam.gateway.outcomes import Answer, Outcome, Stage
from seglam.gateway.reviewing import Reviews
from seglam.gateway.running import Deoptimised, Running
from seglam.gateway.savings import savings
from seglam.gateway.source import Source
from seglam.gateway.store import (
    DEFAULT_TENANT,
    Change,
    CompilationRow,
    Decision,
    RevisionRow,
    State,
    Store,
    revision_of,
)
from seglam.gateway.tenancy import Policy, Shared, Tenant
from seglam.lookup import Hit, Index, Miss
from seglam.procedures import Request
from seglam.procedures.values import ValueProblem
from seglam.sandbox import Mode

if TYPE_CHECKING:
    from seglam.packs.trust.roots import TrustRoot

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


class Service:
    """Answers requests. Thread-safe; its methods block and are never called on an event loop.

    Args:
        store: the service closes it.
        sandbox: for hits.
        compiler: None if nothing can be compiled.
        source: watched directories of the default tenant's procedures.
        report: called with messages about what goes wrong in the background.
        refused: why a revision that a pack brought may not be served now.
        release: called last when the service closes, to close the sandbox and what else belongs to it.
        answers: where answers are recorded; the service closes it.
        access: who may ask; by default whoever reaches the service.
        bench: two engine builds on which answers are checked again; None checks nothing.
        roots: by whose signatures this machine goes; see `seglam.gateway.packs.trusted`.

    Attributes:
        sandbox: runs hits.
        rechecks: what is checked off the serving path.
        described: what the service uses, in a line each, for whoever starts it.
        interrupted: compilations that were at work when the last process ended.
    """

    def __init__(
        self,
        store: Store,
        sandbox: Running,
        compiler: Compiling | None = None,
        *,
        policy: Policy | None = None,
        source: Source | None = None,
        report: Callable[[str], None] = lambda _: None,
        release: Callable[[], None] = lambda: None,
        refused: Admits = lambda _: None,
        answers: AnswerLog | None = None,
        access: Access | None = None,
        bench: Bench | None = None,
        roots: Callable[[], Sequence[TrustRoot]] = tuple,
    ) -> None:
        self.policy = policy = policy or Policy()
        self.described: tuple[str, ...] = ()
        self.upstream = UpstreamSettings()
        self._release = release
        self._ending: list[Callable[[], None]] = []
        self.store = store
        self.sandbox = sandbox
        self._crew = Crew(policy.workers, policy.queue, "seglam-compile")
        self.rechecks = Rechecks(lambda: bench, policy.health)
        self._shared = Shared(sandbox, compiler, self._crew, policy, refused, lambda: bench, self.rechecks, report)
        self._tenants: dict[str, Tenant] = {}
        self._arriving = threading.Lock()
        for name in {DEFAULT_TENANT, *store.tenants()}:
            self.tenant(name)
        self.interrupted: list[CompilationRow] = store.interrupted
        self.source = source
        if source is not None:
            source.start(store, self.catalog)
        self.answers = answers
        self.roots = roots
        self.access = access or Access(Rules(), Keys(store.keeping, report))
        self.access.keys.start()
        self.rechecks.start()

    def known(self, name: str) -> Tenant | None:
        """A tenant that is in memory already; never waits."""
        return self._tenants.get(name)

    def tenant(self, name: str = DEFAULT_TENANT) -> Tenant:
        """A tenant; one that is not known yet has nothing."""
        found = self._tenants.get(name)
        if found is None:
            with self._arriving:
                found = self._tenants.get(name)
                if found is None:
                    found = self._tenants[name] = Tenant(self.store.of(name), self._shared)
        return found

    @property
    def catalog(self) -> Catalog:
        """What the default tenant serves."""
        return self.tenant().catalog

    @property
    def reviews(self) -> Reviews:
        """The default tenant's reviews."""
        return self.tenant().reviews

    @property
    def misses(self) -> Misses:
        """The default tenant's misses."""
        return self.tenant().misses

    @property
    def index(self) -> Index:
        """The index of what the default tenant serves."""
        return self.tenant().index

    def recheck(self, report: Callable[[str], None]) -> None:
        """Ask again about what packs brought, to whomever."""
        for tenant in list(self._tenants.values()):
            tenant.catalog.recheck(report)

    def handle(
        self,
        request: Request,
        *,
        tenant: str = DEFAULT_TENANT,
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
        tenant: str = DEFAULT_TENANT,
        requester: str = ANONYMOUS,
        only_if_cached: bool = False,
        headers: Mapping[str, str] | None = None,
        source: str = "native",
    ) -> Pending:
        """Answer a request as far as that is possible without waiting for a model."""
        identity, part = new_id(), self.tenant(tenant)
        with observed(request, identity, tenant, headers, log=self.answers, source=source) as told:
            decided = part.answering.decide(request, part.index, identity=identity, tenant=tenant)
            if isinstance(decided, Answer):
                pending = Pending(decided, None, request, tenant)
            else:
                pending = self.missed(part, decided, requester, only_if_cached)
            return replace(pending, answer=told(pending.answer))

    def missed(self, part: Tenant, unanswered: Unanswered, requester: str, only_if_cached: bool) -> Pending:
        """Go the way of a miss."""
        missed, identity = unanswered.missed, unanswered.answer.id
        self.rechecks.missed(part, missed.request)
        try:
            following = part.misses.start(missed, requester, identity, only_if_cached=only_if_cached)
        except ValueProblem as problem:  # a value that cannot be kept, or text that is none
            return Pending(part.answering.refused(identity, str(problem)), None, missed.request, missed.tenant)
        if isinstance(following, Declined):
            return Pending(part.answering.followed(unanswered, following), None, missed.request, missed.tenant)
        answer = part.answering.followed(unanswered, Started(following.id, following.started))
        return Pending(answer, following, missed.request, missed.tenant)

    def finish(self, pending: Pending) -> Answer:
        """The answer after the compilation has ended; at once what it is if it has not."""
        flight, answer = pending.flight, pending.answer
        if flight is None or not flight.settled.done():
            return answer
        settled = flight.settled.result()
        found = self.tenant(pending.tenant).index.find(pending.request)
        if isinstance(found, Hit) and found.binding.revision.digest != answer.revision:
            return self._late(pending, found, Outcome.MISS, Mode.WARM)
        if settled.revision is not None and settled.revision.state == State.PROPOSED:
            alone = Index()
            alone.add(revision_of(settled.revision))
            found = alone.find(pending.request)
            if isinstance(found, Hit):
                return self._late(pending, found, Outcome.PROVISIONAL, Mode.SINGLE_USE)
        late = answer._replace(stage=Stage.COMPILATION)
        if answer.stage is Stage.RUN:
            return late._replace(explained=f"{answer.explanation}; {settled.message}")
        reason = settled.outcome if settled.outcome in _EXPLAINING else answer.reason
        return late._replace(reason=reason, explained=settled.message)

    def _late(self, pending: Pending, found: Hit, outcome: Outcome, mode: Mode) -> Answer:
        """Run what the compilation made; the request stays the miss that it was."""
        answer = pending.answer
        ran = self.tenant(pending.tenant).runner.run(found.binding, pending.tenant, mode)
        if isinstance(ran, Deoptimised):
            return answer._replace(stage=Stage.COMPILATION, reason=ran.reason, explained=ran.explanation)
        late = answered(answer.id, outcome, Stage.COMPILATION, found, ran, answer.timings.lookup_us)
        return late._replace(reason=answer.reason, compilation=answer.compilation, started=answer.started)

    def explain(self, request: Request, tenant: str = DEFAULT_TENANT) -> Hit | Miss:
        """What the lookup decides, without running or counting anything. `TextError` as `Index.find`."""
        return self.tenant(tenant).index.find(request)

    def decide(
        self, digest: str, reviewer: str, decision: Decision, reason: str, tenant: str = DEFAULT_TENANT
    ) -> Change:
        """Take a decision on a revision; see `Reviews.decide`."""
        return self.tenant(tenant).reviews.decide(digest, reviewer, decision, reason)

    def promote(self, name: str, target: str, promoter: str, tenant: str = DEFAULT_TENANT) -> RevisionRow:
        """Propose to another tenant what serves under a name; see `Reviews.promote`."""
        return self.tenant(tenant).reviews.promote(name, self.tenant(target).reviews, promoter)

    def resume(self, compilation: str, tenant: str = DEFAULT_TENANT) -> Flight | Declined | None:
        """Go on with a compilation that was interrupted; None if there is none of that id to go on with."""
        part = self.tenant(tenant)
        row = part.store.compilation(compilation)
        if row is None or row.progress != "interrupted":
            return None
        return part.misses.resume(row)

    def before_close(self, end: Callable[[], None]) -> None:
        """Have something ended first when the service closes."""
        self._ending.append(end)

    def close(self, grace_s: float = GRACE) -> None:
        """Stop; compilations get `grace_s` seconds to end, and are otherwise reported at the next start."""
        try:
            for end in self._ending:
                end()
            self.rechecks.close()
            if self.source is not None:
                self.source.stop()
            tenants = list(self._tenants.values())
            for tenant in tenants:
                tenant.misses.close()
            self._crew.close(grace_s)
            for tenant in tenants:
                tenant.misses.abandon()
            self.access.keys.close()
            if self.answers is not None:
                self.answers.close()
            self.store.close()
        finally:
            self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def savings(
        self, tenant: str = DEFAULT_TENANT, since: str | None = None, until: str | None = None
    ) -> dict[str, Any]:
        """What the model did not have to do for a tenant between two days; see `savings.savings`."""
        totals = self.tenant(tenant).store.counters.totals(since, until)
        return savings(totals, self.policy.prices(tenant))
