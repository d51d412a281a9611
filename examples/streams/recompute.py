"""Exact answers to eighteen families of reasoning-gym, recomputed from a request's text alone.

Written to be obvious rather than fast, and without the generators' code: each parses the text, counts or tries, and
answers in the generator's notation. `intervals` and `calendars` hold the two families with many wordings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from itertools import count

from examples.streams.calendars import calendar_arithmetic
from examples.streams.intervals import time_intervals
from examples.streams.verdicts import Verdict, parse

LEGS = {
    0: "snake, sea slug, jellyfish, flatworm, leech",
    2: "chicken, bird, human, duck",
    4: "dog, cat, cow, horse, lion, elephant, giraffe, tiger, deer, sheep",
    5: "starfish",
    6: "insect, ant, butterfly, beetle, bee, wasp, grasshopper, cricket, cockroach, praying mantis, firefly",
    8: "spider, scorpion",
    10: "crab, lobster, shrimp",
    14: "woodlouse",
}
_LEGS = {animal: legs for legs, animals in LEGS.items() for animal in animals.split(", ")}
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def gcd(text: str) -> Verdict:
    """The largest number that divides both, by trial."""

    (listed,) = parse(r"Find the Greatest Common Divisor \(GCD\) of these numbers: ([\d, ]+)\. Give only .*", text)
    numbers = [int(number) for number in listed.split(", ")]
    return Verdict(str(max(d for d in range(1, min(numbers) + 1) if all(n % d == 0 for n in numbers))))


def lcm(text: str) -> Verdict:
    """The first multiple of the first number that the others divide."""

    (listed,) = parse(r"Find the Least Common Multiple \(LCM\) of these numbers: ([\d, ]+)", text)
    first, *others = (int(number) for number in listed.split(", "))
    return Verdict(str(next(m for m in count(first, first) if all(m % n == 0 for n in others))))


def products(text: str) -> Verdict:
    """The product of the factors."""

    (expression,) = parse(r"Solve the following multiplication: ([\d* ]+)\. Give only the result .*", text)
    result = 1
    for factor in expression.split(" * "):
        result *= int(factor)
    return Verdict(str(result))


def count_primes(text: str) -> Verdict:
    """By trial division."""

    start, end = parse(r"Count how many prime numbers there are between (\d+) and (\d+) \(inclusive\) \?", text)
    numbers = range(max(2, int(start)), int(end) + 1)
    return Verdict(str(sum(all(n % d for d in range(2, int(n**0.5) + 1)) for n in numbers)))


def letter_counting(text: str) -> Verdict:
    """Capital letters count as their small ones (`CONVENTIONS`)."""

    letter, words = parse(r'How many times does the letter "(.)" appear in the text: "(.*)"\?', text)
    return Verdict(str(sum(character.lower() == letter for character in words)))


def fraction_simplification(text: str) -> Verdict:
    """Lowest terms in the notation of the question."""

    before, top, between, bottom, after = parse(
        r"Simplify the fraction (\$?(?:\\d?frac\{)?)(\d+)(/|\}\{)(\d+)(\}?\$?) to its lowest terms\. Give .*", text
    )
    lowest = Fraction(int(top), int(bottom))
    return Verdict(f"{before}{lowest.numerator}{between}{lowest.denominator}{after}")


def number_sorting(text: str) -> Verdict:
    """Numbers as written, by value; equal values (0.0 and -0.0) in the order of the text."""

    direction, listed = parse(r"Sort these numbers in (ascending|descending) order: ([^\n]*)\n.*", text)
    numbers = sorted(listed.split(", "), key=Decimal, reverse=direction == "descending")
    return Verdict(str(numbers))


def word_sorting(text: str) -> Verdict:
    """By code points, as the text says."""

    direction, listed = parse(
        r".*Now, sort these words in (ascending|descending) order \(using ASCII/Unicode ordering\)"
        r" and return them as a comma-separated list: (.*)\n",
        text,
    )
    words = sorted(listed.split(", "), key=lambda word: [ord(c) for c in word], reverse=direction == "descending")
    return Verdict(", ".join(words))


def chain_sum(text: str) -> Verdict:
    """Terms added from left to right."""

    (expression,) = parse(r"State the final answer to the following arithmetic problem: ([\d +-]+) =", text)
    terms = expression.replace("- ", "-").replace("+ ", "+").split(" ")
    return Verdict(str(sum(int(term) for term in terms)))


def _matrix(block: str) -> list[list[str]]:
    return [row.split(" ") for row in block.split("\n")]


def rotate_matrix(text: str) -> Verdict:
    """Each cell (r, c) of n rows goes to (c, n - 1 - r), once for every 90 degrees."""

    degrees, block = parse(r".*Rotate the matrix below by (\d+) degrees clockwise:\n([\d \n]+)\n", text)
    matrix = _matrix(block)
    size = len(matrix)
    for _ in range(int(degrees) // 90):
        matrix = [[matrix[size - 1 - c][r] for c in range(size)] for r in range(size)]
    return Verdict("\n".join(" ".join(row) for row in matrix))


def spiral_matrix(text: str) -> Verdict:
    """Walk and turn right wherever the next cell is visited or outside."""

    (block,) = parse(r".*what is the list of elements in spiral order\?\n([\d \n]+)\n", text)
    cells = {(r, c): cell for r, row in enumerate(_matrix(block)) for c, cell in enumerate(row)}
    row, column, down, right = 0, 0, 0, 1
    walked = [cells.pop((0, 0))]
    while cells:
        if (row + down, column + right) not in cells:
            down, right = right, -down
        row, column = row + down, column + right
        walked.append(cells.pop((row, column)))
    return Verdict(" ".join(walked))


def dice(text: str) -> Verdict:
    """Ways to reach each total, die by die; the probability as a reduced fraction."""

    listed, target = parse(r"I have these dice: ([\dd, ]+)\. What are the odds of rolling (\d+) or higher\? .*", text)
    ways: Counter[int] = Counter({0: 1})
    rolls = 1
    for die in listed.split(", "):
        sides = int(die.removeprefix("1d"))
        rolls *= sides
        grown: Counter[int] = Counter()
        for total, number in ways.items():
            for face in range(1, sides + 1):
                grown[total + face] += number
        ways = grown
    chance = Fraction(sum(number for total, number in ways.items() if total >= int(target)), rolls)
    return Verdict(f"{chance.numerator}/{chance.denominator}")


def leg_counting(text: str) -> Verdict:
    """Legs by the table `LEGS`, which counts the arms of a starfish (`CONVENTIONS`)."""

    (listed,) = parse(r".*how many legs are there in total if you have (.*)\?\n", text)
    total = 0
    for entry in listed.split(", "):
        number, noun = entry.split(" ", 1)
        total += int(number) * _LEGS[noun if number == "1" else noun.removesuffix("s")]
    return Verdict(str(total))


def base_conversion(text: str) -> Verdict:
    """Value by Horner's rule, digits by division. Zero is written 0 in every base."""

    source, digits, target = parse(r".*convert the (\S+) number (\w*) to (\S+)\n", text)
    if not digits:
        return Verdict(None, "number-missing")
    named = {"binary": 2, "hexadecimal": 16}
    source_base, target_base = (named.get(name) or int(name.removeprefix("base-")) for name in (source, target))
    value = 0
    for digit in digits:
        value = value * source_base + _DIGITS.index(digit)
    written = ""
    while value:
        value, digit_value = divmod(value, target_base)
        written = _DIGITS[digit_value] + written
    return Verdict(written or "0", None if written else "zero-without-digits")


