"""What the model did not have to do, with the counts that this comes from and the prices that it assumes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

CHARACTERS_PER_TOKEN = 4
"""The usual rule of thumb for English text; stated wherever a figure depends on it."""


@dataclass(frozen=True, slots=True)
class Prices:
    """What one call of a model is taken to cost. `assumed` says that nobody has stated the prices of tokens.

    Attributes:
        input_million, output_million: price of a million tokens.
        seconds_per_call: how long a model takes for one answer.
        overhead_tokens: tokens of instructions that come with each request.
    """

    input_million: Decimal = Decimal("2.50")
    output_million: Decimal = Decimal("10.00")
    currency: str = "USD"
    seconds_per_call: Decimal = Decimal("1.5")
    overhead_tokens: int = 100
    assumed: bool = True

    def cost(self, input_tokens: int, output_tokens: int) -> Decimal:
        """Price of some tokens."""
        return (input_tokens * self.input_million + output_tokens * self.output_million) / 1_000_000

    def as_json(self) -> dict[str, Any]:
        """The prices as they are sent."""
        return {
            "inputPerMillionTokens": str(self.input_million),
            "outputPerMillionTokens": str(self.output_million),
            "currency": self.currency,
            "secondsPerCall": str(self.seconds_per_call),
            "overheadTokensPerCall": self.overhead_tokens,
            "charactersPerToken": CHARACTERS_PER_TOKEN,
            "assumed": self.assumed,
        }


def savings(totals: Mapping[tuple[str, str, str], int], prices: Prices) -> dict[str, Any]:
    """Model calls, tokens, time and money not spent.

    A hit is one model call that was not made. Its tokens are estimated from the lengths of request and answer; what was
    spent on compilations is as the endpoints counted it. `net` is what was not spent less what was.

    Args:
        totals: counts by day, procedure and name.
        prices: what one call is taken to cost.
    """
    counts: Counter[str] = Counter()
    by_procedure: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for (_, procedure, name), count in totals.items():
        counts[name] += count
        if procedure:
            by_procedure[procedure][name] += count
    avoided = _avoided(counts, prices)
    spent = _spent(counts, prices)
    return {
        "notSpent": _shown(avoided),
        "spent": _shown(spent),
        "net": _shown({key: avoided[key] - spent[key] for key in avoided}),
        "counts": {
            "hits": counts["hits"],
            "misses": counts["misses"],
            "missesByReason": _after(counts, "misses:"),
            "compilationsByOutcome": _after(counts, "compilations:"),
            "recordedCompletions": counts["recorded_calls"],
            "requestCharacters": counts["request_characters"],
            "answerCharacters": counts["answer_characters"],
        },
        "procedures": [
            {"name": name, "hits": found["hits"], "notSpent": _shown(_avoided(found, prices))}
            for name, found in sorted(by_procedure.items(), key=lambda item: (-item[1]["hits"], item[0]))
            if found["hits"]
        ],
        "prices": prices.as_json(),
        "since": min((day for day, _, _ in totals), default=None),
        "estimate": (
            "a hit stands for one model call; its tokens are the characters of request and answer divided by "
            f"{CHARACTERS_PER_TOKEN}, and {prices.overhead_tokens} tokens of instructions for each call"
        ),
    }


def _avoided(counts: Mapping[str, int], prices: Prices) -> dict[str, Decimal]:
    hits = counts["hits"]
    input_tokens = counts["request_characters"] // CHARACTERS_PER_TOKEN + hits * prices.overhead_tokens
    output_tokens = counts["answer_characters"] // CHARACTERS_PER_TOKEN
    return {
        "modelCalls": Decimal(hits),
        "inputTokens": Decimal(input_tokens),
        "outputTokens": Decimal(output_tokens),
        "seconds": hits * prices.seconds_per_call - Decimal(counts["hit_us"]) / 1_000_000,
        "money": prices.cost(input_tokens, output_tokens),
    }


def _spent(counts: Mapping[str, int], prices: Prices) -> dict[str, Decimal]:
    return {
        "modelCalls": Decimal(counts["model_calls"]),
        "inputTokens": Decimal(counts["input_tokens"]),
        "outputTokens": Decimal(counts["output_tokens"]),
        "seconds": Decimal(counts["model_ms"]) / 1_000,
        "money": prices.cost(counts["input_tokens"], counts["output_tokens"]),
    }


def _shown(figures: Mapping[str, Decimal]) -> dict[str, Any]:
    return {
        "modelCalls": int(figures["modelCalls"]),
        "inputTokens": int(figures["inputTokens"]),
        "outputTokens": int(figures["outputTokens"]),
        "seconds": round(float(figures["seconds"]), 3),
        "money": str(figures["money"].quantize(Decimal("0.0001"))),
    }


def _after(counts: Mapping[str, int], prefix: str) -> dict[str, int]:
    return {name.removeprefix(prefix): count for name, count in sorted(counts.items()) if name.startswith(prefix)}
