"""From a request to an answer, as far as no model is needed: decided, run, judged, told to telemetry, counted.

What happens on a miss is up to whoever asks: `decide` returns it as `Unanswered`, and `followed` puts together what
the caller gets after a compilation was started, joined or declined.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import NamedTuple, Protocol

from seglam import telemetry
from seglam.compiler import Missed
from seglam.gateway.answers import AnswerLog
from seglam.gateway.health.sampling import Sampling
from seglam.gateway.outcomes import Answer, Outcome, Reason, Stage, Timings
from seglam.gateway.running import Deoptimised, Ran, Runner
from seglam.lookup import Binding, Hit, Index, Miss, MissReason, Near
from seglam.procedures import Request, TextError
from seglam.sandbox import Mode
from seglam.telemetry import SpanReference


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A miss that may be compiled. `answer` says so far what missed and why."""

    missed: Missed
    answer: Answer


@dataclass(frozen=True, slots=True)
class Started:
    """A compilation that waits, runs or has ended. `started` says whether the request at hand caused it."""

    id: str
    started: bool


@dataclass(frozen=True, slots=True)
class Declined:
    """No compilation starts, and why."""

    reason: str
    explanation: str


Fits = Callable[[str], str | None]
"""Says of an answer why its caller cannot take it; None if it can."""


class Found(NamedTuple):
    """A hit that was decided where nothing may wait: when that began, in seconds of `time.perf_counter`, and how long
    it took."""

    hit: Hit
    began: float
    lookup_us: float


class Counting(Protocol):
    """Where outcomes are counted."""

    def add(self, counts: Mapping[str, int], procedure: str = "") -> None:
        """Add to counters, never waiting for a disk or a network."""


class Answering:
    """Decides requests and runs what they bind to. Thread-safe; blocks as long as a procedure's limits allow."""

    def __init__(self, runner: Runner, counters: Counting, sampling: Sampling | None = None) -> None:
        self._runner = runner
        self._counters = counters
        self._sampling = sampling or Sampling(0.0, lambda *_: None)

    def found(self, request: Request, index: Index) -> Found | None:
        """The hit of a request whose decision takes a small part of a millisecond, so that an event loop may wait for
        it; `answered_at_once` is next. None for every other request, which `decide` is for."""
        began = perf_counter()
        try:
            hit = index.hit(request)
        except TextError:
            return None
        return None if hit is None else Found(hit, began, (perf_counter() - began) * 1e6)

    def answered_at_once(
        self,
        request: Request,
        found: Found,
        identity: str,
        tenant: str,
        fits: Fits | None = None,
        recorded: bool = False,
    ) -> Answer | None:
        """The answer of a hit whose run, too, takes a small part of a millisecond. None for every other one; nothing of
        it is counted.

        Args:
            recorded: whether spans are made of it when it is answered. No request that has a span is asked here.
        """
        ran = self._runner.swiftly(found.hit.binding, tenant)
        if ran is None or (fits is not None and fits(ran.answer) is not None):
            return None
        answer = answered(identity, Outcome.HIT, Stage.RUN, found.hit, ran, found.lookup_us)
        self._count_hit(request, answer)
        return self._recorded(request, answer, ran, tenant, perf_counter() - found.began) if recorded else answer

    def _recorded(self, request: Request, answer: Answer, ran: Ran, tenant: str, took_s: float) -> Answer:
        """A hit with spans, which are made now."""
        assert isinstance(answer.explained, Hit)
        revision = answer.explained.binding.revision
        served = self._runner.served(revision)
        where = telemetry.afterwards.answered(
            telemetry.afterwards.Hit(
                tenant=tenant,
                identity=answer.id,
                text=request.text,
                procedure=revision.name,
                digest=revision.digest,
                arguments=answer.arguments,
                answer=ran.answer,
                engine=ran.engine,
                mode=Mode.WARM,
                fuel=ran.fuel,
                took_us=took_s * 1e6,
                lookup_us=answer.timings.lookup_us,
                run_us=answer.timings.run_us,
                compiled=served.compiled,
                reviewed=served.reviewed,
                imported=served.imported,
            )
        )
        return answer if where is None else answer._replace(trace=where.traceparent)

    def decide(
        self, request: Request, index: Index, *, identity: str, tenant: str, fits: Fits | None = None
    ) -> Answer | Unanswered:
        """The answer of a request, or what missed.

        Args:
            identity: the request's.
            fits: why its caller cannot take an answer; what does not fit is a miss for which nothing is compiled.
        """
        began = perf_counter()
        try:
            with telemetry.lookup():
                found = index.find(request)
        except TextError as error:
            return self.refused(identity, str(error))
        lookup_us = (perf_counter() - began) * 1e6
        if isinstance(found, Miss):
            near = found.near[0].revision.name if found.near else None
            answer = Answer(identity, Outcome.MISS, Stage.LOOKUP, found.reason, near=near, timings=Timings(lookup_us))
            return Unanswered(Missed(request, found, tenant), answer)
        binding = found.binding
        ran = self._runner.run(binding, tenant)
        if isinstance(ran, Ran):
            answer = answered(identity, Outcome.HIT, Stage.RUN, found, ran, lookup_us)
            unfit = None if fits is None else fits(ran.answer)
            if unfit is not None:
                answer = answer._replace(outcome=Outcome.MISS, reason=unfit, answer=None)
                self._count_miss(answer)
                return answer
            self._count_hit(request, answer)
            return answer
        answer = Answer(
            identity,
            Outcome.MISS,
            Stage.RUN,
            ran.reason,
            procedure=binding.revision.name,
            revision=binding.revision.digest,
            arguments=binding.arguments,
            timings=Timings(lookup_us, ran.run_us),
        )
        if ran.reason is Reason.UNAVAILABLE:
            self._count_miss(answer)
            return answer._replace(explained=ran.explanation)
        return Unanswered(Missed(request, deoptimised(binding, ran), tenant), answer)

    def followed(self, unanswered: Unanswered, following: Started | Declined) -> Answer:
        """What a miss gets after it is known whether something is compiled for it."""
        answer, why = unanswered.answer, unanswered.missed.miss.explanation
        if isinstance(following, Started):
            answer = answer._replace(explained=why, compilation=following.id, started=following.started)
        elif answer.stage is Stage.LOOKUP:
            answer = answer._replace(explained=following.explanation, reason=following.reason)
        else:  # why a hit could not be served says more than that nothing else will answer it
            more = "" if following.explanation == why else f"; {following.explanation}"
            answer = answer._replace(explained=why + more)
        self._count_miss(answer)
        return answer

    def refused(self, identity: str, words: str) -> Answer:
        """The answer of a request that is none."""
        self._counters.add({"errors": 1})
        return Answer(identity, Outcome.ERROR, Stage.LOOKUP, Reason.BAD_REQUEST, explained=words)

    def _count_miss(self, answer: Answer) -> None:
        self._counters.add({"misses": 1, f"misses:{answer.reason}": 1}, answer.procedure or "")

    def _count_hit(self, request: Request, answer: Answer) -> None:
        characters = len(request.text or "")
        if request.inputs:
            characters += sum(len(item.text) for item in request.inputs.values())
        counts = {
            "hits": 1,
            "request_characters": characters,
            "answer_characters": len(answer.answer or ""),
            "hit_us": round(answer.timings.lookup_us + answer.timings.run_us),
        }
        self._counters.add(counts, answer.procedure or "")
        sampling = self._sampling
        sampling.left -= 1
        if sampling.left <= 0:
            sampling.due(request, answer.explained, answer.answer or "")


