"""A backtracking acceptor of shapes, slow and obvious, to compare value types with what they claim."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seglam.procedures.text import Text
from seglam.procedures.values.base import Alt, Seq, Shape, Star, Symbol


def accepts(shape: Shape, text: str) -> bool:
    """Whether `shape` accepts all tokens of `text`."""
    cut = Text(text)
    return any(end == len(cut) for end in _ends(shape, cut, 0))


def _ends(shape: Shape, text: Text, start: int) -> Iterator[int]:
    """Each token index at which `shape` can end if it begins at `start`; some may come twice."""
    match shape:
        case Symbol():
            if start < len(text) and _admits(shape, text, start):
                yield start + 1
        case Seq(items):
            ends = {start}
            for item in items:
                ends = {end for begin in ends for end in _ends(item, text, begin)}
            yield from ends
        case Alt(items):
            for item in items:
                yield from _ends(item, text, start)
        case Star(item):
            seen, ends = {start}, {start}
            while ends:
                ends = {end for begin in ends for end in _ends(item, text, begin)} - seen
                seen |= ends
            yield from seen


def _admits(symbol: Symbol, text: Text, at: int) -> bool:
    if symbol.glued is not None and at and symbol.glued != text.glued(at):
        return False
    token = text.tokens[at]
    return token in symbol.literals or not symbol.classes.isdisjoint(_classes(token))


def _classes(token: str) -> set[str]:
    if token.isascii() and token.isdigit():
        return {"any", "digits", f"digits{len(token)}"}
    if re.fullmatch(r"[^\W\d_]+", token):
        return {"any", "word"} | ({"letter"} if len(token) == 1 else set())
    return {"any", "mark"}
