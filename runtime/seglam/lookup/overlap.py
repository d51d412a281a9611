"""Overlap: whether a new revision and an active one may both match one request.

Decided by comparing automata, never by sampling, and conservative: bounds of parameters are not looked at, a type whose
shape accepts more than the type may show an overlap that is none, and what cannot be decided within its bound counts as
an overlap. A witness is tried with both patterns' real scanners, and says whether they confirmed it.
"""

from __future__ import annotations

import json
import random
import weakref
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice, product

from seglam.lookup.index import templates_of
from seglam.lookup.machine import BREAK, JOIN, LETTER, LETTERS, SIGN, Machine, Speech, kind_of, may_meet
from seglam.lookup.product import Step, Undecided, common
from seglam.lookup.reach import rest
from seglam.lookup.structured import dumps, readings_of, segments, slots_of
from seglam.lookup.trie import Template, TooComplex, Trie
from seglam.lookup.union import united
from seglam.procedures.document import Structured, StructuredField
from seglam.procedures.patterns.grammar import touching
from seglam.procedures.request import Request
from seglam.procedures.revision import Revision
from seglam.procedures.text import Text

MAX_WITNESSES = 6
"""Common sentences that are tried before an overlap is reported without a confirmed one."""


@dataclass(frozen=True, slots=True)
class Witness:
    """A request that two patterns have in common.

    `text` is empty where the question was not decided within its bound. `confirmed` says that both patterns' scanners
    accept it.
    """

    text: str
    confirmed: bool
    decided: bool


@dataclass(frozen=True, slots=True)
class Overlap:
    """A pattern of the newcomer and one of an active revision that may match one request.

    Patterns are indexes into `spec.match.patterns`, None for the structured form; `witness` is then JSON text.
    """

    newcomer_pattern: int | None
    elder: Revision
    elder_pattern: int | None
    witness: str
    confirmed: bool
    decided: bool


def overlaps(newcomer: Revision, elders: Iterable[Revision]) -> list[Overlap]:
    """All overlaps of a revision with others, pattern by pattern.

    An elder of the newcomer's own digest is passed over; whether an older revision of the same procedure counts is for
    the caller to say.
    """
    found: list[Overlap] = []
    structured = newcomer.spec.match.structured
    for elder in elders:
        if elder.digest == newcomer.digest or apart(newcomer, elder):
            continue
        if may_share_a_request(newcomer, elder):
            for (elder_number, theirs), (number, mine) in product(
                may_share(elder, newcomer), list(may_share(newcomer, elder))
            ):
                if witness := meet(mine, theirs):
                    found.append(Overlap(number, elder, elder_number, witness.text, witness.confirmed, witness.decided))
        if structured and (witness := _meet_structured(newcomer, structured, elder, elder.spec.match.structured)):
            found.append(Overlap(None, elder, None, witness.text, witness.confirmed, witness.decided))
    return found


def apart(left: Revision, right: Revision) -> bool:
    """Whether the two never bind one request, whatever their patterns: made for different system prompts or forms of
    answer, or only one of them reads attached inputs. A request with inputs binds to no revision that reads none, and
    one without to none that reads some.
    """
    if left.reads_inputs is not right.reads_inputs:
        return True
    return any(values.isdisjoint(right.made_for[key]) for key, values in left.made_for.items())


_MACHINES: dict[int, tuple[Machine, ...]] = {}


def machines_of(revision: Revision) -> tuple[Machine, ...]:
    """A revision's patterns, ready to be compared; kept as long as the revision is alive."""
    known = _MACHINES.get(id(revision))
    if known is None:
        known = tuple(Machine(template.start) for template in templates_of(revision))
        _MACHINES[id(revision)] = known
        weakref.finalize(revision, _MACHINES.pop, id(revision), None).atexit = False
    return known


_SPEECH: dict[int, Speech] = {}


def speech_of(revision: Revision) -> Speech:
    """What sentences of a revision's patterns may hold; kept as long as the revision is alive."""
    known = _SPEECH.get(id(revision))
    if known is None:
        known = _SPEECH[id(revision)] = Speech.of(machines_of(revision))
        weakref.finalize(revision, _SPEECH.pop, id(revision), None).atexit = False
    return known


def may_share(revision: Revision, other: Revision) -> Iterator[tuple[int, Machine]]:
    """A revision's patterns, with their numbers, without those that need a word which no pattern of another has: one
    quick question in place of one for each of the other's patterns.
    """
    speech = speech_of(other)
    for number, machine in enumerate(machines_of(revision)):
        if machine.may_say(machine.shared_with(speech)):
            yield number, machine


_UNITED: dict[int, Machine | None] = {}


def united_of(revision: Revision) -> Machine | None:
    """A revision's patterns as one, kept as long as it is alive; None if it has none, or that is too large."""
    if id(revision) not in _UNITED:
        _UNITED[id(revision)] = united(machines_of(revision))
        weakref.finalize(revision, _UNITED.pop, id(revision), None).atexit = False
    return _UNITED[id(revision)]


def may_share_a_request(revision: Revision, other: Revision) -> bool:
    """Whether some pattern of one and some pattern of the other may match one request."""
    return any(meet(mine, theirs) for mine in together(revision) for theirs in together(other))


def together(revision: Revision) -> tuple[Machine, ...]:
    """A revision's patterns as one machine if they can be; one by one if not."""
    one = united_of(revision)
    return machines_of(revision) if one is None else (one,)


