"""Models whose calls are spans and metrics."""

from __future__ import annotations

from dataclasses import dataclass

from seglam import telemetry
from seglam.compiler.budget import Allowance
from seglam.compiler.model import Completion, Model, ModelFailed, Question, R
from seglam.compiler.results import ModelCall


@dataclass(frozen=True, slots=True)
class TracedModel:
    """A model, with a span around each question and every call of it counted.

    Args:
        name: the model's name as it was configured, for the span; the calls name the one that replied.
    """

    model: Model
    role: str
    name: str

    def complete(self, question: Question[R], allowance: Allowance) -> Completion[R]:
        """See `Model.complete`."""
        with telemetry.chat(self.name, self.role, question.purpose) as span:
            try:
                completion = self.model.complete(question, allowance)
            except ModelFailed as failure:
                telemetry.failed(span, failure.kind, "the model gave no usable reply")
                for call in failure.calls:
                    _count(call, failure.kind)
                raise
            for call in completion.calls:
                _count(call, "garbage" if call.error else None)
            if span.is_recording():
                span.set_attributes(
                    {
                        telemetry.names.RESPONSE_MODEL: completion.calls[-1].model,
                        telemetry.names.INPUT_TOKENS: sum(call.input_tokens for call in completion.calls),
                        telemetry.names.OUTPUT_TOKENS: sum(call.output_tokens for call in completion.calls),
                        telemetry.names.RECORDED: completion.calls[-1].recording is not None,
                    }
                )
            return completion


def _count(call: ModelCall, error: str | None) -> None:
    telemetry.count_model_call(
        call.model,
        call.role,
        call.purpose,
        input_tokens=call.input_tokens,
        output_tokens=call.output_tokens,
        seconds=call.elapsed_ms / 1_000,
        recorded=call.recording is not None,
        error=error,
    )
