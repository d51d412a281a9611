"""Models behind an OpenAI-compatible API.

The prompt states the reply's JSON schema and the reply is JSON text, so that any endpoint will do: neither tools nor
response formats are asked for. A reply of another shape is asked for again with the validation error, a bounded
number of times.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import perf_counter

import openai
from pydantic_ai import Agent, PromptedOutput, capture_run_messages
from pydantic_ai.exceptions import (
    AgentRunError,
    ModelConnectionError,
    ModelQuotaExceededError,
    ModelRateLimitError,
    ModelRequestRejectedError,
    ModelServerError,
    ModelTimeoutError,
    ModelUnavailableError,
    UsageLimitExceeded,
)
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, RetryPromptPart
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.profiles.openai import OpenAIModelProfile
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.usage import UsageLimits

from seglam import telemetry
from seglam.compiler.budget import Allowance
from seglam.compiler.endpoints import Endpoint
from seglam.compiler.model import Completion, Failure, ModelFailed, Question, R
from seglam.compiler.results import ModelCall

OUTPUT_RETRIES = 2


class OpenAIModel:
    """A model behind an OpenAI-compatible API, asked as `role` (author or verifier)."""

    def __init__(self, endpoint: Endpoint, role: str) -> None:
        self.endpoint = endpoint
        self.role = role

    def complete(self, question: Question[R], allowance: Allowance) -> Completion[R]:
        """See `Model.complete`. Must not be called on a thread that runs an event loop."""
        with capture_run_messages() as messages:
            started = perf_counter()
            try:
                output = asyncio.run(self._ask(question, allowance))
            except (AgentRunError, openai.OpenAIError, TimeoutError) as error:
                kind, retry_after = _failure_of(error)
                message = self._words(kind, error)
                calls = self._calls(question, messages, started, message)
                raise ModelFailed(kind, message, calls, retry_after) from error
            return Completion(output, self._calls(question, messages, started, None))

    async def _ask(self, question: Question[R], allowance: Allowance) -> R:
        limit = min(self.endpoint.timeout, allowance.seconds)
        async with asyncio.timeout(min(limit * (1 + OUTPUT_RETRIES), allowance.seconds)):
            async with openai.AsyncOpenAI(
                base_url=self.endpoint.base_url,
                api_key=self.endpoint.api_key,
                timeout=limit,
                max_retries=0,
                default_headers=telemetry.carrier(),
            ) as client:
                model = OpenAIChatModel(
                    self.endpoint.model,
                    provider=OpenAIProvider(openai_client=client),
                    profile=OpenAIModelProfile(supports_json_object_output=False),
                )
                agent = Agent(
                    model,
                    instructions=question.prompt.system,
                    output_type=PromptedOutput(question.reply, template=False),
                    retries=OUTPUT_RETRIES,
                )
                limits = UsageLimits(request_limit=1 + OUTPUT_RETRIES, total_tokens_limit=allowance.tokens)
                result = await agent.run(question.prompt.user, usage_limits=limits)
                return result.output

    def _words(self, kind: Failure, error: Exception) -> str:
        where = self.endpoint.base_url or "the default address"
        text = str(error) or type(error).__name__
        if self.endpoint.api_key != "unused":
            text = text.replace(self.endpoint.api_key, "[key]")
        return f"{self.role} model {self.endpoint.model} at {where}: {kind}: {text[:500]}"

    def _calls(
        self, question: Question[R], messages: Sequence[ModelMessage], started: float, error: str | None
    ) -> tuple[ModelCall, ...]:
        """One entry for each reply, and one for a call that got none."""
        replies = [message for message in messages if isinstance(message, ModelResponse)]
        faults = [
            str(part.content)[:500]
            for message in messages
            if isinstance(message, ModelRequest)
            for part in message.parts
            if isinstance(part, RetryPromptPart)
        ]
        elapsed = (perf_counter() - started) * 1000
        unanswered = error is not None and not (messages and isinstance(messages[-1], ModelResponse))
        count = len(replies) + unanswered
        calls = []
        for number in range(count):
            reply = replies[number] if number < len(replies) else None
            fault = faults[number] if number < len(faults) and number < count - 1 else None
            calls.append(
                ModelCall(
                    role=self.role,
                    purpose=question.purpose,
                    model=(reply.model_name if reply else None) or self.endpoint.model,
                    prompt_digest=question.prompt.digest,
                    input_tokens=reply.usage.input_tokens if reply else 0,
                    output_tokens=reply.usage.output_tokens if reply else 0,
                    elapsed_ms=elapsed / count,
                    error=error if number == count - 1 else fault or "the reply was not of the asked shape",
                )
            )
        return tuple(calls)


def _failure_of(error: Exception) -> tuple[Failure, float | None]:
    if isinstance(error, (TimeoutError, ModelTimeoutError)):
        return Failure.SLOW, None
    if isinstance(error, (ModelRateLimitError, ModelQuotaExceededError)):
        return Failure.RATE_LIMITED, error.retry_after
    if isinstance(error, ModelRequestRejectedError):
        return Failure.REFUSED, None
    if isinstance(error, UsageLimitExceeded):
        return Failure.BUDGET, None
    if isinstance(error, (ModelConnectionError, ModelServerError, ModelUnavailableError)):
        return Failure.DOWN, error.retry_after
    return Failure.GARBAGE, None
