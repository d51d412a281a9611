"""Models behind an OpenAI-compatible API.

The prompt states the reply's JSON schema and the reply is JSON text, so that any endpoint will do: neither tools nor
response formats are asked for. A reply of another shape is asked for again with the validation error, a bounded
number of times.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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

from seglam.compiler.budget import Allowance
from seglam.compiler.model import Completion, Failure, ModelFailed, Question, R
from seglam.compiler.results import ModelCall

DEFAULT_TIMEOUT = 300.0
OUTPUT_RETRIES = 2


class SettingsError(ValueError):
    """The environment does not say which model to ask; the message says what to set."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a model is and how long one call may take, in seconds. The key is never shown."""

    model: str
    base_url: str | None = None
    api_key: str = field(default="unused", repr=False)
    timeout: float = DEFAULT_TIMEOUT


def endpoint_of(role: str, environ: Mapping[str, str] | None = None) -> Endpoint | None:
    """The endpoint that the environment names for `author` or `verifier`; None if no model is set.

    `SEGLAM_MODEL` switches models on. The author is at `OPENAI_BASE_URL` with `OPENAI_API_KEY`; the verifier is
    `SEGLAM_VERIFIER_MODEL` at `SEGLAM_VERIFIER_BASE_URL` with `SEGLAM_VERIFIER_API_KEY`, each by default the author's,
    except that the author's key is never sent to another address. `SEGLAM_MODEL_TIMEOUT` is in seconds.
    """
    given = os.environ if environ is None else environ
    model = given.get("SEGLAM_MODEL", "").strip()
    if not model:
        return None
    base_url, key = given.get("OPENAI_BASE_URL") or None, given.get("OPENAI_API_KEY", "")
    if role == "verifier":
        model = given.get("SEGLAM_VERIFIER_MODEL", "").strip() or model
        other = given.get("SEGLAM_VERIFIER_BASE_URL") or base_url
        key = given.get("SEGLAM_VERIFIER_API_KEY") or (key if other == base_url else "")
        base_url = other
    if not key and base_url is None:
        name = "SEGLAM_VERIFIER_API_KEY" if role == "verifier" else "OPENAI_API_KEY"
        raise SettingsError(
            f"SEGLAM_MODEL is {model!r} but there is no key: set {name}, or the base URL of a local model"
        )
    return Endpoint(model, base_url, key or "unused", _seconds(given))


def _seconds(given: Mapping[str, str]) -> float:
    text = given.get("SEGLAM_MODEL_TIMEOUT", "").strip()
    try:
        seconds = float(text) if text else DEFAULT_TIMEOUT
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise SettingsError(f"SEGLAM_MODEL_TIMEOUT is {text!r}; give seconds, such as 300")
    return seconds


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
                base_url=self.endpoint.base_url, api_key=self.endpoint.api_key, timeout=limit, max_retries=0
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
