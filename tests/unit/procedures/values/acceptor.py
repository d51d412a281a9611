"""A backtracking acceptor of shapes, slow and obvious, to compare value types with what they claim."""

from __future__ import annotations

import re

from seglam.procedures.text import Text
from seglam.procedures.values.base import BREAKING, JOINING, Alt, Seq, Shape, Star, Symbol

Memo = dict[tuple[int, int], frozenset[int]]


def accepts(shape: Shape, text: str) -> bool:
    """Whether `shape` accepts all tokens of `text`."""
    cut = Text(text)
    return len(cut) in _ends(shape, cut, 0, {})


def _ends(shape: Shape, text: Text, start: int, memo: Memo) -> frozenset[int]:
    """The token indices at which `shape` can end if it begins at `start`."""
    key = (id(shape), start)
    if key not in memo:
        memo[key] = frozenset(_find_ends(shape, text, start, memo))
    return memo[key]


def _find_ends(shape: Shape, text: Text, start: int, memo: Memo) -> set[int]:
    match shape:
        case Symbol():
            return {start + 1} if start < len(text) and _admits(shape, text, start) else set()
        case Seq(items):
            ends = {start}
            for item in items:
                ends = {end for begin in ends for end in _ends(item, text, begin, memo)}
            return ends
        case Alt(items):
            return {end for item in items for end in _ends(item, text, start, memo)}
        case Star(item):
            seen, ends = {start}, {start}
            while ends:
                ends = {end for begin in ends for end in _ends(item, text, begin, memo)} - seen
                seen |= ends
            return seen


def _admits(symbol: Symbol, text: Text, at: int) -> bool:
    if symbol.glued is not None and at and symbol.glued != text.glued(at):
        return False
    token = text.tokens[at]
    return token in symbol.literals or not symbol.classes.isdisjoint(_classes(token))


def _classes(token: str) -> set[str]:
    if token.isascii() and token.isdigit():
        return {"any", "digits", f"digits{len(token)}"}
    if re.fullmatch(r"[^\W\d_]+", token):
        kinds = {"any", "word"} | ({"letter"} if len(token) == 1 else set())
        return kinds if token in JOINING else kinds | {"content"}
    return {"any", "mark"} | (set() if token in BREAKING else {"sign"})
