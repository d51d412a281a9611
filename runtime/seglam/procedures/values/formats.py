"""How numbers are written, by region.

Language does not fix it: es-MX writes 1,234.5 and es-ES 1.234,5. A region does. Without one a text is read under both
great conventions, and a caller sees all values.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from seglam.procedures.text import Text

MAX_DIGITS = 4300
"""Longest number in characters: the longest integer that Python converts by default."""

END = sys.maxsize

SIGN = r"[-+\u2212]"
_JOINT = r"[.,'\u2019_\xa0\u2009\u202f\u066b\u066c][0-9]"
FOLLOW = rf"(?![^\W_]|{_JOINT})"
"""A number goes on with no letter and no digit, and with no mark that may belong to a longer number."""
FOLLOW_UNIT = rf"(?![0-9]|{_JOINT})"
"""The same where a unit may touch the number."""

# Groups repeat inside (?>...): before Python 3.11.5, (?:...)*+ takes the beginning of a repetition that fails.
NUMERAL = r"[0-9]+(?>(?:[.,'\u2019][0-9]+)*)|\.[0-9]++"
_NUMBER = re.compile(rf"({SIGN}?)({NUMERAL}){FOLLOW}")
_NUMBER_UNIT = re.compile(rf"({SIGN}?)({NUMERAL}){FOLLOW_UNIT}")
_GAP = "[ \u00a0\u2009\u202f]"
_SPACED = re.compile(rf"({SIGN}?)([1-9][0-9]{{0,2}}({_GAP})[0-9]{{3}}(?>(?:\3[0-9]{{3}})*)(?:,[0-9]+)?){FOLLOW_UNIT}")
_GAPS = str.maketrans("", "", " \u00a0\u2009\u202f")
_DIGITS = re.compile(r"(?:0|[1-9][0-9]*+)")
_FREE = frozenset("([{<,;:=|\"'`$\u201c\u2018\u00ab\u00bf\u2026\u20ac\u00a3\u00a5")


@dataclass(frozen=True, slots=True)
class Convention:
    """One way to write a number: a decimal mark and the marks that group thousands."""

    decimal: str
    groups: str
    pattern: re.Pattern[str]
    spaced: bool = False

    def value(self, numeral: str) -> str | None:
        """Plain digits and point of an unsigned numeral without spaces; None if this convention does not write so."""
        if not self.pattern.fullmatch(numeral):
            return None
        plain = numeral.translate(dict.fromkeys(map(ord, self.groups))).replace(self.decimal, ".")
        return "0" + plain if plain[0] == "." else plain


def _convention(decimal: str, marks: str, *, lakh: bool = False, spaced: bool = False) -> Convention:
    forms = [rf"[1-9][0-9]{{0,2}}(?:{re.escape(mark)}[0-9]{{3}})+" for mark in marks]
    if lakh:
        forms.append(r"[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}")
    point = re.escape(decimal)
    bare = rf"|{point}[0-9]+" if decimal == "." else ""
    pattern = re.compile(rf"(?:{'|'.join([*forms, '0', '[1-9][0-9]*'])})(?:{point}[0-9]+)?{bare}")
    return Convention(decimal, marks, pattern, spaced)


POINT = _convention(".", ",")
COMMA = _convention(",", ".")
_LAKH = _convention(".", ",", lakh=True)
_SWISS = _convention(".", "'\u2019")
_SPACE = _convention(",", "", spaced=True)
_DOT_OR_SPACE = _convention(",", ".", spaced=True)

_REGIONS = {
    POINT: "AU BW CN DO GB GH GT HK HN IE IL JM JP KE KR LK MO MT MX MY NG NI NZ PA PE PH PR SG "
    "SV TH TT TW TZ UG US ZW",
    _LAKH: "BD IN NP PK",
    _SWISS: "CH LI",
    COMMA: "AR BE BO BR CL CO DE DK GR HR ID IS IT NL PY RO RS SI TR UY VE VN",
    _SPACE: "BG BY CZ EE FI FR HU KZ LT LV NO PL PT RU SE SK UA",
    _DOT_OR_SPACE: "AT ES LU",
}
"""After the number patterns of the Unicode CLDR. A region that writes both ways (Canada, South Africa) is not in it."""

_BY_REGION = {region: (convention,) for convention, regions in _REGIONS.items() for region in regions.split()}
_UNKNOWN = (POINT, COMMA)


def conventions(region: str | None) -> tuple[Convention, ...]:
    """Under which conventions numbers are read; two if the region is not known to use one."""
    return _BY_REGION.get(region or "", _UNKNOWN)


def free(string: str, position: int) -> bool:
    """Whether what comes before `position` lets a sign or a point there begin a number (`5-3` is not 5 and -3)."""
    return position == 0 or string[position - 1].isspace() or string[position - 1] in _FREE


def numbers(text: Text, start: int, stop: int = END, *, unit: bool = False) -> list[tuple[int, tuple[str, ...]]]:
    """The numbers that begin at token `start`: where each ends, in characters, and its distinct values.

    `stop` cuts the text, in characters. With `unit` a letter may follow at once.
    """
    string, position = text.text, text.start(start)
    match = (_NUMBER_UNIT if unit else _NUMBER).match(string, position, stop)
    found: list[tuple[int, tuple[str, ...]]] = []
    known = conventions(text.region)
    if match:
        sign, numeral = match.groups()
        if (sign or numeral[0] == ".") and not free(string, position):
            return []
        if _DIGITS.fullmatch(numeral):
            values: tuple[str, ...] = (signed(sign, numeral),)
        else:
            plain = (convention.value(numeral) for convention in known)
            values = tuple(dict.fromkeys(signed(sign, value) for value in plain if value is not None))
        if values and len(numeral) <= MAX_DIGITS:
            found.append((match.end(), values))
    if known[0].spaced and (spaced := _SPACED.match(string, position, stop)):
        found += _spaced(string, spaced, unit=unit)
    return found


def _spaced(string: str, match: re.Match[str], *, unit: bool) -> list[tuple[int, tuple[str, ...]]]:
    """Numbers whose thousands are set apart by spaces; with plain spaces each beginning of it may be the number too."""
    sign, numeral, gap = match.groups()
    if (sign and not free(string, match.start())) or len(numeral) > MAX_DIGITS:
        return []
    follow = re.compile(FOLLOW_UNIT if unit else FOLLOW)
    ends = [match.end()]
    if gap == " ":
        ends += [match.start(2) + cut.start() for cut in re.finditer(" ", numeral)][1:]
    return [
        (end, (signed(sign, string[match.start(2) : end].translate(_GAPS).replace(",", ".")),))
        for end in ends
        if follow.match(string, end)
    ]


def signed(sign: str, plain: str) -> str:
    """A number with its sign; zero has none."""
    return "-" + plain if sign in ("-", "\u2212") and plain.strip("0.") else plain


def dots_certain(numerals: Sequence[str], region: str | None) -> bool:
    """Whether the points in these numerals of one mathematical text can only be decimal points.

    They are unless a convention that may be in use reads all of them as groups of thousands.
    """
    dotted = [numeral for numeral in numerals if "." in numeral]
    if not dotted:
        return True
    known = conventions(region)
    if POINT not in known and known[0].decimal == ",":
        return False
    return COMMA not in known or any(COMMA.value(numeral) is None for numeral in dotted)
