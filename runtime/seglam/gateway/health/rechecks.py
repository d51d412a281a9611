"""Checks off the serving path: sampled hits are run again by the verifier's implementation, and by what runs in
shadow. One thread does it for all tenants; nobody waits for it, and what it has no room for is counted."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from queue import Empty, Full, Queue
from typing import Protocol

from seglam import telemetry
from seglam.compiler import Bench
from seglam.compiler.opinion import opinion, same, verified
from seglam.compiler.running import answer_of
from seglam.gateway.health.bounds import upper_bound
from seglam.gateway.health.counterexamples import Counterexamples
from seglam.gateway.health.gathered import Gathered
from seglam.gateway.health.implementations import implementation_of
from seglam.gateway.health.lessons import SHADOW, arguments_text
from seglam.gateway.health.policy import HealthPolicy
from seglam.gateway.reviewing import Reviews
from seglam.gateway.running import program_of
from seglam.gateway.store import Records, State, StoreError, revision_of
from seglam.lookup import Binding
from seglam.procedures import Request, Revision
from seglam.sandbox import Mode

logger = logging.getLogger("seglam.gateway.health")
GRACE_S = 2.0
KEPT = 1_024
"""Revisions whose implementation is kept in memory."""


class Checked(Protocol):
    """A tenant, as far as checks concern it."""

    @property
    def store(self) -> Records:
        """Its records."""

    @property
    def reviews(self) -> Reviews:
        """Its reviews, which know what waits."""

    @property
    def counterexamples(self) -> Counterexamples:
        """What is said against its revisions."""


@dataclass(frozen=True, slots=True)
class _Task:
    """A request, and what answered it: nothing where it missed."""

    tenant: Checked
    request: Request
    binding: Binding | None
    answer: str | None


class Rechecks:
    """Takes samples and checks them one after the other.

    Args:
        bench: two engine builds; None where nothing can be checked.

    Attributes:
        dropped: samples that were not checked, since too many waited.
    """

    def __init__(self, bench: Callable[[], Bench | None], policy: HealthPolicy) -> None:
        self.policy = policy
        self.dropped = 0
        self._bench = bench
        self._waiting: Queue[_Task] = Queue(policy.waiting)
        self._counts = Gathered()
        self._implementations: dict[tuple[str, str], str | None] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="seglam-rechecks", daemon=True)
        self._began = False

    def start(self) -> None:
        """Begin to check, if there is anything that can."""
        if self._bench() is not None:
            self._began = True
            self._thread.start()

    def hit(self, tenant: Checked, request: Request, binding: Binding, answer: str) -> None:
        """Take a hit; never waits."""
        self._take(_Task(tenant, request, binding, answer))

    def missed(self, tenant: Checked, request: Request) -> None:
        """Take a miss that a proposal may answer in shadow; never waits."""
        if self.policy.shadow:
            self._take(_Task(tenant, request, None, None))

    def drain(self) -> None:
        """Wait until everything that was taken is checked and counted."""
        self._waiting.join()
        self._counts.write()

    def close(self) -> None:
        """Check nothing more; a check at work has a moment to end. What was counted is written."""
        self._stop.set()
        if self._began:
            self._thread.join(GRACE_S)
            self._write(self._counts.write)

    def _take(self, task: _Task) -> None:
        if not self._began:
            return
        try:
            self._waiting.put_nowait(task)
        except Full:
            self.dropped += 1

    def _run(self) -> None:
        while not self._stop.is_set():
            self._write(self._counts.write_some)
            try:
                task = self._waiting.get(timeout=0.5)
            except Empty:
                continue
            try:
                self._check(task)
            except Exception:  # the last resort of a thread; a failed check says nothing about an answer
                if not self._stop.is_set():
                    logger.exception("a check failed")
            finally:
                self._waiting.task_done()

    def _write(self, write: Callable[[], None]) -> None:
        try:
            write()
        except StoreError as error:  # they are kept, and tried again
            logger.warning("counts of checks wait in memory, since they cannot be written: %s", error)

    def _check(self, task: _Task) -> None:
        bench = self._bench()
        if bench is None:
            return
        if task.binding is not None:
            self._verify(task, task.binding, bench)
        if self.policy.shadow:
            self._shadow(task, bench)

    def _verify(self, task: _Task, binding: Binding, bench: Bench) -> None:
        """The verifier's answer to the same arguments. One that differs counts as wrong if both implementations say
        the same twice, in fresh instances on both engine builds; the budget decides what follows."""
        store, revision = task.tenant.store, binding.revision
        code = self._implementation(store, revision.digest)
        if code is None:
            self._count(store, revision, "unverifiable")
            return
        theirs = verified(revision, code, binding.arguments, bench)
        if same(revision, task.answer, theirs.text):
            self._count(store, revision, "agreed")
            return
        seen = replace(opinion(revision, code, binding.arguments, bench), given=task.answer)
        if not seen.steady or same(revision, task.answer, seen.verified):
            self._count(store, revision, "undecided")
            return
        telemetry.count_check("wrong", revision.name)
        counts = self._counts.now(store, revision.digest, "wrong")
        spent = budget_spent(counts.wrong, counts.agreed + counts.wrong, self.policy.allowed)
        if spent:
            telemetry.count_check("spent", revision.name)
        arguments = arguments_text(binding.arguments)
        task.tenant.counterexamples.found(revision.digest, task.request, arguments, seen, quarantines=spent)

    def _count(self, store: Records, revision: Revision, outcome: str) -> None:
        telemetry.count_check(outcome, revision.name)
        self._counts.add(store, revision.digest, outcome)

    def _implementation(self, store: Records, digest: str) -> str | None:
        key = (store.tenant, digest)
        if key not in self._implementations:
            row = store.revision(digest)
            if len(self._implementations) >= KEPT:
                self._implementations.clear()
            self._implementations[key] = None if row is None else implementation_of(store, row)
        return self._implementations[key]

    def _shadow(self, task: _Task, bench: Bench) -> None:
        """What a proposal would have answered; nobody gets it."""
        store, reviews = task.tenant.store, task.tenant.reviews
        row = reviews.proposals.answering(task.request)
        if row is None or row.state != State.PROPOSED:
            return
        revision = revision_of(row)
        binding = reviews.proposals.binding(task.request, row.digest)
        if binding is None:
            return
        run = bench.first.run(program_of(revision), binding.tagged(), mode=Mode.FRESH)
        answer = answer_of(revision, run).text
        if task.answer is None:
            store.count_health(row.digest, {"shadow_failed" if answer is None else "shadow_alone": 1})
            return
        agrees = answer is not None and (answer == task.answer or revision.returns.equal(answer, task.answer))
        counts = store.count_health(row.digest, {"shadow_agreed" if agrees else "shadow_differed": 1})
        wanted = self.policy.shadow_approves
        if wanted is not None and counts.shadow_agreed >= wanted and not counts.shadow_differed:
            reviews.approve_after(row, SHADOW, f"{counts.shadow_agreed} agreements in shadow, no disagreement")


def budget_spent(wrong: int, checked: int, allowed: float) -> bool:
    """Whether a procedure's error budget is spent: there is a wrong answer, and the checks do not show with 95 %
    confidence that the share of wrong ones is at most what is allowed."""
    bound = upper_bound(wrong, checked)
    return wrong > 0 and (bound is None or bound > allowed)
