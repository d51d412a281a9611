from __future__ import annotations

import warnings

import pytest

from examples.streams import gym
from examples.streams.defects import RULES, UnlistedDefect, examine, gym_item, main
from examples.streams.recompute import LEGS, SOLVERS
from examples.streams.verdicts import UnknownText

BASES = (
    "Your task is to convert a number between two different bases.\n\n"
    "If the target base is > 10, use lowercase letters a-z for digits above 9.\n\n"
    "Now, convert the {} number {} to {}\n"
)
FLIGHT = "A flight departed at {} and arrived at {}. How long was the flight? Answer in {}."
BETWEEN = "What is the duration between {} and {}? Please answer in {}."

FIXED = [
    # rule, family, text, the generator's answer, the right one
    (
        "milliseconds-through-float",
        "time_intervals",
        "How much time elapsed from 09:43:58.821 to 22:11:11.690? Give your answer in HH:MM:SS.mmm.",
        "12:27:12.868",
        "12:27:12.869",
    ),
    (
        "time-dropped-after-weekday",
        "time_intervals",
        FLIGHT.format("2710-12-17 (Saturday) 07:58:16 +0700", "2711-02-23 (Thursday) 22:50:50 +0100", "D days, HH:MM"),
        "68 days, 00:00",
        "68 days, 20:52",
    ),
    ("midnight-passed", "time_intervals", FLIGHT.format("23:50", "00:00", "HH:MM"), "-24:10", "00:10"),
    (
        "midnight-between",
        "time_intervals",
        BETWEEN.format("23:59:58.896", "00:00:00.953", "HH:MM:SS.mmm"),
        "-24:00:02.057",
        None,
    ),
    (
        "ends-before-it-starts",
        "time_intervals",
        FLIGHT.format("2520-10-09 10:00 -1200", "2520-10-09 12:00 +1200", "D days, HH:MM"),
        "-1 days, 02:00",
        None,
    ),
    (
        "leap-year-open",
        "calendar_arithmetic",
        "Given that January 1 fell on a Tuesday, which weekday occurs on April 10? Reply with just the weekday name.",
        "Wednesday",
        None,
    ),
    (
        "year-misprinted",
        "calendar_arithmetic",
        "How many business days (Monday-Friday) are there from Friday, December 9, 2022 to Sunday, January 1, 2022"
        " (inclusive of both dates)? Provide the count as a number.",
        "16",
        None,
    ),
    ("number-missing", "base_conversion", BASES.format("base-4", "", "base-10"), "", None),
    ("zero-without-digits", "base_conversion", BASES.format("binary", "0", "base-3"), "", "0"),
    ("variable-cancelled", "simple_equations", "Solve for f: 0 = 0", "50", None),
    (
        "negative-zero",
        "complex_arithmetic",
        "Multiply the complex numbers: (-10.0 + 3.0i) × (0.00)",
        "-0.00",
        "0.00",
    ),
    (
        "shift-unstated",
        "caesar_cipher",
        "Decrypt this Caesar cipher text: SWO SEPD ZN. Provide only the decrypted text as your final answer.",
        "WAS WITH DR",
        None,
    ),
]

GENERATED = [
    # rule, family, an item of seed 1000 that the library really makes
    ("milliseconds-through-float", "time_intervals", None),
    ("time-dropped-after-weekday", "time_intervals", None),
    ("leap-year-open", "calendar_arithmetic", None),
    ("year-misprinted", "calendar_arithmetic", None),
    ("number-missing", "base_conversion", 514),
    ("zero-without-digits", "base_conversion", 8991),
    ("variable-cancelled", "simple_equations", None),
    ("negative-zero", "complex_arithmetic", 1519),
    ("shift-unstated", "caesar_cipher", 0),
]


@pytest.mark.parametrize(("rule", "family", "text", "generator", "right"), FIXED)
def test_each_rule_recomputes(rule: str, family: str, text: str, generator: str, right: str | None) -> None:
    assert examine(family, text, generator) == (right, {"rule": rule, "generator": generator})


def test_each_rule_has_an_example() -> None:
    assert {rule for rule, *_ in FIXED} == set(RULES)


@pytest.mark.parametrize(("rule", "family", "index"), GENERATED)
def test_the_library_makes_them(rule: str, family: str, index: int | None) -> None:
    indices = range(1000) if index is None else [index]
    items = (gym_item(family, 1000, each) for each in indices)
    found = next(item for item in items if item.defect is not None and item.defect["rule"] == rule)
    assert (found.expected is None) == ("Must miss." in RULES[rule])


@pytest.mark.parametrize("family", gym.FAMILIES)
def test_no_difference_is_unexplained(family: str) -> None:
    for index in range(150):
        gym_item(family, 1000, index)


@pytest.mark.parametrize("family", gym.FAMILIES)
def test_a_wrong_answer_of_a_sound_item_is_an_unlisted_defect(family: str) -> None:
    items = ((gym.entry(family, 1000, i)["question"], gym_item(family, 1000, i)) for i in range(60))
    sound = [text for text, item in items if item.defect is None and SOLVERS[family](text).rule is None]
    for text in sound:
        with pytest.raises(UnlistedDefect, match=family):
            examine(family, text, "no answer")
    assert bool(sound) == (family != "caesar_cipher")


@pytest.mark.parametrize("family", gym.FAMILIES)
def test_other_texts_are_refused(family: str) -> None:
    with pytest.raises(UnknownText):
        examine(family, "What is the capital of France?", "Paris")


def test_dates_until_the_end_of_february_do_not_depend_on_the_year() -> None:
    asked = "Given that January 1 fell on a Tuesday, which weekday occurs on {}? Reply with just the weekday name."
    assert examine("calendar_arithmetic", asked.format("February 28"), "Thursday") == ("Thursday", None)
    assert examine("calendar_arithmetic", asked.format("March 1"), "Friday")[0] is None


def test_equal_numbers_keep_their_order_and_text() -> None:
    asked = "Sort these numbers in descending order: -0.0, 2.50, 0.0, -1.0\nPlease"
    assert SOLVERS["number_sorting"](asked).answer == "['2.50', '-0.0', '0.0', '-1.0']"


def test_the_legs_are_those_of_the_library() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from reasoning_gym.arithmetic.leg_counting import ANIMALS
    assert {animal: legs for legs, animals in LEGS.items() for animal in animals.split(", ")} == ANIMALS


def test_counts_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--count", "20", "--families", "gcd,caesar_cipher"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "gcd: 0 of 20",
        "caesar_cipher: 20 of 20",
        "        20 shift-unstated (must miss)",
    ]
    with pytest.raises(SystemExit):
        main(["--families", "nothing"])
