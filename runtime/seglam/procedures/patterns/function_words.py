"""Words that carry no meaning of their own in a request: two sentences that differ in nothing else ask the same.

The list is closed and short on purpose. It holds articles, the present copula, politeness and the genitive `of`.
Prepositions that relate two values (to, from, since, before, in, by, with, without), negations, numbers, verbs of
content, nouns and adjectives are words of meaning and never belong here. Languages are kept apart, since `die` and `a`
are articles in one and verbs or prepositions in another: Spanish and Portuguese `de` and `a`, German `von` and French
`des` and `du` can mean *from* or *to*, so they are not listed.
"""

from __future__ import annotations

from collections.abc import Sequence

DEFAULT_LANGUAGE = "en"

_WORDS = {
    "en": "the a an of is are please kindly thanks",
    "de": "der die das den dem des ein eine einen einem einer eines ist sind bitte danke",
    "es": "el la los las un una unos unas es son gracias",
    "pt": "o os um uma uns umas é são obrigado obrigada",
    "fr": "le la les l un une est sont merci",
    "it": "il lo la gli le un uno una è sono grazie",
    "nl": "de het een is alstublieft",
}
_PHRASES = {
    "en": ("thank you", "could you please", "can you please", "would you please", "will you please"),
    "de": ("vielen dank",),
    "es": ("por favor",),
    "pt": ("por favor",),
    "fr": ("s ' il vous plaît", "s ' il te plaît"),
    "it": ("per favore",),
    "nl": (),
}
WORDS = {language: frozenset(words.split()) for language, words in _WORDS.items()}
PHRASES = {
    language: tuple(tuple(phrase.split()) for phrase in sorted(phrases, key=len, reverse=True))
    for language, phrases in _PHRASES.items()
}
MARKS = frozenset(",;:.?")
"""Without meaning unless they stand between two numbers or values."""
SHORT_COPULAS = frozenset({"s", "re"})
"""What follows the apostrophe in what's and they're. After a value it is a genitive and is kept."""


def meaning(symbols: Sequence[str], language: str | None = None) -> tuple[str, ...]:
    """What is left of a sentence without the words that carry no meaning.

    Args:
        symbols: folded tokens, and `{parameter}` for each value.
        language: BCP 47 language of the words, English if not given; others than those listed have no such words.
    """
    primary = (language or DEFAULT_LANGUAGE).split("-")[0].lower()
    words, phrases = WORDS.get(primary, frozenset()), PHRASES.get(primary, ())
    kept: list[str] = []
    at = 0
    while at < len(symbols):
        phrase = next((p for p in phrases if tuple(symbols[at : at + len(p)]) == p), None)
        if phrase:
            at += len(phrase)
        elif primary == "en" and _is_short_copula(symbols, at):
            at += 2
        else:
            if symbols[at] not in words and not _is_mere_mark(symbols, at):
                kept.append(symbols[at])
            at += 1
    return tuple(kept)


def _is_short_copula(symbols: Sequence[str], at: int) -> bool:
    return (
        symbols[at] == "'"
        and at > 0
        and symbols[at - 1].isalpha()
        and at + 1 < len(symbols)
        and symbols[at + 1] in SHORT_COPULAS
    )


def _is_mere_mark(symbols: Sequence[str], at: int) -> bool:
    if symbols[at] not in MARKS:
        return False
    before, after = (symbols[at - 1] if at else ""), (symbols[at + 1] if at + 1 < len(symbols) else "")
    return not (_is_value(before) and _is_value(after))


def _is_value(symbol: str) -> bool:
    return symbol.isdigit() or (symbol.startswith("{") and len(symbol) > 1)
