"""reasoning-gym's own generators, at their default settings."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from examples.streams.recompute import SOLVERS

FAMILIES = tuple(SOLVERS)
"""The families drawn from reasoning-gym; item i under seed S is `Random(S + i)`'s."""


class _Alphabet(set[str]):
    """A set that is walked in order. isomorphic_strings draws letters from sets, whose order differs from process to
    process (PYTHONHASHSEED), so that no seed would fix its items."""

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(frozenset(self)))

    def __sub__(self, other: Iterable[object]) -> _Alphabet:
        return _Alphabet(self.difference(other))


@lru_cache(maxsize=64)
def dataset(family: str, seed: int) -> Any:
    """The library's data set of a family. Its `[i]` may be any i: `size` only bounds iteration."""

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a dependency of reasoning-gym has invalid escapes
        import reasoning_gym

    made = reasoning_gym.create_dataset(family, seed=seed)
    if family == "isomorphic_strings":
        made.letters = _Alphabet(made.letters)
    return made


def entry(family: str, seed: int, index: int) -> dict[str, Any]:
    """The library's entry, `{"question", "answer", "metadata"}`, as its own scorer needs it."""

    made: dict[str, Any] = dataset(family, seed)[index]
    return made
