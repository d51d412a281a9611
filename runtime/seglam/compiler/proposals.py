"""Patterns that nobody has to write: a request's own sentence with slots in place of the values that are read in it.

They claim nothing. Whether one means what a procedure is known for is the verifier's to say, and what it does not find
the same is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain, islice, pairwise, product, zip_longest

from seglam.compiler.aliases import ANY_WORD
from seglam.compiler.neighbours import Neighbours
from seglam.compiler.results import Missed
from seglam.lookup.bind import fitting_inputs
from seglam.lookup.trie import readings_at
from seglam.procedures.patterns.grammar import escape
from seglam.procedures.request import Request
from seglam.procedures.revision import Revision
from seglam.procedures.text import Text, fold
from seglam.procedures.values import ValueProblem, ValueType
from seglam.procedures.values.tables import find_column, table_of

MAX_READINGS = 8
"""Values of one type that are read in a text, past which they tell nothing."""
MAX_SIDE_BY_SIDE = 4
"""Words behind one mark that may be values, past which they are a sentence."""
MAX_WAYS = 200
"""Ways to give all parameters a value, past which none is proposed."""
MAX_PROPOSALS = 3
"""Ways that are proposed: those in which most words beside values are such as patterns have there."""

MAX_PROPOSED = 64
"""Sentences that are proposed at one time."""
MAX_TEXT = 1000
"""Characters of a text, past which it is hardly a wording that comes again."""
ENDING = frozenset(".,;:?!")
"""Marks that end a sentence or a part of one."""

ANYTHING = (ANY_WORD, f"{ANY_WORD}, {ANY_WORD}")
"""What reads one of these reads any word, or any list of words."""
QUOTES = frozenset("\"'`")
INTRODUCING = QUOTES | {":"}
"""Marks behind which a value stands that any word may be."""

_Span = tuple[int, int]
Way = dict[_Span, str]
"""The parameter of each span of tokens that is read as a value."""
_Value = tuple[_Span, ...]
"""Where a value stands: all its places if it is named more than once."""


def sentences(base: Revision, missed: Missed, interchangeable: Sequence[tuple[str, str]] = ()) -> list[str]:
    """What is proposed for a request that missed and those alike, the likeliest reading of each text first; nothing
    where nothing can be proposed for the request itself.
    """
    beside = Neighbours(base)
    proposed = [proposals(base, missed.request, interchangeable, beside)]
    if not proposed[0]:
        return []
    for text in missed.alike:
        proposed.append(proposals(base, missed.request._replace(text=text), interchangeable, beside))
    by_rank = (each for rank in zip_longest(*proposed) for each in rank if each is not None)
    return list(dict.fromkeys(by_rank))[:MAX_PROPOSED]


def proposals(
    base: Revision,
    request: Request,
    interchangeable: Sequence[tuple[str, str]] = (),
    beside: Neighbours | None = None,
) -> list[str]:
    """Sentences in the notation of patterns, one for each way to read a value for every parameter of a procedure in a
    request's text, the likeliest first; none where there are far too many, or no way.

    Values of parameters that are interchangeable are given in the order of the text alone, since two patterns for one
    sentence would make it ambiguous. A column is read where the text has the name of one that the attached table has. A
    value that any word may be is read between marks alone, since where else it ends would be a guess.
    """
    text, ways = readings(base, request, interchangeable)
    if len(ways) > 1:
        beside = beside or Neighbours(base)
        ways.sort(key=lambda way: beside.known(text, way), reverse=True)
    return [_written(text, way) for way in ways[:MAX_PROPOSALS]]


def readings(
    base: Revision, request: Request, interchangeable: Sequence[tuple[str, str]] = ()
) -> tuple[Text, list[Way]]:
    """A request's text, and all ways to read a value for every parameter in it; none where there are far too many."""
    text = Text(request.text or "", request.region)
    if not base.slots or not 0 < len(text.text) <= MAX_TEXT:
        return text, []
    tables = _tables(base, request)
    values: dict[str, Sequence[_Value]] = {}
    for name, kind in base.slots.items():
        if base.types[name].name == "column":
            values[name] = _columns(text, kind, tables[0]) if len(tables) == 1 else []
        else:
            values[name] = (_free_values if any(map(kind.readings, ANYTHING)) else _values)(text, kind)
        if not base.parameters[name].in_patterns and len(values[name]) != 1:
            del values[name]  # a file need not be named
    if any(not found or len(found) > MAX_READINGS for found in values.values()):
        return text, []
    ways = list(islice(_ways(values, interchangeable), MAX_WAYS + 1))
    return text, ways if len(ways) <= MAX_WAYS else []


