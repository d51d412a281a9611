"""Prices by day and tenant, and what they make of budgets and savings."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from seglam.gateway.hotness import Hotness
from seglam.gateway.ledger.prices import Budget, PriceBook, PriceList, Prices, PricesInvalid
from seglam.gateway.savings import savings

FILE = """
prices:
  - {inputPerMillionTokens: "2.50", outputPerMillionTokens: 10, overheadTokensPerCall: 0}
  - {from: 2026-07-01, inputPerMillionTokens: 1, outputPerMillionTokens: 4, overheadTokensPerCall: 0}
tenants:
  team-a:
    - {inputPerMillionTokens: 3, outputPerMillionTokens: 3, currency: EUR}
"""


def test_each_day_has_the_prices_that_held_on_it(tmp_path: Path) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text(FILE)
    book = PriceBook.read(file)
    general = book.of("anybody")
    assert [general.on(day).input_million for day in ("2000-01-01", "2026-06-30", "2026-07-01", "2030-01-01")] == [
        Decimal("2.50"), Decimal("2.50"), Decimal(1), Decimal(1),
    ]  # fmt: skip
    assert (book.of("team-a").currency, general.currency) == ("EUR", "USD")
    counts = {
        ("2026-06-30", "gcd", "hits"): 1, ("2026-06-30", "gcd", "request_characters"): 4_000_000,
        ("2026-07-01", "gcd", "hits"): 1, ("2026-07-01", "gcd", "request_characters"): 4_000_000,
        ("2026-07-01", "lcm", "hits"): 1, ("2026-07-01", "lcm", "answer_characters"): 4_000_000,
        ("2026-07-02", "", "input_tokens"): 500_000,
    }  # fmt: skip
    found = savings(counts, general)
    assert found["notSpent"]["money"] == "7.5000"  # 2.50 + 1 + 4
    assert [(each["name"], each["notSpent"]["money"]) for each in found["procedures"]] == [
        ("gcd", "3.5000"), ("lcm", "4.0000"),
    ]  # fmt: skip
    assert found["spent"]["money"] == "0.5000" and found["net"]["money"] == "7.0000"
    assert [each["from"] for each in found["priceList"]] == [None, "2026-07-01"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("prices: []", "prices"),
        ("prices: [{inputPerMillionTokens: 1}]", "outputPerMillionTokens"),
        ("prices: [{from: 2026-01-01, inputPerMillionTokens: 1, outputPerMillionTokens: 1}]", "since ever"),
        ("prices: [{inputPerMillionTokens: -1, outputPerMillionTokens: 1}]", "inputPerMillionTokens"),
        ("prices: [{inputPerMillionTokens: 1, outputPerMillionTokens: 1, x: 1}]", "x"),
        (
            "prices: [&a {inputPerMillionTokens: 1, outputPerMillionTokens: 1}, {<<: *a, from: 2026-02-01}, "
            "{<<: *a, from: 2026-01-01}]",
            "later day",
        ),
        (
            "prices: [&a {inputPerMillionTokens: 1, outputPerMillionTokens: 1}, "
            "{<<: *a, from: 2026-02-01, currency: EUR}]",
            "one currency",
        ),
        ("[", "no YAML"),
    ],
)
def test_files_of_prices_that_cannot_be_used(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text(text)
    with pytest.raises(PricesInvalid, match=words):
        PriceBook.read(file)


def test_a_budget_is_of_tokens_and_of_money() -> None:
    prices = PriceList.of(Prices(Decimal(1), Decimal(10), "EUR"))
    used = {("2026-01-01", "", "input_tokens"): 600_000, ("2026-01-01", "gcd", "output_tokens"): 100_000}
    assert Budget().unlimited and not Budget(tokens=1).unlimited
    assert Budget(tokens=700_001, money=Decimal("1.61")).exceeded(used, prices) is None
    assert "700000 of today's 700000 tokens" in str(Budget(tokens=700_000).exceeded(used, prices))
    assert "1.6000 of today's 1.60 EUR" in str(Budget(money=Decimal("1.60")).exceeded(used, prices))


def test_a_type_is_hot_at_its_nth_miss_of_a_day() -> None:
    day = ["2026-01-01"]
    hotness = Hotness(3, lambda: day[0])
    assert [hotness.cold("f") is None for _ in range(4)] == [False, False, True, True]
    assert "1 of 3" in str(hotness.cold("g"))
    day[0] = "2026-01-02"
    assert hotness.cold("f") is not None
    assert Hotness(1).cold("f") is None