@contextmanager
def observed(
    request: Request,
    identity: str,
    tenant: str,
    headers: Mapping[str, str] | None,
    *,
    log: AnswerLog | None = None,
    source: str = "native",
) -> Iterator[Callable[[Answer], Answer]]:
    """The span, the metrics and the record of one request.

    What it yields must be told the answer before the end, and returns it with the span that it was given in.
    """
    began = perf_counter()
    with telemetry.request(tenant, text=request.text, headers=headers) as span:

        def told(answer: Answer) -> Answer:
            where = telemetry.reference(span)
            if where is not None:
                span.set_attributes({telemetry.names.REQUEST_ID: identity, telemetry.names.OUTCOME: answer.outcome})
                if answer.reason is not None:
                    span.set_attribute(telemetry.names.REASON, answer.reason)
                answer = answer._replace(trace=where.traceparent)
            noted(
                answer, tenant, perf_counter() - began, log=log, source=source, where=where, marked=span.is_recording()
            )
            return answer

        yield told


def noted(
    answer: Answer,
    tenant: str,
    seconds: float,
    *,
    log: AnswerLog | None,
    source: str = "native",
    where: SpanReference | None = None,
    marked: bool = False,
) -> None:
    """Count an answer in the metrics and record it.

    Args:
        seconds: that the request took.
        where: the request's span, to which histograms point if it is `marked`.
    """
    times = answer.timings
    telemetry.count_answer(
        answer.outcome,
        answer.reason,
        answer.procedure,
        request_s=seconds,
        lookup_s=times.lookup_us / 1e6,
        run_s=times.run_us / 1e6,
        span=where if marked else None,
    )
    if log is not None:
        log.add(answer, tenant, source=source, trace=where)


def answered(identity: str, outcome: Outcome, stage: Stage, hit: Hit, ran: Ran, lookup_us: float) -> Answer:
    """The answer that a run gave."""
    revision, arguments, _ = hit.binding
    timings = Timings(lookup_us, ran.run_us)
    return Answer(identity, outcome, stage, None, ran.answer, revision.name, revision.digest, arguments, hit, timings)


def deoptimised(binding: Binding, why: Deoptimised) -> Miss:
    """A hit that could not be served, as the miss that it becomes; it is nearest to the revision that failed."""
    near = Near(binding.revision, binding.pattern or 0, why.explanation)
    return Miss(MissReason.GUARD, why.explanation, (binding,), (near,))