def simple_equations(text: str) -> Verdict:
    """Both sides are linear: a left side at 0 and at 1 gives slope and offset."""

    *_, variable, left, right = parse(
        r"(Find the value of|Solve for|Determine the value of) (\w)(?: in the equation| that satisfies)?:"
        r" (.*) = (-?\d+)",
        text,
    )

    def at(value: int) -> int:
        total = 0
        for term in left.replace("- ", "-").replace("+ ", "+").split(" "):
            factor, _, name = term.lstrip("+").partition("*")
            if factor.lstrip("-") == variable:
                total += -value if factor.startswith("-") else value
            else:
                total += int(factor) * (value if name == variable else 1)
        return total

    slope = at(1) - at(0)
    if slope == 0:
        return Verdict(None, "variable-cancelled")
    solution = Fraction(int(right) - at(0), slope)
    return Verdict(str(solution))


def complex_arithmetic(text: str) -> Verdict:
    """Exact arithmetic on integers; zero has no sign."""

    a, sign, b = parse(r"\w+ the complex numbers: \((.*)\) ([+×÷-]) \((.*)\)", text)
    (ar, ai), (br, bi) = _parts(a), _parts(b)
    real, imag = {
        "+": lambda: (ar + br, ai + bi),
        "-": lambda: (ar - br, ai - bi),
        "×": lambda: (ar * br - ai * bi, ar * bi + ai * br),
        "÷": lambda: (
            (ar * br + ai * bi) / (br * br + bi * bi),
            (ai * br - ar * bi) / (br * br + bi * bi),
        ),
    }[sign]()
    if imag == 0:
        return Verdict(f"{float(real):.2f}", None if real else "negative-zero")
    if real == 0:
        return Verdict(f"{float(imag):.2f}i")
    return Verdict(f"{float(real)} {'-' if imag < 0 else '+'} {abs(float(imag))}i")


def _parts(written: str) -> tuple[Fraction, Fraction]:
    bare = written.replace(" ", "")
    if not bare.endswith("i"):
        return Fraction(bare), Fraction(0)
    cut = max(bare.rfind("+"), bare.rfind("-"), 0)
    return Fraction(bare[:cut] or "0"), Fraction(bare[cut:-1])


def isomorphic_strings(text: str) -> Verdict:
    """Isomorphic exactly if equal letters stand at equal places: each string names its letters by first use."""

    s, t = parse(r".*or False otherwise:\n(\w+) (\w+)\n", text)
    return Verdict(str([s.index(c) for c in s] == [t.index(c) for c in t]))


def caesar_cipher(text: str) -> Verdict:
    """The text states no shift: any of 25 could be meant, and only a guess at the language would choose."""

    parse(r"Decrypt this Caesar cipher text: (.*)\. Provide only the decrypted text as your final answer\.", text)
    return Verdict(None, "shift-unstated")


SOLVERS: dict[str, Callable[[str], Verdict]] = {
    solver.__name__: solver
    for solver in (
        gcd,
        lcm,
        products,
        count_primes,
        letter_counting,
        fraction_simplification,
        number_sorting,
        word_sorting,
        chain_sum,
        rotate_matrix,
        spiral_matrix,
        dice,
        leg_counting,
        base_conversion,
        simple_equations,
        complex_arithmetic,
        isomorphic_strings,
        caesar_cipher,
        time_intervals,
        calendar_arithmetic,
    )
}
"""Every family of reasoning-gym in a stream, and the reader of its texts."""
