"""Text as a page shows it: nothing that a reader cannot see, and nothing that changes how the rest is read."""

from __future__ import annotations

import unicodedata

from markupsafe import Markup, escape

LONGEST = 2_000
"""Characters of one value that a page shows; the API has the whole."""

# Cc and Cf are control and format characters (bidirectional overrides among them), Cs lone surrogates, Co private use,
# Cn unassigned, Zl and Zp separators of lines and paragraphs.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_KEPT = frozenset("\n\t")
# Letters and symbols by their category that are drawn as nothing or as a blank.
_BLANK = frozenset("\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")


def visible(value: object, longest: int = LONGEST) -> Markup:
    """A value as HTML: escaped, hidden characters as their code points, cut after `longest` characters with a note."""
    text = str(value)
    shown = text[:longest]
    if shown.isascii() and shown.isprintable():
        parts = escape(shown)
    else:
        parts = Markup("").join(_shown(character) for character in shown)
    if len(text) > longest:
        parts += Markup('<span class="cut">… {:,} more characters</span>').format(len(text) - longest)
    return parts


def _shown(character: str) -> Markup:
    if character in _KEPT or not _hidden(character):
        return escape(character)
    code = f"U+{ord(character):04X}"
    name = unicodedata.name(character, "a character that is not seen")
    return Markup('<span class="hidden-character" title="{} {}">{}</span>').format(code, name.lower(), code)


def _hidden(character: str) -> bool:
    if character in _BLANK:
        return True
    category = unicodedata.category(character)
    # Besides the plain blank every other white space is shown, since it may stand for a blank that is none.
    return category in _HIDDEN or (category == "Zs" and character != " ")
