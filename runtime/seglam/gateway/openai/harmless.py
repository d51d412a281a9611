"""Which parameters leave an answer as it is, and with which values. What is not here passes the procedures by.

A procedure answers what has one right answer. How a model would be made to find it (sampling, effort, tier) is
harmless; what else the client would get, or what form the answer would have, is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from seglam.gateway.openai.wanted import Why

Check = Callable[[Any], bool]

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
TIERS = ("auto", "default", "flex", "scale", "priority", "fast")
MAX_LABELS = 16


def only(*values: object) -> Check:
    """One of these values, and of their type: 1 is not true."""
    return lambda value: any(type(value) is type(known) and value == known for known in values)


def number(least: int, most: int) -> Check:
    """A number within bounds."""
    return lambda value: isinstance(value, int | Decimal) and not isinstance(value, bool) and least <= value <= most


def text(value: Any) -> bool:
    """A text."""
    return isinstance(value, str)


def whole(value: Any) -> bool:
    """A whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def labels(value: Any) -> bool:
    """Texts by name, as in `metadata`."""
    return (
        isinstance(value, dict) and len(value) <= MAX_LABELS and all(isinstance(item, str) for item in value.values())
    )


def nothing(_: Any) -> bool:
    """No value but null."""
    return False


def reasoning(value: Any) -> bool:
    """Effort alone; a summary of a model's reasoning is something that no procedure has."""
    return isinstance(value, dict) and all(
        (name == "effort" and value[name] in (*EFFORTS, None))
        or (name in ("summary", "generate_summary") and value[name] is None)
        for name in value
    )


# Null stands for the default of every parameter.
BOTH: Mapping[str, tuple[Check, Why]] = {
    "metadata": (labels, Why.PARAMETER),
    "moderation": (nothing, Why.PARAMETER),
    "prompt_cache_key": (text, Why.PARAMETER),
    "prompt_cache_retention": (only("in_memory", "24h"), Why.PARAMETER),
    "safety_identifier": (text, Why.PARAMETER),
    "service_tier": (only(*TIERS), Why.PARAMETER),
    "stream": (only(True, False), Why.PARAMETER),
    "temperature": (number(0, 2), Why.PARAMETER),
    "tools": (only([]), Why.TOOLS),
    "top_p": (number(0, 1), Why.PARAMETER),
    "user": (text, Why.PARAMETER),
}
"""Parameters of both APIs."""

CHAT: Mapping[str, tuple[Check, Why]] = {
    **BOTH,
    "audio": (nothing, Why.MEDIA),
    "frequency_penalty": (number(-2, 2), Why.PARAMETER),
    "function_call": (nothing, Why.TOOLS),
    "functions": (only([]), Why.TOOLS),
    "logit_bias": (only({}), Why.PARAMETER),
    "logprobs": (only(False), Why.LOGPROBS),
    "modalities": (only(["text"]), Why.MEDIA),
    "n": (only(1), Why.CHOICES),
    "parallel_tool_calls": (nothing, Why.TOOLS),
    "prediction": (nothing, Why.PARAMETER),
    "presence_penalty": (number(-2, 2), Why.PARAMETER),
    "reasoning_effort": (only(*EFFORTS), Why.PARAMETER),
    "seed": (whole, Why.PARAMETER),
    "store": (only(False), Why.STORED),
    "tool_choice": (nothing, Why.TOOLS),
    "top_logprobs": (nothing, Why.LOGPROBS),
    "verbosity": (only("low", "medium"), Why.PARAMETER),
    "web_search_options": (nothing, Why.TOOLS),
}
"""Parameters of `/v1/chat/completions` besides those that are read: model, messages, max_tokens and the like."""

RESPONSES: Mapping[str, tuple[Check, Why]] = {
    **BOTH,
    "background": (only(False), Why.STORED),
    "conversation": (nothing, Why.CONVERSATION),
    "include": (only([]), Why.PARAMETER),
    "max_tool_calls": (whole, Why.TOOLS),
    "parallel_tool_calls": (only(True, False), Why.TOOLS),
    "previous_response_id": (nothing, Why.CONVERSATION),
    "prompt": (nothing, Why.PARAMETER),
    "reasoning": (reasoning, Why.PARAMETER),
    "tool_choice": (only("auto", "none"), Why.TOOLS),
    "top_logprobs": (only(0), Why.LOGPROBS),
    "truncation": (only("auto", "disabled"), Why.PARAMETER),
}
"""Parameters of `/v1/responses` besides those that are read: model, input, instructions, text, store and the like."""


def harmful(
    content: Mapping[str, Any], table: Mapping[str, tuple[Check, Why]], read: frozenset[str]
) -> tuple[Why, str] | None:
    """The first member that is not known to leave the answer as it is, and why; None if there is none.

    Args:
        read: members that somebody else looks at.
    """
    for name, value in content.items():
        if name in read:
            continue
        known = table.get(name)
        if known is None:
            return Why.PARAMETER, name
        check, why = known
        if value is not None and not check(value):
            return why, name
    return None
