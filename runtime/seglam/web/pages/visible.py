"""Text as a page shows it: nothing that a reader cannot see, and nothing that changes how the rest is read."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

LONGEST = 2_000
"""Characters of one value that a page shows; the API has the whole."""
MOST = 200_000
"""Bytes of all values of one page as HTML, so that none grows beyond what a reader can load; templates add theirs."""
ROW = 120
"""Bytes that a template is taken to put around a row of a table or list."""

# Cc and Cf are control and format characters (bidirectional overrides among them), Cs lone surrogates, Co private use,
# Cn unassigned, Zl and Zp separators of lines and paragraphs.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_PLAIN = re.compile(r"[\t\n\x20-\x7e]+")
_RUNS = re.compile(r"[\t\n\x20-\x7e]+|(.)\1*", re.DOTALL)
"""What needs no look at each character, or one character as often as it stands there."""
WIDEST = 5
"""Bytes that a plain character takes at most when it is escaped."""
# Letters and symbols by their category that are drawn as nothing or as a blank.
_BLANK = frozenset("\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")


@dataclass
class _Room:
    left: int


_room: ContextVar[_Room | None] = ContextVar("room", default=None)


@contextmanager
def one_page(most: int = MOST) -> Iterator[None]:
    """Let all values that are shown meanwhile share the room of one page."""
    token = _room.set(_Room(most))
    try:
        yield
    finally:
        _room.reset(token)


def fitting(rows: Iterable[Any]) -> Iterator[Any]:
    """The rows for which the page has room; what the template puts around each takes some of it."""
    room = _room.get()
    for row in rows:
        if room is not None:
            room.left -= ROW
            if room.left <= 0:
                return
        yield row


def is_full() -> bool:
    """Whether the page that is made has no more room."""
    room = _room.get()
    return room is not None and room.left <= 0


def visible(value: object, longest: int = LONGEST) -> Markup:
    """A value as HTML: escaped, hidden characters as their code points, cut with a note after `longest` characters or
    where the page has no more room."""
    text = str(value)
    room = _room.get()
    if room is not None and room.left <= 0:
        return Markup("…")
    left = room.left if room is not None else None
    parts, taken = _shown(text[:longest], left)
    if taken < len(text):
        parts += Markup('<span class="cut">… {:,} more characters</span>').format(len(text) - taken)
    if room is not None:
        room.left -= len(parts.encode())
    return parts


def _shown(text: str, most: int | None) -> tuple[Markup, int]:
    """A text as HTML of at most so many bytes, and how many of its characters that shows."""
    if text.isascii() and text.isprintable() and (most is None or WIDEST * len(text) <= most):
        return escape(text), len(text)
    parts: list[str] = []
    taken = size = 0
    for part in _RUNS.finditer(text):
        run = part[0]
        if _PLAIN.fullmatch(run):
            pieces, whole = str(escape(run)), True
            if most is not None and size + len(pieces) > most:
                run, whole = run[: max(0, most - size) // WIDEST], False
                pieces = str(escape(run))
            taken += len(run)
        else:
            pieces = _marked(run[0], len(run)) if _hidden(run[0]) else str(escape(run))
            whole = most is None or size + len(pieces.encode()) <= most
            if not whole:
                break
            taken += len(run)
        parts.append(pieces)
        size += len(pieces.encode())
        if not whole:
            break
    return Markup("".join(parts)), taken


def _marked(character: str, count: int) -> str:
    """What stands for a hidden character; a run of one is shown once with its length."""
    code = f"U+{ord(character):04X}"
    name = unicodedata.name(character, "a character that is not seen")
    times = f" ×{count}" if count > 1 else ""
    return Markup('<span class="hidden-character" title="{} {}">{}{}</span>').format(code, name.lower(), code, times)


def _hidden(character: str) -> bool:
    if character in _BLANK:
        return True
    category = unicodedata.category(character)
    # Besides the plain blank every other white space is shown, since it may stand for a blank that is none.
    return category in _HIDDEN or (category == "Zs" and character != " ")