def meet(left: Machine, right: Machine) -> Witness | None:
    """A request that both patterns describe, confirmed if one of the first few can be; None if there is none."""
    if not may_meet(left, right):
        return None
    left_to_go = rest(left, right)
    return _witness(common(left, right, rest=left_to_go), left, right) if left_to_go else None


def _witness(found: Iterator[list[Step]], left: Machine, right: Machine) -> Witness | None:
    """The first confirmed of the first few common sentences, or the first; None if there is none."""
    unconfirmed: str | None = None
    try:
        for steps in islice(found, MAX_WITNESSES):
            for text in _renderings(steps):
                cut = Text(text)
                if accepts(left, cut) and accepts(right, cut):
                    return Witness(text, confirmed=True, decided=True)
                unconfirmed = unconfirmed or text
    except Undecided:
        if unconfirmed is None:
            return Witness("", confirmed=False, decided=False)
    return None if unconfirmed is None else Witness(unconfirmed, confirmed=False, decided=True)


def accepts(machine: Machine, text: Text) -> bool:
    """Whether a pattern matches a text, as the index would find it; bounds and equal values are not looked at."""
    trie = Trie()
    trie.add(Template(None, 0, machine.start))
    try:
        return bool(trie.parses(text))
    except TooComplex:
        return False


# How a witness is written

_TOKENS = (
    {LETTERS: "word", LETTER: "x", JOIN: "and", SIGN: "-", BREAK: ","},
    {LETTERS: "north", LETTER: "b", JOIN: "of", SIGN: "(", BREAK: ";"},
)
_DIGITS = (("7", "12", "345", "2024", "12345"), ("3", "10", "100", "1999", "50000"))
_BEFORE = frozenset(",.;:?!)%")
_AFTER = frozenset("($")


def _renderings(steps: Sequence[Step]) -> Iterator[str]:
    """Texts of a common sentence: as people write, then with a space wherever one may be; with several words."""
    for variant in range(len(_TOKENS)):
        for spaced in (False, True):
            text = ""
            for step in steps:
                token = step.text if step.text is not None else _any(step.kinds, variant)
                text += _gap(text, token, step.glued, spaced) + token
            yield text


def _any(kinds: int, variant: int) -> str:
    """Some token of these kinds."""
    token = next((token for kind, token in _TOKENS[variant].items() if kinds & kind), None)
    return token or next(digits for digits in _DIGITS[variant] if kinds & kind_of(digits))


def _gap(text: str, token: str, glued: bool | None, spaced: bool) -> str:
    if not text or glued:
        return ""
    if glued is False or spaced or touching(text, token):
        return " "
    apostrophe = token[0] == "'" or text[-1] == "'"
    return "" if token[0] in _BEFORE or text[-1] in _AFTER or apostrophe else " "


# Structured requests


def _meet_structured(left: Revision, mine: Structured, right: Revision, theirs: Structured | None) -> Witness | None:
    """A value that both shapes may match: the same members, and no discriminator that excludes the other."""
    if theirs is None:
        return None
    paths = {segments(field.pointer): field for field in mine.fields}
    others = {segments(field.pointer): field for field in theirs.fields}
    if any(not any(_related(path, other) for other in others) for path in paths):
        return None
    if any(not any(_related(path, other) for path in paths) for other in others):
        return None
    for path in paths.keys() & others.keys():
        if _exclude(left, paths[path], right, others[path]):
            return None
    value = _value(left, paths, right, others)
    request = Request(value=value)
    confirmed = not any(isinstance(slots_of(r, s, request), str) for r, s in ((left, mine), (right, theirs)))
    return Witness(dumps(value), confirmed, decided=True)


def _related(path: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether one member is the other, or lies in it."""
    shorter = min(len(path), len(other))
    return path[:shorter] == other[:shorter]


def _exclude(left: Revision, mine: StructuredField, right: Revision, theirs: StructuredField) -> bool:
    """Whether no value of a member fits both."""
    if mine.equals is not None and theirs.equals is not None:
        a, b = _json(mine.equals), _json(theirs.equals)
        return type(a) is not type(b) or a != b
    for fixed, revision, free in ((mine, right, theirs), (theirs, left, mine)):
        if fixed.equals is not None and free.parameter is not None:
            return not readings_of(revision.types[free.parameter], _json(fixed.equals), None)
    return False


def _value(
    left: Revision,
    paths: dict[tuple[str, ...], StructuredField],
    right: Revision,
    others: dict[tuple[str, ...], StructuredField],
) -> dict[str, object]:
    """A value with all members: what a discriminator fixes, otherwise a value of the parameter's type."""
    value: dict[str, object] = {}
    for path in sorted({*paths, *others}, key=len, reverse=True):
        fields = [(r, fields[path]) for r, fields in ((left, paths), (right, others)) if path in fields]
        fixed = next((field.equals for _, field in fields if field.equals is not None), None)
        member: object = None
        if fixed is not None:
            member = _json(fixed)
        else:
            for revision, field in fields:
                if field.parameter is not None:
                    member = next(iter(revision.types[field.parameter].samples(random.Random(0)))).text
        place = value
        for name in path[:-1]:
            below = place.setdefault(name, {})
            if not isinstance(below, dict):
                break
            place = below
        else:
            place.setdefault(path[-1], member)
    return value


def _json(text: str) -> object:
    return json.loads(text, parse_float=Decimal)
