"""Text that is taken as written: characters, words, tokens, variables, quoted and opaque text."""

from __future__ import annotations

import random
import re
import string
from collections.abc import Iterator, Sequence
from typing import overload

from seglam.procedures.text import SPACE, Text
from seglam.procedures.values.base import ANYTHING, Reading, Sample, Shape, Star, alt, cls, lit, opt, seq
from seglam.procedures.values.tagged import AsWritten, after_word, well_formed

QUOTES = {'"': '"', "'": "'", "`": "`", "\u201c": "\u201d", "\u2018": "\u2019", "\u201e": "\u201c", "\u00ab": "\u00bb"}
"""Closing quote by opening quote."""

_QUOTE_MARKS = {opening: re.compile(f"[{opening}{closing}]") for opening, closing in QUOTES.items()}
_FOLDED_QUOTES = frozenset("\"'`\u201e\u00ab")
MAX_ENDS = 8
"""Places where a quoted text or a token may end; with more of them there is no reading."""

MAX_OPAQUE_TOKENS = 1024
"""Tokens that an opaque text and all that follows it may have."""

_QUOTE = lit('"', "'", "`", "\u201e", "\u00ab", "\u00bb")
_ONE = cls("letter", "digits1", "mark")

_WORD = re.compile(r"_*[^\W_]+(?:[-_'\u2019][^\W_]+)*_*")
_CODE = re.compile(r"(?=[A-Za-z]*[0-9])[A-Za-z0-9]{1,1000}")
_JOINING = frozenset("-\u2010\u2011\u2012\u2013\u2212+._'\u2019/\\&@#$%^~*=\u00b1")
"""Marks that make a code a part of something longer where they touch it and, behind it, a letter or digit follows."""
_POSSESSIVE = re.compile(r"['\u2019][sS]\Z")
_RUN = re.compile(rf"[^{SPACE}]+")
_CLOSERS = frozenset(".,;:!?)]}\"'`\u2019\u201d\u00bb")
"""Marks that may follow a token rather than belong to it."""

_PHRASES = ("ab", "x", "Hello, world", "don't", "Ünïcödé", "日本語", "🙂", "a  b", "3.14", "What is this?", "O(n)")


def quoted_spans(text: Text, start: int) -> list[tuple[int, int]]:
    """Character positions, inside the quotes, of every quoted text that opens at token `start`; empty if there is none.

    A closing quote is followed by no letter or digit, else it is an apostrophe or opens a quote inside. A quote that
    opens after a possible closing one ends the search: in `"a" and "b"` nothing reaches from `a` to `b`. A quote that
    opens before any closing one nests, which only paired quotes can do readably; with others there is no reading.
    """
    content = text.text
    position = text.start(start)
    opening = content[position]
    closing = QUOTES.get(opening)
    if closing is None or (opening == closing and after_word(text, start)):
        return []
    found: list[tuple[int, int]] = []
    depth = 0
    for match in _QUOTE_MARKS[opening].finditer(content, position + 1):
        at = match.start()
        before = content[at - 1]
        after = content[at + 1 : at + 2]
        if opening != closing and match.group() == opening:
            if found:
                break
            depth += 1
        elif after.isalnum():
            if before.isalnum() or opening != closing:
                continue  # an apostrophe, or a quote inside a word
            return found  # opens another quote
        elif depth:
            depth -= 1
        elif found and opening == closing and (before.isspace() or (after.strip() and not before.isalnum())):
            break  # opens another quote, with a mark or a space inside
        else:
            found.append((position + 1, at))
            if len(found) > MAX_ENDS:
                return []
    return found


class QuotedType(AsWritten):
    """Text between matching quotes; the canonical text is the inside exactly as written."""

    name = key = "quoted"
    first = _FOLDED_QUOTES
    exact = False
    summary = "Text between matching quotes."
    python = "str: the text inside the quotes, as written"
    accepts = ('"abc"', "'don't'", "“He said “hi”.”", "«bonjour»", "`x = 1`", '""')
    rejects = ("abc", '"abc', "'abc\"", '"say "hi" now"')
    expected = "any text"

    def scan(self, text: Text, start: int) -> Sequence[Reading]:
        ends = text.ends
        return [(ends[end + 1], text.text[begin:end]) for begin, end in quoted_spans(text, start)]

    def valid(self, canonical: str) -> bool:
        return well_formed(canonical)

    def shape(self) -> Shape:
        return seq(lit(*_FOLDED_QUOTES), ANYTHING)

    def samples(self, random: random.Random) -> Iterator[Sample]:
        yield from (Sample('""', ""), Sample('" "', " "), Sample("`'`", "'"), Sample("'don't'", "don't"))
        while True:
            for phrase in _PHRASES:
                opening = random.choice('"`\u00ab\u201c')
                yield Sample(opening + phrase + QUOTES[opening], phrase)


