"""A request's text, cut into tokens once, for literals and value types alike.

A token is a run of letters, a run of ASCII digits, or any other single character that is not white space. Runs of white
space separate tokens and mean nothing else. Literals are compared in a folded form (lower case, typographic quotes
and the minus sign made plain); value types read the text itself, so that a value keeps what was written.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import accumulate, count

SPACE = " \t\n\r\f\v\u00a0\u2000-\u200a\u202f\u3000"
TOKEN = re.compile(rf"[^\W\d_]+|[0-9]+|[^{SPACE}]")
"""Letters, ASCII digits, or one other character: digits of other scripts never join a number."""

_ASCII = re.compile(r"[a-z]+|[0-9]+|[^ \t\n\r\f\v]")
"""The same for a folded text of ASCII alone, at half the time."""
_CUT, _CUT_ASCII = (re.compile(f"({token.pattern})") for token in (TOKEN, _ASCII))

_PLAIN = str.maketrans({"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"', "\u2212": "-"})
"""One character for one, so that positions in the folded form are positions in the text. No dash but the minus sign
is a minus.
"""

MAX_BYTES = 64 * 1024
"""Longest text that is matched, in UTF-8 bytes; data travels in inputs."""


class TextError(ValueError):
    """A text that cannot be read at all; the message says why and what to do."""


def fold(text: str) -> str:
    """The form in which literals are compared; as long as `text`, character by character."""
    lowered = text.lower()
    if len(lowered) != len(text):  # a few capitals lower to two characters; those stay as they are
        lowered = "".join(low if len(low := c.lower()) == 1 else c for c in text)
    return lowered if lowered.isascii() else lowered.translate(_PLAIN)


def tokens(folded: str) -> list[str]:
    """The tokens of a text that is folded already."""
    return (_ASCII if folded.isascii() else TOKEN).findall(folded)


def _normal(text: str) -> str:
    """Normal form C; `TextError` if the text is no well-formed Unicode."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise TextError(
            f"character {error.start} of the text is a lone surrogate (U+{ord(text[error.start]):04X}); "
            "send well-formed Unicode"
        ) from None
    return unicodedata.normalize("NFC", text)


class Text:
    """One text in Unicode normal form C, with its tokens.

    `tokens` are folded; `starts` and `ends` are their positions in characters of `text`. `region` is a BCP 47 region
    (`US`, `DE`) or None; it decides number and date formats, which language alone does not.
    """

    __slots__ = ("ends", "memo", "region", "starts", "stops", "text", "tokens")

    def __init__(self, text: str, region: str | None = None) -> None:
        plain = text.isascii()
        self.text = text if plain else _normal(text)
        self.region = region
        folded = text.lower() if plain else fold(self.text)
        # Gap, token, gap, token, ..., gap: their lengths add up to all positions.
        pieces = (_CUT_ASCII if plain or folded.isascii() else _CUT).split(folded)
        bounds = list(accumulate(map(len, pieces)))
        self.tokens: list[str] = pieces[1::2]
        self.starts = bounds[::2]
        """Position of each token's first character, and at last the text's length."""
        self.stops = bounds[1::2]
        """Position just past each token."""
        self.ends = dict(zip(self.stops, count(1), strict=False))
        """From the position where a token ends to the number of tokens up to there."""
        self.memo: dict[tuple[str, int], Sequence[tuple[int, str]]] = {}

    def __len__(self) -> int:
        return len(self.tokens)

    def start(self, token: int) -> int:
        """Character position of a token's first character; the text's length past the last one."""
        return self.starts[token]

    def slice(self, start: int, end: int) -> str:
        """What is written from token `start` up to token `end` (exclusive)."""
        return self.text[self.starts[start] : self.stops[end - 1]] if end > start else ""

    def touched(self, token: int) -> bool:
        """Whether a token and the one before it are words or numbers that nothing separates."""
        return self.glued(token) and self.tokens[token][0].isalnum() and self.tokens[token - 1][-1].isalnum()

    def glued(self, token: int) -> bool:
        """Whether nothing separates a token from the one before it."""
        return 0 < token < len(self.tokens) and self.starts[token] == self.stops[token - 1]
