"""multiplication: two factors, as digits, decimals or words, in English, Spanish, Portuguese and German."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from random import Random

from examples.streams.lines import Item
from examples.streams.zipf import Zipf

WORDINGS = {
    "en": (
        "What is {a} times {b}?",
        "What's {a} times {b}?",
        "multiply {a} by {b}",
        "{a} x {b}",
        "{a} times {b}",
        "What is {a} multiplied by {b}?",
        "{a} * {b}",
        "Calculate {a} times {b}.",
        "What is the product of {a} and {b}?",
        "How much is {a} times {b}?",
        "{a} × {b} =",
        "Please multiply {a} and {b}.",
        "Compute {a} * {b}",
        "what do you get if you multiply {a} by {b}?",
    ),
    "es": ("¿Cuánto es {a} por {b}?", "cuanto es {a} por {b}", "Multiplica {a} por {b}.", "{a} multiplicado por {b}"),
    "pt": ("Quanto é {a} vezes {b}?", "quanto dá {a} vezes {b}?", "Multiplique {a} por {b}.", "{a} vezes {b}"),
    "de": ("Was ist {a} mal {b}?", "Wie viel ist {a} mal {b}?", "Multipliziere {a} mit {b}.", "{a} mal {b}"),
}
"""Wordings by language."""

SHARES = {"en": 0.79, "es": 0.07, "pt": 0.07, "de": 0.07}

_WORDS = {
    "en": "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    " seventeen eighteen nineteen twenty",
    "es": "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis"
    " diecisiete dieciocho diecinueve veinte",
    "pt": "zero um dois três quatro cinco seis sete oito nove dez onze doze treze quatorze quinze dezesseis"
    " dezessete dezoito dezenove vinte",
    "de": "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn"
    " siebzehn achtzehn neunzehn zwanzig",
}
WORDS = {language: names.split() for language, names in _WORDS.items()}
"""The numbers from 0 to 20 in words."""

_LOCALES = {"en": "en-US", "es": "es-ES", "pt": "pt-BR", "de": "de-DE"}


@cache
def _ranks(exponent: float, seed: int) -> tuple[Zipf[int], dict[str, Zipf[str]]]:
    wordings = {language: Zipf(texts, exponent, f"product {language} {seed}") for language, texts in WORDINGS.items()}
    return Zipf(range(1000), exponent, f"product factors {seed}"), wordings


def item(rng: Random, exponent: float, seed: int) -> Item:
    """A product. A decimal comma comes with the locale that makes it one; digits are never grouped."""

    factors, wordings = _ranks(exponent, seed)
    (language,) = rng.choices(list(SHARES), weights=list(SHARES.values()))
    wording = wordings[language].draw(rng)
    context: dict[str, str] = {}
    kind = rng.random()
    if kind < 0.12:
        pair = [rng.randint(0, 20) for _ in range(2)]
        numbers, written = [Decimal(n) for n in pair], [WORDS[language][n] for n in pair]
        if "{a} x" in wording or "{a} *" in wording or "{a} ×" in wording:
            written = [str(n) for n in pair]
    elif kind < 0.30:
        if language != "en" or rng.random() < 0.2:
            context = {"locale": _LOCALES[language]}
        places = rng.randint(1, 3 if context else 2)  # 17.218 without a locale could be a grouped 17218
        numbers = [_decimal(rng, places), _decimal(rng, places) if rng.random() < 0.5 else Decimal(factors.draw(rng))]
        written = [str(number) for number in numbers]
        if language != "en":
            written = [number.replace(".", ",") for number in written]
    else:
        numbers = [Decimal(factors.draw(rng)), Decimal(factors.draw(rng))]
        if rng.random() < 0.06:
            numbers[0] = -abs(numbers[0])
        written = [str(number) for number in numbers]
    if context and rng.random() < 0.1:
        context["now"] = "2026-03-14T09:26:53Z"
    return Item(wording.format(a=written[0], b=written[1]), _plain(numbers[0] * numbers[1]), "number", context=context)


def _decimal(rng: Random, places: int) -> Decimal:
    return Decimal(rng.randint(1, 20 * 10**places)).scaleb(-places)


def _plain(number: Decimal) -> str:
    """Without exponent, trailing zeros or the sign of zero."""

    return f"{number.normalize() + 0:f}"


def near_miss(rng: Random) -> Item:
    """A request with the words of a product that is another computation, or none that is certain."""

    a, b = rng.randint(2, 40), rng.randint(2, 9)
    return rng.choice(
        (
            Item(f"{b} times {b - 1 if b > 2 else 3}!", None),
            Item(f"What is {a} times {b} percent?", None),
            Item(f"{a} x {b} matrix", None),
            Item(f"What is the {a} times table?", None),
            Item(f"What is {a} times or {b}?", None),
            Item(f"Was ist 1.{a + 100} mal {b}?", None),
            Item(f"What is {a} times a few?", None),
            Item(f"{a} plus {b}", str(a + b), "number"),
            Item(f"What is {a} plus {b}?", str(a + b), "number"),
            Item(f"What is {a * b} divided by {b}?", str(a), "number"),
            Item(f"What is {a} times {b} plus 1?", str(a * b + 1), "number"),
            Item(f"What is {a} times {b} in binary?", f"{a * b:b}"),
            Item(f"How many times does {b} go into {a * b}?", str(a), "number"),
            Item(f"What is {a} to the power of {b}?", str(a**b), "number"),
        )
    )
