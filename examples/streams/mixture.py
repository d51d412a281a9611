"""A stream: families mixed by Zipf's law, each a sequence of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from random import Random

from examples.streams import capitals, multiplications, tables
from examples.streams.lines import Item, Line
from examples.streams.recompute import SOLVERS
from examples.streams.zipf import Zipf

FIRST_MEASURED_SEED = 1000
"""Recorded exemplars come from seeds below, measurements from this seed up."""

NEAR_MISSES = "near_miss"

_ESSAY: dict[str, Callable[[Random, float, int], Item]] = {
    "capital": capitals.item,
    "multiplication": multiplications.item,
    "csv_to_json": tables.csv_to_json,
    "pivot_table": tables.pivot_table,
}
_NEAR: dict[str, Callable[[Random], Item]] = {
    "capital": capitals.near_miss,
    "multiplication": multiplications.near_miss,
    "csv_to_json": tables.near_miss,
    "pivot_table": tables.near_miss,
}
ESSAY_FAMILIES = tuple(_ESSAY)
GYM_FAMILIES = tuple(SOLVERS)
FAMILIES = ESSAY_FAMILIES + GYM_FAMILIES
DEFAULT_EXPONENT = 1.1


def check_seeds(seed: int, count: int) -> None:
    """Raises `ValueError` where `count` items from `seed` on mix seeds for recording and for measuring, or repeat."""

    if seed < 0:
        raise ValueError(f"seed {seed} is negative: Random(-n) is Random(n)")
    if seed < FIRST_MEASURED_SEED < seed + count:
        raise ValueError(
            f"seed {seed} with {count} items goes to generator seed {seed + count - 1}, but those from"
            f" {FIRST_MEASURED_SEED} up are for measurements: take fewer items, or another seed"
        )


def line(family: str, seed: int, index: int, exponent: float = DEFAULT_EXPONENT) -> Line:
    """Item `index` of a family under `seed`, the same wherever it is drawn.

    A family of reasoning-gym gives its generator's item `index` for that seed, made from `Random(seed + index)`.
    """

    if family in _ESSAY:
        item = _ESSAY[family](Random(f"{family} {seed} {index}"), exponent, seed)
    elif family in SOLVERS:
        from examples.streams.defects import gym_item

        item = gym_item(family, seed, index)
    else:
        raise ValueError(f"unknown family {family!r}; known are {', '.join(FAMILIES)}")
    return item.line(family, f"{family}-{seed}-{index}")


def near_miss(families: Sequence[str], seed: int, index: int) -> Line:
    """Near miss `index`: a request beside one of the essay families among `families`."""

    rng = Random(f"{NEAR_MISSES} {seed} {index}")
    beside = rng.choice([family for family in families if family in _NEAR])
    return _NEAR[beside](rng).line(NEAR_MISSES, f"{NEAR_MISSES}-{seed}-{index}")


def stream(
    count: int,
    seed: int,
    families: Sequence[str] = FAMILIES,
    exponent: float = DEFAULT_EXPONENT,
    near_share: float = 0.03,
) -> Iterator[Line]:
    """`count` lines. `near_share` of them are near misses where an essay family is among `families`.

    Raises `ValueError` where items of seeds for recording and of seeds for measuring would mix.
    """

    check_seeds(seed, count)
    rng = Random(f"stream {seed}")
    ranks = Zipf(families, exponent, f"families {seed}")
    near = near_share if any(family in _NEAR for family in families) else 0.0
    drawn: Counter[str] = Counter()
    for _ in range(count):
        family = NEAR_MISSES if rng.random() < near else ranks.draw(rng)
        index = drawn[family]
        drawn[family] += 1
        yield near_miss(families, seed, index) if family == NEAR_MISSES else line(family, seed, index, exponent)
