"""Running a binding: an answer that holds its post-conditions, or why the hit could not be served."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from seglam import telemetry
from seglam.gateway.outcomes import Reason
from seglam.lookup import Binding
from seglam.procedures import Revision
from seglam.procedures.answers import PostConditionFailed, canonical_answer
from seglam.procedures.values import ValueProblem
from seglam.sandbox import Fault, FaultKind, Mode, Program, Run
from seglam.telemetry import SpanReference

_REASONS = {
    FaultKind.REFUSED: Reason.GUARD,
    FaultKind.FUEL: Reason.LIMIT,
    FaultKind.MEMORY: Reason.LIMIT,
    FaultKind.OUTPUT: Reason.LIMIT,
    FaultKind.STACK: Reason.LIMIT,
    FaultKind.ANSWER: Reason.POST_CONDITION,
}
SHOWN = 2_000
"""Characters of what a procedure printed that an explanation holds."""


@dataclass(frozen=True, slots=True)
class Deoptimised:
    """A hit that could not be served. What the procedure raised or printed is in the explanation, and nowhere else."""

    reason: Reason
    explanation: str
    run_us: float


class Ran(NamedTuple):
    """An answer as canonical text, the microseconds that the call took, and what ran it with how much fuel."""

    answer: str
    run_us: float
    engine: str
    fuel: int


@dataclass(frozen=True, slots=True)
class Served:
    """A revision ready to run, with the spans in which it was compiled, approved and imported."""

    program: Program
    compiled: SpanReference | None = None
    reviewed: SpanReference | None = None
    imported: SpanReference | None = None


def program_of(revision: Revision) -> Program:
    """What the sandbox runs for a revision."""
    return Program(revision.digest, revision.spec.code, revision.fuel, revision.memory_mib)


class Unavailable(Exception):
    """Nothing could be asked to run the procedure, so that it is not known what it answers; the message says why."""


class Running(Protocol):
    """What runs programs: a sandbox in this process, or runners elsewhere."""

    def run(
        self, program: Program, arguments: Mapping[str, object], *, mode: Mode = Mode.WARM, tenant: str = "default"
    ) -> Run:
        """One call; see `seglam.sandbox.Sandbox.run`. `Unavailable` if no runner took it."""

    def swiftly(self, program: Program, arguments: Mapping[str, object], *, tenant: str = "default") -> Run | None:
        """One call that takes a small part of a millisecond; None where that is not sure. See `Sandbox.swiftly`."""


class Runner:
    """Runs bindings.

    Args:
        served: how to run a revision.
    """

    def __init__(self, running: Running, served: Callable[[Revision], Served]) -> None:
        self._running = running
        self._served = served

    def served(self, revision: Revision) -> Served:
        """How a revision is run, and the spans of its life so far."""
        return self._served(revision)

    def run(self, binding: Binding, tenant: str, mode: Mode = Mode.WARM) -> Ran | Deoptimised:
        """Run a binding; blocks as long as the procedure's limits allow."""
        revision = binding.revision
        served = self._served(revision)
        with telemetry.execution(
            revision.name,
            revision.digest,
            binding.arguments,
            compiled=served.compiled,
            reviewed=served.reviewed,
            imported=served.imported,
        ) as span:
            try:
                arguments = binding.tagged()
            except ValueProblem as problem:  # a context or source text that its type does not take
                telemetry.failed(span, Reason.GUARD, "an argument is no value of its type")
                return Deoptimised(Reason.GUARD, f"{revision.name} was not run: {problem}", 0.0)
            try:
                run = self._running.run(served.program, arguments, mode=mode, tenant=tenant)
            except Unavailable as problem:
                telemetry.failed(span, Reason.UNAVAILABLE, str(problem))
                return Deoptimised(Reason.UNAVAILABLE, f"{revision.name} was not run: {problem}", 0.0)
            result = self._judged(binding, run)
            if span.is_recording():
                span.set_attributes(
                    {
                        telemetry.names.ENGINE: run.engine,
                        telemetry.names.SANDBOX_MODE: mode,
                        telemetry.names.FUEL: run.fuel_used,
                    }
                )
                if isinstance(result, Deoptimised):
                    # The words are the procedure's own and may hold what users sent.
                    fault = run.fault.kind if run.fault else result.reason
                    telemetry.failed(span, fault, result.explanation if telemetry.values_allowed() else "")
                elif telemetry.values_allowed():
                    span.set_attribute(telemetry.names.TOOL_RESULT, result.answer)
            return result

    def swiftly(self, binding: Binding, tenant: str) -> Ran | None:
        """The answer of a binding, if it is known at once; None in all other cases, where `run` is to be asked. Leaves
        no span."""
        revision = binding.revision
        try:
            run = self._running.swiftly(self._served(revision).program, binding.tagged(), tenant=tenant)
            if run is None or run.fault is not None:
                return None
            return Ran(canonical_answer(revision, run.answer), run.elapsed_us, run.engine, run.fuel_used)
        except (ValueProblem, PostConditionFailed):
            return None

    def _judged(self, binding: Binding, run: Run) -> Ran | Deoptimised:
        name = binding.revision.name
        if run.fault is not None:
            reason = _REASONS.get(run.fault.kind, Reason.FAULT)
            return Deoptimised(reason, _explained(name, run.fault, run.stdout), run.elapsed_us)
        try:
            answer = canonical_answer(binding.revision, run.answer)
            return Ran(answer, run.elapsed_us, run.engine, run.fuel_used)
        except PostConditionFailed as problem:
            return Deoptimised(Reason.POST_CONDITION, f"{name} was run, but {problem}", run.elapsed_us)


def _explained(name: str, fault: Fault, stdout: str) -> str:
    said = "refused" if fault.kind is FaultKind.REFUSED else "gave no answer"
    text = f"{name} {said}: {fault}"
    if stdout:
        cut = stdout if len(stdout) <= SHOWN else stdout[:SHOWN] + "..."
        text += f"; it printed: {cut}"
    return text
