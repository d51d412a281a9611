"""The defects of reasoning-gym's generators, each with a recomputation, and counts of them.

    python -m examples.streams.defects --count 10000 --seed 1000

draws items of every family, recomputes each answer from the request's text (`recompute.SOLVERS`) and counts where the
generator's differs, by rule. A difference that no rule below explains is an error, so the list is complete for the
items drawn. The recomputations are independent of the generators' code and of each other.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence

from examples.streams import gym
from examples.streams.lines import Defect, Item
from examples.streams.recompute import SOLVERS
from examples.streams.scores import COMPARE

RULES = {
    "milliseconds-through-float": "time_intervals: milliseconds are cut from a binary fraction; some are 1 ms short.",
    "time-dropped-after-weekday": "time_intervals: `YYYY-MM-DD (Weekday) HH:MM:SS +zzzz` is cut at ` (`, which"
    " drops the time and the offset.",
    "midnight-passed": "time_intervals: an end at or after midnight is read on the day of the start; hours turn out"
    " negative. The wordings that tell start from end mean the next day.",
    "midnight-between": "time_intervals: as above, but `between A and B` does not tell which is first. Must miss.",
    "ends-before-it-starts": "time_intervals: offsets put the end before the start; the answer (`-1 days, 02:00`)"
    " is written as no text says. Must miss.",
    "leap-year-open": "calendar_arithmetic: a date after February 28 in a year of which only the weekday of January 1"
    " is known. Must miss.",
    "year-misprinted": "calendar_arithmetic: spans of business days that end in 2023 are printed with 2022, so that the"
    " end precedes the start and has another weekday than stated. Must miss.",
    "number-missing": "base_conversion: zero has no digits in bases other than 2 and 16, so the question lacks its"
    " number. Must miss.",
    "zero-without-digits": "base_conversion: the answer for zero is empty in bases other than 2 and 16; it is `0`.",
    "variable-cancelled": "simple_equations: a product with zero leaves `0 = 0`, which every value solves. Must miss.",
    "negative-zero": "complex_arithmetic: a result of zero is written `-0.00`.",
    "shift-unstated": "caesar_cipher: the text states no shift. Must miss.",
}
"""What is wrong with the generator's answer, or with its text, under each rule."""

CONVENTIONS = {
    "leg_counting": "a starfish has 5 legs (its arms), crabs, lobsters and shrimps 10, woodlice 14; plurals add an s.",
    "letter_counting": "capital letters count as small ones; a `letter` may be a digit.",
    "time_intervals": "units are cut, not rounded; seconds that the text does not show are zero; hours pass 24 freely.",
    "calendar_arithmetic": "`from Monday, May 2 to Friday, May 6, 2022` starts in 2022.",
    "number_sorting": "numbers keep their text (`30.0`, `-0.0`); equal values keep their order.",
    "fraction_simplification": "1/1 stays a fraction.",
}
"""Readings that the texts leave to usage and that every generated answer of the family shares; no defects."""


class UnlistedDefect(AssertionError):
    """A generator's answer differs from the recomputed one, and no rule of `RULES` explains it."""


def examine(family: str, text: str, answer: str) -> tuple[str | None, Defect | None]:
    """The right answer to `text` (None: must miss) and, where the generator's `answer` is not it, the defect.

    Raises `UnlistedDefect` where they differ without a rule, `verdicts.UnknownText` where the text is not the family's.
    """

    verdict = SOLVERS[family](text)
    if verdict.answer == answer:
        return answer, None
    if verdict.rule not in RULES:
        raise UnlistedDefect(f"{family}: {answer!r} is not {verdict.answer!r}, the answer to {text!r}")
    return verdict.answer, {"rule": verdict.rule, "generator": answer}


def gym_item(family: str, seed: int, index: int) -> Item:
    """Item `index` of a family of reasoning-gym under `seed`, with its right answer."""

    entry = gym.entry(family, seed, index)
    expected, defect = examine(family, entry["question"], entry["answer"])
    return Item(entry["question"], expected, COMPARE.get(family, "text"), defect=defect)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the defects per family over `--count` items of each."""

    parser = argparse.ArgumentParser(
        prog="python -m examples.streams.defects",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--count", type=int, default=10_000, help="items of each family (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1000, help="the generators' seed (default: %(default)s)")
    parser.add_argument("--families", default=",".join(gym.FAMILIES), help="comma-separated (default: all)")
    options = parser.parse_args(arguments)
    families = options.families.split(",")
    if unknown := set(families) - set(gym.FAMILIES):
        parser.error(f"unknown families {', '.join(sorted(unknown))}; known are {', '.join(gym.FAMILIES)}")

    for family in families:
        items = (gym_item(family, options.seed, index) for index in range(options.count))
        rules = Counter(
            (item.defect["rule"], "must miss" if item.expected is None else "recomputed")
            for item in items
            if item.defect is not None
        )
        print(f"{family}: {rules.total()} of {options.count}", flush=True)
        for (rule, outcome), number in rules.most_common():
            print(f"    {number:6} {rule} ({outcome})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