class CharacterType(AsWritten):
    """One Unicode character, in quotes or bare. A bare letter or digit touches no other; a bare quote is none."""

    name = key = "character"
    exact = False
    summary = "One character, bare or in quotes."
    accepts = ("h", '"h"', "'?'", "7", "é", '" "', "%")
    rejects = ("hi", "12", '""', '"ab"', '"')
    expected = "one character"

    def scan(self, text: Text, start: int) -> Sequence[Reading]:
        content, position = text.text, text.start(start)
        character = content[position]
        closing = QUOTES.get(character)
        if closing is not None:
            if closing == character and after_word(text, start):
                return ()
            if content[position + 2 : position + 3] != closing or content[position + 1] == closing:
                return ()
            return ((text.ends[position + 3], content[position + 1]),)
        if len(text.tokens[start]) > 1:
            return ()
        if character.isalnum() and (after_word(text, start) or content[position + 1 : position + 2].isalnum()):
            return ()
        return ((start + 1, character),)

    def valid(self, canonical: str) -> bool:
        return len(canonical) == 1 and well_formed(canonical)

    def shape(self) -> Shape:
        return alt(_ONE, seq(_QUOTE, opt(_ONE), _QUOTE))

    def samples(self, random: random.Random) -> Iterator[Sample]:
        for written in ("a", "Z", "0", "é", "日", "🙂", "%", "-", "_", "\\"):
            yield Sample(written, written)
        yield from (Sample('" "', " "), Sample('"\'"', "'"), Sample("'?'", "?"))
        while True:
            character = random.choice(string.ascii_letters + string.digits + ".,;:+*/#&ñß")
            yield Sample(f'"{character}"' if random.random() < 0.5 else character, character)


class WordType(AsWritten):
    """Letters and digits, with single `-`, `_` and apostrophes inside and `_` around; canonical as written.

    A possessive ending is also read without: "Alice's" is `Alice's` and `Alice`.
    """

    name = key = "word"
    exact = False
    separate = True
    summary = "One word: letters and digits, with - _ ' inside and _ around."
    accepts = ("hello", "well-known", "don't", "x2", "snake_case", "_emphasis_", "Ünïcödé", "日本語")
    rejects = ("two words", "a--b", "-a", "'quoted'", "3.5")
    expected = "letters and digits, with single - _ or ' inside and _ around"

    def scan(self, text: Text, start: int) -> Sequence[Reading]:
        if after_word(text, start):
            return ()
        match = _WORD.match(text.text, text.start(start))
        if match is None or match.end() not in text.ends:
            return ()
        whole = (text.ends[match.end()], match.group())
        short = match.group()[:-2]
        if not _POSSESSIVE.search(match.group()) or match.end() - 2 not in text.ends:
            return (whole,)
        return ((text.ends[match.end() - 2], short), whole)

    def valid(self, canonical: str) -> bool:
        return _WORD.fullmatch(canonical) is not None

    def shape(self) -> Shape:
        # A digit that is not ASCII is a mark of its own.
        part = cls("word", "digits", "mark")
        return seq(part, Star(cls("word", "digits", "mark", glued=True)))

    def samples(self, random: random.Random) -> Iterator[Sample]:
        for written in (
            "a",
            "Z",
            "don't",
            "well-known",
            "snake_case",
            "_x_",
            "x2",
            "2nd",
            "Ünïcödé",
            "日本語",
            "a1-b2_c3",
        ):
            yield Sample(written, written)
        while True:
            written = "".join(random.choices(string.ascii_letters, k=random.randint(1, 12)))
            yield Sample(written, written)


class CodeType(AsWritten):
    """ASCII letters and digits without anything between them, a digit among them; canonical as written.

    No word is one, so that a code may stand between words. It is nothing's part: a mark that touches it in front, such
    as a sign, or that joins it to more behind it, makes it none.
    """

    name = key = "code"
    exact = False
    separate = greedy = True
    summary = "Letters and digits in one piece, with at least one digit: digits in any base, 2d6, part numbers."
    accepts = ("3f", "2d6", "1011", "x2", "7zz")
    rejects = ("abc", "-3f", "3.5", "1,000", "x-2", "3 f")
    expected = "ASCII letters and digits in one piece, with at least one digit"

    def scan(self, text: Text, start: int) -> Sequence[Reading]:
        content, position = text.text, text.start(start)
        match = None if after_word(text, start) else _CODE.match(content, position)
        if match is None or match.end() not in text.ends:
            return ()
        joining = _JOINING | {","} if match.group().isdecimal() else _JOINING  # a list of dice has no groups of digits
        behind = content[match.end() : match.end() + 2]
        if content[position - 1 : position] in joining or behind[:1].isalnum():
            return ()
        if len(behind) == 2 and behind[0] in joining and behind[1].isalnum():
            return ()
        return ((text.ends[match.end()], match.group()),)

    def valid(self, canonical: str) -> bool:
        return _CODE.fullmatch(canonical) is not None

    def shape(self) -> Shape:
        digits = alt(cls("digits"), seq(cls("word"), cls("digits", glued=True)))
        return seq(digits, Star(cls("word", "digits", glued=True)))

    def samples(self, random: random.Random) -> Iterator[Sample]:
        for written in ("0", "7", "a1", "1A", "2d6", "007", "1011", "zz9", "1e5", "0x1F"):
            yield Sample(written, written)
        while True:
            written = "".join(random.choices(string.ascii_lowercase + string.digits, k=random.randint(0, 7)))
            written += random.choice(string.digits)
            yield Sample(written, written)


