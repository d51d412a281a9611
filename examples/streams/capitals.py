"""capital: the capital of a country under any of its names, asked in English, Spanish, Portuguese and German.

The table `examples/data/countries.csv` is our own. It leaves out countries with several capitals or one in dispute,
and states with contested recognition. `Korea` is South Korea by our choice; Congo and Georgia alone are contested and
belong to the near misses.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from examples.streams.lines import Item
from examples.streams.zipf import Zipf

DATA = Path(__file__).parent.parent / "data"

WORDINGS = {
    "en": (
        "What is the capital of {of}?",
        "What's the capital of {of}?",
        "what is the capital city of {of}",
        "Which city is the capital of {of}?",
        "Tell me the capital of {of}.",
        "Name the capital of {of}",
        "capital of {of}",
        "Can you tell me what the capital of {of} is?",
        "What is {whose} capital?",
        "{whose} capital?",
        "Please give me the capital city of {of}.",
        "Capital city of {of}, please",
        "I need the capital of {of}",
        "hey, what's the capital of {of}?",
        "What city serves as the capital of {of}?",
    ),
    "es": (
        "¿Cuál es la capital {of}?",
        "cual es la capital {of}",
        "Dime la capital {of}.",
        "¿Qué ciudad es la capital {of}?",
        "capital {of}",
    ),
    "pt": (
        "Qual é a capital {of}?",
        "qual a capital {of}?",
        "Diga a capital {of}.",
        "Que cidade é a capital {of}?",
    ),
    "de": (
        "Was ist die Hauptstadt {of}?",
        "Wie heißt die Hauptstadt {of}?",
        "Nenne die Hauptstadt {of}.",
        "Welche Stadt ist die Hauptstadt {of}?",
        "Hauptstadt {of}?",
    ),
}
"""Wordings by language; `{of}` is a name in the form that follows "capital", `{whose}` its English genitive."""

SHARES = {"en": 0.82, "es": 0.06, "pt": 0.06, "de": 0.06}


@dataclass(frozen=True, slots=True)
class Country:
    """A country: its names by language as they follow "capital (of)", its capital and other spellings of that."""

    names: dict[str, tuple[str, ...]]
    capital: str
    spellings: tuple[str, ...]


@cache
def countries() -> tuple[Country, ...]:
    """The table of countries."""

    def several(cell: str) -> tuple[str, ...]:
        return tuple(cell.split("|")) if cell else ()

    with (DATA / "countries.csv").open(encoding="utf-8", newline="") as file:
        return tuple(
            Country(
                {"en": several(row["names"])} | {language: several(row[language]) for language in ("es", "pt", "de")},
                row["capital"],
                several(row["other_spellings"]),
            )
            for row in csv.DictReader(file)
        )


@cache
def _ranks(exponent: float, seed: int) -> tuple[Zipf[Country], dict[str, Zipf[str]]]:
    wordings = {language: Zipf(texts, exponent, f"capital {language} {seed}") for language, texts in WORDINGS.items()}
    return Zipf(countries(), exponent, f"capital countries {seed}"), wordings


def item(rng: Random, exponent: float, seed: int) -> Item:
    """A question for a capital. The answer is the English name in every language."""

    by_rank, wordings = _ranks(exponent, seed)
    country = by_rank.draw(rng)
    (language,) = rng.choices(list(SHARES), weights=list(SHARES.values()))
    if not country.names[language]:
        language = "en"
    first, *others = country.names[language]
    name = rng.choice(others) if others and rng.random() < 0.3 else first
    text = wordings[language].draw(rng).format(of=name, whose=name + ("'" if name.endswith("s") else "'s"))
    return Item(
        text[0].upper() + text[1:] if text.startswith("the ") else text,
        country.capital,
        "name",
        accept=country.spellings,
    )


def near_miss(rng: Random) -> Item:
    """A request with the words of `capital` that asks for something else, or for nothing that is certain."""

    country, other = rng.sample(countries(), 2)
    name, second = country.names["en"][0], other.names["en"][0]
    letters = country.capital
    return rng.choice(
        (
            Item(f"What is the capital gain of {name}?", None),
            Item(f"What is the capital expenditure of {name}?", None),
            Item(f"What is the capital of {name}'s largest bank?", None),
            Item(f"What is the capital of {name} and {second}?", None),
            Item(f"What was the capital of {name} before it was moved?", None),
            Item(f"What is not the capital of {name}?", None),
            Item(
                f"What is the capital of {rng.choice(('Georgia', 'Congo', 'South Africa', 'Bolivia', 'Atlantis'))}?",
                None,
            ),
            Item(f"What is the second letter of the capital of {name}, as the English name is spelled?", letters[1]),
            Item(f"Is {letters} the capital of {name}? Answer Yes or No.", "Yes"),
            Item(f"Is {letters} the capital of {second}? Answer Yes or No.", "No"),
        )
    )