def _tables(base: Revision, request: Request) -> list[str]:
    """The attached tables, as canonical texts; a text that is no table binds to nothing, so none is proposed for it."""
    found = []
    for name, parameter in base.parameters.items():
        if base.types[name].name == "table" and parameter.origin == "input":
            for item in fitting_inputs(parameter, request.inputs).values():
                with suppress(ValueProblem):
                    found.append(table_of(item.text))
    return found


def _values(text: Text, kind: ValueType) -> list[_Value]:
    """Where a value of a type stands, the longest at each place, without a mark behind it that may end a sentence.

    Where some are quoted, the others are words: the `a` in: Count a letter "n".
    """
    found: dict[_Span, str] = {}
    for at in range(len(text)):
        readings = dict(readings_at(text, kind, at))
        end = max((end for end in readings if text.tokens[end - 1] not in ENDING), default=max(readings, default=at))
        only_marks = ENDING.issuperset(text.tokens[at:end])
        if not only_marks and not any(start <= at and end <= stop for start, stop in found):
            found[at, end] = readings[end]
    quoted = {span: value for span, value in found.items() if _is_quoted(text, span)}
    places: dict[str, list[_Span]] = {}
    for span, value in (quoted or found).items():
        places.setdefault(value, []).append(span)
    return [tuple(spans) for spans in places.values()]


def _is_quoted(text: Text, span: _Span) -> bool:
    start, end = span
    if text.tokens[start] in QUOTES:  # a character is read with its quotes
        return end - start > 1 and text.tokens[end - 1] in QUOTES
    return start > 0 and text.tokens[start - 1] in QUOTES and _closes(text, end, text.tokens[start - 1])


def _free_values(text: Text, kind: ValueType) -> list[_Value]:
    """Words, or lists of them, behind a colon up to the end of a part of a sentence or of the line, or in quotes.

    Several may stand side by side.
    """
    found: list[_Value] = []
    closing = -1
    for place, mark in enumerate(text.tokens):
        run: list[_Value] = []
        at = place + 1
        while mark in INTRODUCING and place != closing and at < len(text) and len(run) < MAX_SIDE_BY_SIDE:
            ends = [end for end, _ in readings_at(text, kind, at) if text.tokens[end - 1] not in ENDING]
            closed = [end for end in ends if _closes(text, end, mark)]
            if not ends:
                break
            end = (min if mark in QUOTES else max)(closed or ends)
            run.append(((at, end),))
            if closed:
                found, closing = found + run, end
                break
            at = end + (text.tokens[end : end + 1] == [","])
    return found


def _closes(text: Text, end: int, mark: str) -> bool:
    """Whether what a mark introduces ends at a token."""
    if mark in QUOTES:
        return end < len(text) and text.tokens[end] == mark
    rest = end == len(text) or text.tokens[end] in ENDING - {","}
    return rest or "\n" in text.text[text.stops[end - 1] : text.start(end)]


def _columns(text: Text, kind: ValueType, table: str) -> list[_Value]:
    """The table's columns that the text names, each with all places where it does."""
    found: dict[str, list[_Span]] = {}
    for at in range(len(text)):
        named = {end: column for end, name in readings_at(text, kind, at) if (column := find_column(table, name))}
        if named and not any(start <= at and max(named) <= stop for spans in found.values() for start, stop in spans):
            found.setdefault(named[max(named)], []).append((at, max(named)))
    return [tuple(spans) for spans in found.values()]


def _ways(values: Mapping[str, Sequence[_Value]], interchangeable: Sequence[tuple[str, str]]) -> Iterator[Way]:
    """Ways to give each parameter a value of its own."""
    for way in product(*values.values()):
        given = dict(zip(values, way, strict=True))
        ordered = all(given[a] < given[b] for a, b in interchangeable if a in given and b in given)
        if ordered and all(left[1] <= right[0] for left, right in pairwise(sorted(chain.from_iterable(way)))):
            yield {span: name for name, spans in given.items() for span in spans}


def _written(text: Text, way: Mapping[_Span, str]) -> str:
    """The text with slots in the places of values; folded, since a pattern does not tell capitals apart and nobody who
    compares it should.
    """
    folded = fold(text.text)
    written, at = "", 0
    for start, end in sorted(way):
        written += escape(folded[at : text.start(start)]) + "{" + way[start, end] + "}"
        at = text.stops[end - 1]
    return written + escape(folded[at:])
