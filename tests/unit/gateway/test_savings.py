"""The arithmetic of savings."""

from __future__ import annotations

from decimal import Decimal

from seglam.gateway import Prices
from seglam.gateway.savings import PriceList, savings

DAY = "2024-02-29"
PRICES = PriceList.of(
    Prices(
        input_million=Decimal("2"),
        output_million=Decimal("10"),
        currency="EUR",
        seconds_per_call=Decimal("2"),
        overhead_tokens=50,
        assumed=False,
    )
)


def test_a_hit_is_a_call_that_was_not_made() -> None:
    found = savings(
        {
            (DAY, "gcd", "hits"): 1000,
            (DAY, "gcd", "request_characters"): 40_000,
            (DAY, "gcd", "answer_characters"): 4_000,
            (DAY, "gcd", "hit_us"): 100_000,
            ("2024-03-01", "lcm", "hits"): 1,
            ("2024-03-01", "", "misses"): 2,
            ("2024-03-01", "", "misses:unknown"): 2,
            ("2024-03-01", "gcd", "model_calls"): 3,
            ("2024-03-01", "gcd", "input_tokens"): 9_000,
            ("2024-03-01", "gcd", "output_tokens"): 1_000,
            ("2024-03-01", "gcd", "model_ms"): 30_000,
            ("2024-03-01", "gcd", "compilations:proposed"): 1,
        },
        PRICES,
    )
    # 40,000 characters / 4 + 1,001 calls * 50 tokens = 60,050; at 2 a million and 1,000 * 10 a million.
    assert found["notSpent"] == {
        "modelCalls": 1001,
        "inputTokens": 60_050,
        "outputTokens": 1_000,
        "seconds": 2001.9,
        "money": "0.1301",
    }
    assert found["spent"] == {
        "modelCalls": 3,
        "inputTokens": 9_000,
        "outputTokens": 1_000,
        "seconds": 30.0,
        "money": "0.0280",
    }
    assert (found["net"]["modelCalls"], found["net"]["seconds"], found["net"]["money"]) == (998, 1971.9, "0.1021")
    assert found["counts"]["missesByReason"] == {"unknown": 2}
    assert found["counts"]["compilationsByOutcome"] == {"proposed": 1}
    assert [each["name"] for each in found["procedures"]] == ["gcd", "lcm"]
    assert found["since"] == DAY
    assert found["prices"]["currency"] == "EUR" and found["prices"]["assumed"] is False


def test_nothing_happened_yet() -> None:
    found = savings({}, PRICES)
    assert found["notSpent"]["modelCalls"] == 0 and found["since"] is None and found["procedures"] == []


def test_compilations_that_did_not_pay_are_a_loss() -> None:
    found = savings({(DAY, "", "model_calls"): 4, (DAY, "", "output_tokens"): 1_000_000}, PRICES)
    assert found["net"]["modelCalls"] == -4
    assert found["net"]["money"] == "-10.0000"
