"""What happens on a miss: whether a compilation starts, and one for each type at a time."""

from __future__ import annotations

import contextvars
import logging
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from typing import Protocol

from seglam import telemetry
from seglam.compiler import Compilation, Missed, NegativeIndex, Outcome
from seglam.gateway.alike import Recent
from seglam.gateway.answering import Declined
from seglam.gateway.catalog import Catalog
from seglam.gateway.crew import Crew
from seglam.gateway.hotness import Hotness
from seglam.gateway.kinds import declined_at_once, kind_of
from seglam.gateway.outcomes import Reason
from seglam.gateway.restraint import Restraint
from seglam.gateway.reviewing import Reviews
from seglam.gateway.store import CompilationRow, Records, RevisionRow, State, StoreError
from seglam.gateway.store.compilations import missed_of
from seglam.lookup import Hit, Index

logger = logging.getLogger("seglam.gateway")

KNOWN_BY_NOW = "known-by-now"
FAILED = "failed"
"""Outcomes of compilations that the compiler does not know: nothing to do any more, and a failure on our side."""


class Compiling(Protocol):
    """What turns a miss into a revision: `seglam.compiler.Compiler`."""

    def compile(self, missed: Missed, index: Index, progress: Callable[[str], None]) -> Compilation:
        """Compile one miss; blocks as long as models take."""


@dataclass(frozen=True, slots=True)
class Settled:
    """How a compilation ended. `revision` is the one that it proposed, in the state that it has now."""

    outcome: str
    message: str
    revision: RevisionRow | None = None


@dataclass(frozen=True, slots=True)
class Flight:
    """A compilation that waits or runs. `started` says whether the request at hand caused it."""

    id: str
    fingerprint: str
    settled: Future[Settled] = field(repr=False)
    started: bool = True


