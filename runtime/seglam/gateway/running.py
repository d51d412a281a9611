"""Running a binding: an answer that holds its post-conditions, or why the hit could not be served."""

from __future__ import annotations

from dataclasses import dataclass

from seglam import telemetry
from seglam.gateway.catalog import Catalog
from seglam.gateway.outcomes import Reason
from seglam.lookup import Binding
from seglam.procedures.answers import PostConditionFailed, canonical_answer
from seglam.procedures.values import ValueProblem
from seglam.sandbox import Fault, FaultKind, Mode, Run, Sandbox

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


@dataclass(frozen=True, slots=True)
class Ran:
    """An answer as canonical text, and the microseconds that the call took."""

    answer: str
    run_us: float


class Runner:
    """Runs bindings in the sandbox."""

    def __init__(self, sandbox: Sandbox, catalog: Catalog) -> None:
        self._sandbox = sandbox
        self._catalog = catalog

    def run(self, binding: Binding, tenant: str, mode: Mode = Mode.WARM) -> Ran | Deoptimised:
        """Run a binding; blocks as long as the procedure's limits allow."""
        revision = binding.revision
        served = self._catalog.served(revision)
        with telemetry.execution(
            revision.name,
            revision.digest,
            binding.arguments,
            compiled=served.compiled,
            reviewed=served.reviewed,
        ) as span:
            try:
                arguments = binding.tagged()
            except ValueProblem as problem:  # a context or source text that its type does not take
                telemetry.failed(span, Reason.GUARD, "an argument is no value of its type")
                return Deoptimised(Reason.GUARD, f"{revision.name} was not run: {problem}", 0.0)
            run = self._sandbox.run(served.program, arguments, mode=mode, tenant=tenant)
            result = self._judged(binding, run)
            kind = result.reason if isinstance(result, Deoptimised) else None
            telemetry.count_execution(revision.name, kind, run.elapsed_us / 1e6)
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

    def _judged(self, binding: Binding, run: Run) -> Ran | Deoptimised:
        name = binding.revision.name
        if run.fault is not None:
            reason = _REASONS.get(run.fault.kind, Reason.FAULT)
            return Deoptimised(reason, _explained(name, run.fault, run.stdout), run.elapsed_us)
        try:
            return Ran(canonical_answer(binding.revision, run.answer), run.elapsed_us)
        except PostConditionFailed as problem:
            return Deoptimised(Reason.POST_CONDITION, f"{name} was run, but {problem}", run.elapsed_us)


def _explained(name: str, fault: Fault, stdout: str) -> str:
    said = "refused" if fault.kind is FaultKind.REFUSED else "gave no answer"
    text = f"{name} {said}: {fault}"
    if stdout:
        cut = stdout if len(stdout) <= SHOWN else stdout[:SHOWN] + "..."
        text += f"; it printed: {cut}"
    return text