class TokenType(AsWritten):
    """A run without white space; canonical as written.

    Marks that usually follow a token (a full stop, a comma, a closing bracket or quote) may belong to it or not: each
    is a reading.
    """

    name = key = "token"
    exact = False
    separate = True
    summary = "A run of characters without white space."
    accepts = ("x86-64", "a/b", "#42", "user@example.org", "0x1F", "f(x)=2")
    rejects = ("two tokens",)
    expected = "characters without white space"

    def scan(self, text: Text, start: int) -> Sequence[Reading]:
        content, ends = text.text, text.ends
        match = None if after_word(text, start) else _RUN.match(content, text.start(start))
        if match is None:
            return ()
        begin, end = match.span()
        found = [(ends[end], content[begin:end])]
        while end - 1 > begin and content[end - 1] in _CLOSERS:
            end -= 1
            found.append((ends[end], content[begin:end]))
            if len(found) > MAX_ENDS:
                return ()
        return found

    def valid(self, canonical: str) -> bool:
        return _RUN.fullmatch(canonical) is not None and well_formed(canonical)

    def shape(self) -> Shape:
        return seq(cls("any"), Star(cls("any", glued=True)))

    def samples(self, random: random.Random) -> Iterator[Sample]:
        for written in ("a", "0", "x86-64", "a/b", "#42", "user@example.org", "0x1F", "日本語", "🙂", "C++", "v1.2"):
            yield Sample(written, written)
        while True:
            written = "".join(
                random.choices(string.ascii_letters + string.digits + "-_+*/=#@", k=random.randrange(1, 12))
            )
            yield Sample(written, written)


class VariableType(AsWritten):
    """One ASCII letter that names a variable, with its case; a number may touch it on the left (`2x`)."""

    name = key = "variable"
    first = frozenset(string.ascii_lowercase)
    exact = False
    summary = "One ASCII letter that names a variable."
    accepts = ("x", "N")
    rejects = ("xy", "x1", "x_1", "é", "1")
    expected = "one ASCII letter"

    def scan(self, text: Text, start: int) -> Sequence[Reading]:
        if len(text.tokens[start]) > 1:
            return ()
        position = text.start(start)
        following = text.text[position + 1 : position + 2]
        if not self.valid(text.text[position]) or following.isalnum() or following == "_":
            return ()
        return ((start + 1, text.text[position]),)

    def valid(self, canonical: str) -> bool:
        return len(canonical) == 1 and canonical in string.ascii_letters

    def shape(self) -> Shape:
        return lit(*string.ascii_lowercase)

    def samples(self, random: random.Random) -> Iterator[Sample]:
        for written in "xXnaAzZ":
            yield Sample(written, written)
        while True:
            written = random.choice(string.ascii_letters)
            yield Sample(written, written)


class _Prefixes(Sequence[Reading]):
    """The readings of an opaque text, each cut only when it is asked for."""

    def __init__(self, text: Text, start: int) -> None:
        self._text, self._start = text, start

    def __len__(self) -> int:
        return len(self._text) - self._start

    def __iter__(self) -> Iterator[Reading]:
        content, stops = self._text.text, self._text.stops
        begin = self._text.starts[self._start]
        for end in range(self._start, len(stops)):
            yield end + 1, content[begin : stops[end]]

    @overload
    def __getitem__(self, index: int) -> Reading: ...
    @overload
    def __getitem__(self, index: slice) -> list[Reading]: ...
    def __getitem__(self, index: int | slice) -> Reading | list[Reading]:
        chosen = range(self._start + 1, len(self._text) + 1)[index]
        if isinstance(chosen, range):
            return [(end, self._text.slice(self._start, end)) for end in chosen]
        return chosen, self._text.slice(self._start, chosen)


class TextType(AsWritten):
    """Opaque text: any run of tokens, so that a pattern must say what stands before and behind it.

    Every end is a reading. Where more than `MAX_OPAQUE_TOKENS` tokens are left there is none: to look at the nearest
    ends only could hide a second binding. As an answer it is any text.
    """

    name = key = "text"
    summary = "Any text; in a pattern it needs words on both sides."
    accepts = ("anything at all", "3 + 4?", "«x»")
    rejects = ()
    expected = "well-formed Unicode text"

    def scan(self, text: Text, start: int) -> Sequence[Reading]:
        return _Prefixes(text, start) if len(text) - start <= MAX_OPAQUE_TOKENS else ()

    def valid(self, canonical: str) -> bool:
        return well_formed(canonical)

    def shape(self) -> Shape:
        return ANYTHING

    def samples(self, random: random.Random) -> Iterator[Sample]:
        for written in (*_PHRASES, "a\nb", "-", "'", '"x" and "y"'):
            yield Sample(written, written)
        while True:
            written = " ".join(random.choices(_PHRASES, k=random.randint(1, 6)))
            yield Sample(written, written)