class Misses:
    """Starts one tenant's compilations.

    Args:
        compiler: None where there is no model and no recording.
        crew: compiles; all tenants' is one.
        hotness: from which miss of a type on it is compiled.
        taught: a miss with all that is known of its type.
        strict: never compile, whatever a request allows.
    """

    def __init__(
        self,
        store: Records,
        catalog: Catalog,
        reviews: Reviews,
        compiler: Compiling | None,
        restraint: Restraint,
        crew: Crew,
        *,
        hotness: Hotness,
        taught: Callable[[Missed, Index], Missed] = lambda missed, _: missed,
        strict: bool = False,
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._reviews = reviews
        self._compiler = compiler
        self._restraint = restraint
        self._strict = strict
        self._flights: dict[str, Flight] = {}
        self._lock = threading.Lock()
        self._closed = False
        self._crew = crew
        self._hotness = hotness
        self._taught = taught
        self._recent = Recent()
        self.negatives = NegativeIndex(lambda: datetime.now(UTC), store.negatives())

    def start(
        self,
        missed: Missed,
        requester: str,
        request_id: str,
        *,
        only_if_cached: bool = False,
        urgent: bool = False,
    ) -> Flight | Declined:
        """Start or join the compilation of a miss, or say why there is none. Blocks for the store only.

        Args:
            urgent: compile also a type that is not hot: it was, until its procedure was withdrawn.
        """
        restricted = only_if_cached or self._strict
        if not restricted:  # what no model may be asked about is shown to none, with somebody else's request either
            self._recent.note(missed, requester)
        if (declined := declined_at_once(missed, self.negatives, only_if_cached=restricted)) is not None:
            return declined
        if (waiting := self._reviews.proposals.answering(missed.request)) is not None and waiting.compilation:
            return _landed(waiting, waiting.compilation)
        if self._compiler is None:
            return Declined(
                Reason.NO_COMPLETION,
                f"{missed.miss.explanation}; nothing can be compiled, since there is neither a model nor a recording",
            )
        if (spent := self._restraint.over_budget()) is not None:
            return Declined(Reason.BUDGET, f"{missed.miss.explanation}; {spent}")
        return self._fly(missed, requester, request_id, urgent=urgent)

    def resume(self, row: CompilationRow) -> Flight | Declined:
        """Go on with a compilation that was interrupted, under the same rules as for a new one."""
        return self.start(missed_of(row), row.requester, uuid.uuid4().hex)

    def flight(self, compilation: str) -> Flight | None:
        """A compilation that waits or runs."""
        with self._lock:
            return next((flight for flight in self._flights.values() if flight.id == compilation), None)

    def close(self) -> None:
        """Start nothing more; failures from now on are the closing's."""
        self._closed = True

    def abandon(self) -> None:
        """Tell who waits that nothing comes any more. What is still at work is reported as interrupted at the next
        start."""
        with self._lock:
            left = list(self._flights.values())
            self._flights.clear()
        for flight in left:
            if not flight.settled.done():
                flight.settled.set_result(Settled("interrupted", "the service is closing"))

    def _fly(self, missed: Missed, requester: str, request_id: str, *, urgent: bool) -> Flight | Declined:
        print_ = kind_of(missed)
        with self._lock:
            if (flight := self._flights.get(print_)) is None:
                if (failure := self._restraint.resting(print_, self._catalog.changes)) is not None:
                    recorded = failure.outcome is Outcome.NO_COMPLETION
                    when = "when other procedures are active" if recorded else "later"
                    return Declined(failure.outcome, f"{failure.message}; this type is tried again {when}")
                earlier = self._store.interrupted_of(print_)
                if earlier is None and not urgent and (cold := self._hotness.cold(print_)) is not None:
                    return Declined(Reason.COLD, f"{missed.miss.explanation}; {cold}")
                if not self._crew.has_room(missed.tenant):
                    return Declined(Reason.BUSY, "too many compilations wait already; try again later")
                flight = Flight(earlier.id if earlier else uuid.uuid4().hex, print_, _future())
                self._store.open_compilation(flight.id, print_, missed, requester)
                self._flights[print_] = flight
                self._crew.submit(
                    missed.tenant, partial(contextvars.copy_context().run, self._run, flight, missed, requester)
                )
                return flight
        self._store.wait(request_id, flight.id, missed, requester)
        return replace(flight, started=False)

    def _run(self, flight: Flight, missed: Missed, requester: str) -> None:
        try:
            settled = self._settle(flight, missed, requester)
        except Exception as error:  # noqa: BLE001 the last resort of a thread; it is logged and the callers are told
            settled = self._failed(flight, error)
        with self._lock:
            self._flights.pop(flight.fingerprint, None)
        if not flight.settled.done():
            flight.settled.set_result(settled)

    def _settle(self, flight: Flight, missed: Missed, requester: str) -> Settled:
        found = self._catalog.index.find(missed.request)
        tried = {binding.revision.digest for binding in missed.miss.bindings}
        if isinstance(found, Hit) and found.binding.revision.digest not in tried:
            message = f"{found.binding.revision.name} answers this type by now"
            self._store.end_compilation(flight.id, KNOWN_BY_NOW, message)
            return Settled(KNOWN_BY_NOW, message)
        changes, began = self._catalog.changes, monotonic()
        texts, senders = self._recent.like(missed)
        known = self._taught(replace(missed, alike=texts), self._catalog.index)
        made = self._compile(flight, known)
        row = self._store.close_compilation(made, authors_of(made, requester, *senders))
        self._recent.forget(missed.request.text)
        self._count(made, monotonic() - began)
        if row is not None and row.state not in (State.PROPOSED, State.ACTIVE):
            words = f"{row.name} is {row.state} in the very form that was compiled now"
            made = replace(made, outcome=Outcome.REJECTED, message=words)
        self._restraint.note(flight.fingerprint, made.outcome, made.message, changes)
        if made.negative is not None:
            with self._lock:
                self.negatives.add(made.negative)
        if row is not None and row.state == State.PROPOSED:
            self._reviews.proposed(row)
            row = self._store.revision(row.digest)
        return Settled(made.outcome, made.message, row)

    def _compile(self, flight: Flight, missed: Missed) -> Compilation:
        assert self._compiler is not None
        with telemetry.compilation(flight.id, flight.fingerprint) as span:
            self._store.step(flight.id, "started")
            made = self._compiler.compile(
                missed, self._catalog.index, lambda message: self._store.step(flight.id, message)
            )
            span.set_attribute(telemetry.names.COMPILATION_OUTCOME, made.outcome)
            if made.document is None and made.negative is None:
                telemetry.failed(span, made.outcome, made.message if telemetry.values_allowed() else "")
            where = telemetry.reference(span)
        made = replace(made, id=flight.id, fingerprint=flight.fingerprint)
        return made if where is None else replace(made, trace_id=where.trace_id, span_id=where.span_id)

    def _count(self, made: Compilation, seconds: float) -> None:
        telemetry.count_compilation(made.outcome, seconds)
        live = [call for call in made.calls if call.recording is None]
        counts = {
            f"compilations:{made.outcome}": 1,
            "model_calls": len(live),
            "recorded_calls": len(made.calls) - len(live),
            "input_tokens": sum(call.input_tokens for call in live),
            "output_tokens": sum(call.output_tokens for call in live),
            "model_ms": round(sum(call.elapsed_ms for call in live)),
        }
        name = made.document.metadata.name if made.document is not None else ""
        self._store.counters.add({key: count for key, count in counts.items() if count}, name)

    def _failed(self, flight: Flight, error: Exception) -> Settled:
        """A failure on our side, which the store keeps if it can."""
        if self._closed:
            return Settled("interrupted", "the service is closing")
        words = str(error) if isinstance(error, StoreError) else f"{type(error).__name__}, see the service's log"
        message = f"the compilation failed: {words}"
        logger.error("compilation %s failed", flight.id, exc_info=error)
        if not isinstance(error, StoreError):  # it would fail again, and tokens with it
            self._restraint.note(flight.fingerprint, Outcome.REJECTED, message, self._catalog.changes)
        try:
            self._store.end_compilation(flight.id, FAILED, message)
        except StoreError as problem:
            logger.error("the end of compilation %s cannot be kept: %s", flight.id, problem)
        return Settled(FAILED, message)


def _future() -> Future[Settled]:
    """A future that nobody who waits for it can cancel."""
    made: Future[Settled] = Future()
    made.set_running_or_notify_cancel()
    return made


def _landed(row: RevisionRow, compilation: str) -> Flight:
    """The compilation of a revision that waits for review."""
    flight = Flight(compilation, "", _future(), started=False)
    flight.settled.set_result(Settled(Outcome.PROPOSED, f"{row.name} answers this type and waits for review", row))
    return flight


def authors_of(made: Compilation, requester: str, *others: str) -> list[str]:
    """The requester, every model that wrote code or patterns, and others whose requests it read, since their words had
    a part in what it wrote. A recorded completion read nobody's; the verifier wrote none of it.
    """
    asked = [call for call in made.calls if call.role == "author"]
    read = {*others} - {requester} if any(call.recording is None for call in asked) else set()
    return [requester, *sorted(read), *sorted({f"model:{call.model}" for call in asked})]
