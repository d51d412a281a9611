"""A request's text, cut into tokens once, for literals and value types alike.

A token is a run of letters, a run of ASCII digits, or any other single character that is not white space. Runs of white
space separate tokens and mean nothing else. Literals are compared in a folded form (lower case, typographic quotes
and the minus sign made plain); value types read the text itself, so that a value keeps what was written.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cached_property

SPACE = " \t\n\r\f\v\u00a0\u2000-\u200a\u202f\u3000"
TOKEN = re.compile(rf"[^\W\d_]+|[0-9]+|[^{SPACE}]")
"""Letters, ASCII digits, or one other character: digits of other scripts never join a number."""

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


class Text:
    """One text in Unicode normal form C, with its tokens.

    `tokens` are folded. `starts` and `ends` are made only when a value type asks for positions, since most lookups of
    patterns without parameters never do. `region` is a BCP 47 region (`US`, `DE`) or None; it decides number and date
    formats, which language alone does not.
    """

    __slots__ = ("__dict__", "memo", "region", "text", "tokens")

    def __init__(self, text: str, region: str | None = None) -> None:
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise TextError(
                f"character {error.start} of the text is a lone surrogate (U+{ord(text[error.start]):04X}); "
                "send well-formed Unicode"
            ) from None
        self.text = text if text.isascii() else unicodedata.normalize("NFC", text)
        self.region = region
        self.tokens: list[str] = TOKEN.findall(fold(self.text))
        self.memo: dict[tuple[str, int], tuple[tuple[int, str], ...]] = {}

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def spans(self) -> list[tuple[int, int]]:
        """Start and end of each token, in characters of `text`."""
        return [match.span() for match in TOKEN.finditer(fold(self.text))]

    @cached_property
    def ends(self) -> dict[int, int]:
        """From the character position where a token ends to the number of tokens up to there."""
        return {end: count for count, (_, end) in enumerate(self.spans, 1)}

    def start(self, token: int) -> int:
        """Character position of a token's first character; the text's length past the last one."""
        return self.spans[token][0] if token < len(self.tokens) else len(self.text)

    def slice(self, start: int, end: int) -> str:
        """What is written from token `start` up to token `end` (exclusive)."""
        return self.text[self.spans[start][0] : self.spans[end - 1][1]] if end > start else ""

    def glued(self, token: int) -> bool:
        """Whether nothing separates a token from the one before it."""
        return 0 < token < len(self.tokens) and self.spans[token][0] == self.spans[token - 1][1]
