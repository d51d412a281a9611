"""What the model did not have to do, with the counts that this comes from and the prices that it assumes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from seglam.gateway.ledger.prices import CHARACTERS_PER_TOKEN, PriceBook, PriceList, Prices

__all__ = ["CHARACTERS_PER_TOKEN", "PriceBook", "PriceList", "Prices", "savings"]

Counts = Mapping[str, int]
_NOTHING = {name: Decimal(0) for name in ("modelCalls", "inputTokens", "outputTokens", "seconds", "money")}


def savings(totals: Mapping[tuple[str, str, str], int], prices: PriceList) -> dict[str, Any]:
    """Model calls, tokens, time and money not spent.

    A hit is one model call that was not made. Its tokens are estimated from the lengths of request and answer; what was
    spent on compilations is as the endpoints counted it. `net` is what was not spent less what was. Each day has the
    prices that held on it.

    Args:
        totals: counts by day, procedure and name.
        prices: what one call is taken to cost.
    """
    # Figures are rounded once for each procedure and set of prices, so that the sum over procedures is the total.
    parts: defaultdict[tuple[str, Prices], Counter[str]] = defaultdict(Counter)
    for (day, procedure, name), count in totals.items():
        parts[(procedure, prices.on(day))][name] += count
    counts = sum((part for part in parts.values()), Counter[str]())
    names = {procedure for procedure, _ in parts}
    of = {name: [(part, held) for (whose, held), part in parts.items() if whose == name] for name in names}
    not_spent = {name: _sum(_avoided(part, held) for part, held in of[name]) for name in names}
    spent = _sum(_spent(part, held) for (_, held), part in parts.items())
    avoided = _sum(not_spent.values())
    hits, hit_us = ({name: sum(part[count] for part, _ in of[name]) for name in names} for count in ("hits", "hit_us"))
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
            {
                "name": name,
                "hits": hits[name],
                "meanMilliseconds": round(hit_us[name] / hits[name] / 1_000, 3),
                "notSpent": _shown(not_spent[name]),
            }
            for name in sorted(names, key=lambda name: (-hits[name], name))
            if hits[name] and name
        ],
        "prices": prices.entries[-1][1].as_json(),
        "priceList": [{"from": begin or None, **held.as_json()} for begin, held in prices.entries],
        "since": min((day for day, _, _ in totals), default=None),
        "estimate": (
            "a hit stands for one model call; its tokens are the characters of request and answer divided by "
            f"{CHARACTERS_PER_TOKEN}, and {prices.entries[-1][1].overhead_tokens} tokens of instructions for each call"
        ),
    }


def _avoided(counts: Counts, prices: Prices) -> dict[str, Decimal]:
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


def _spent(counts: Counts, prices: Prices) -> dict[str, Decimal]:
    return {
        "modelCalls": Decimal(counts["model_calls"]),
        "inputTokens": Decimal(counts["input_tokens"]),
        "outputTokens": Decimal(counts["output_tokens"]),
        "seconds": Decimal(counts["model_ms"]) / 1_000,
        "money": prices.cost(counts["input_tokens"], counts["output_tokens"]),
    }


def _sum(figures: Iterable[Mapping[str, Decimal]]) -> dict[str, Decimal]:
    total = dict(_NOTHING)
    for each in figures:
        total = {name: total[name] + each[name] for name in total}
    return total


def _shown(figures: Mapping[str, Decimal]) -> dict[str, Any]:
    return {
        "modelCalls": int(figures["modelCalls"]),
        "inputTokens": int(figures["inputTokens"]),
        "outputTokens": int(figures["outputTokens"]),
        "seconds": round(float(figures["seconds"]), 3),
        "money": str(figures["money"].quantize(Decimal("0.0001"))),
    }


def _after(counts: Counts, prefix: str) -> dict[str, int]:
    return {name.removeprefix(prefix): count for name, count in sorted(counts.items()) if name.startswith(prefix)}
