"""reasoning-gym's gsm_symbolic: 85 templates of school problems whose names, items and numbers vary."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from random import Random
from typing import Any

from benchmarks.workloads.stream import Line, Stream

FIRST_MEASURED_SEED = 1000
"""Requests that authors were shown come from generator seeds below."""

_LETTERS, _WALK, _BIN = 3, 60, 99


def _hours_of_writing(variables: Mapping[str, Any]) -> Decimal:
    return Decimal(variables["total_minutes"]) / 60


def _minutes_of_walk(variables: Mapping[str, Any]) -> Decimal:
    names = ("beach_distance", "sidewalk_distance", "beach_time", "speed_multiplier")
    slow, fast, minutes, faster = (Decimal(variables[name]) for name in names)
    return minutes + minutes * fast / slow / faster


def _money_left(variables: Mapping[str, Any]) -> Decimal:
    cash, price = (Decimal(f"{variables[name]:.2f}") for name in ("initial_amount", "unit_price"))  # as it is written
    return cash - Decimal(variables["quantity"]) * price


CORRECTED: Mapping[int, Callable[[Mapping[str, Any]], Decimal]] = {
    _LETTERS: _hours_of_writing,
    _WALK: _minutes_of_walk,
    _BIN: _money_left,
}
"""Templates whose generator drops a fraction that no word of the problem drops (of 60 min and 27.5 min it makes 87, of
1656 min 27 h) or that its floats make (60.21 - 53 * 0.57 is 29), with the answer from the generator's own variables."""

_FORM = " Give the result as your final answer. Do not include units."


def stream(seed: int, count: int) -> Stream:
    """The library's own stream: item i is made from `Random(seed + i)`, its template drawn evenly from all.

    Raises `ValueError` for a seed that authors may have seen.
    """
    if seed < FIRST_MEASURED_SEED:
        raise ValueError(f"seeds below {FIRST_MEASURED_SEED} are for recording; take another --seed")
    made = _library(seed, count)
    lines = [_line(made.task_indices[number], f"gsm-{seed}-{number}", made[number]) for number in range(count)]
    corrected = sum(line["expected"] != made[number]["answer"] for number, line in enumerate(lines))
    return Stream(
        lines,
        metric="an answer is right if it is the generator's number, or the exact one where that drops a fraction",
        sources=[f"reasoning-gym {_version()}, gsm_symbolic (Apache-2.0)"],
        facts={
            "templates": len(templates()),
            "templates_drawn": len({line["family"] for line in lines}),
            "numbers_corrected": corrected,
        },
    )


def templates() -> list[int]:
    """The numbers of the library's templates."""
    return sorted(_all())


def exemplar(template: int, seed: int) -> Line:
    """One request of a template, for whoever writes procedures; `ValueError` for a seed that measurements use."""
    if seed >= FIRST_MEASURED_SEED:
        raise ValueError(f"seeds from {FIRST_MEASURED_SEED} up are for measurements")
    entry = _library(0, 1).generators[template](Random(seed), 1.0)
    return _line(template, f"gsm-{template}-{seed}", {**entry, "question": entry["question"] + _FORM})


def _line(template: int, name: str, entry: dict[str, Any]) -> Line:
    exactly = CORRECTED.get(template)
    return {
        "id": name,
        "family": f"gsm-{template:02}",
        "text": entry["question"],
        "expected": f"{exactly(entry['metadata']['variables']).normalize():f}" if exactly else entry["answer"],
        "compare": "number",
    }


@cache
def _library(seed: int, count: int) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a dependency of reasoning-gym has invalid escapes
        import reasoning_gym

    return reasoning_gym.create_dataset("gsm_symbolic", seed=seed, size=count)


def _all() -> list[int]:
    from reasoning_gym.arithmetic.gsm_symbolic.gsm_symbolic import tasks_ok

    return list(tasks_ok)


def _version() -> str:
    from importlib.metadata import version

    return version("reasoning-gym")
