"""Bad patterns, each with a request that it would let in and that means something else, and good ones with theirs.

Bad ones come from the near-miss battery's changed wordings and from changes to sentences that are right; good ones are
paraphrases that were written without sight of any pattern. The words used here are not those of the gate's own lexicon.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random

from benchmarks.near_miss.changes import HOME
from benchmarks.near_miss.pairs import PUBLISHED_SEED
from benchmarks.near_miss.paraphrases import paraphrases
from benchmarks.near_miss.question import Kind, Question, Wording, questions
from benchmarks.near_miss.values import FILE, Values
from seglam.lookup import Binding, Hit, Index
from seglam.procedures.patterns.grammar import escape
from seglam.procedures.request import Attachment, Request

_SLOT = re.compile(r"\{([a-z]+)\}")
_OPPOSITES = {
    "inclusive": "inclusive of neither",
    "common": "uncommon",
    "prime": "square",
    "total": "mean",
    "capital": "capital gain",
    "clockwise": "anticlockwise",
    "multiply": "exponentiate",
    "occur": "fail to occur",
    "weekday": "working day",
    "duration": "start",
    "leap": "lunar",
    "lowest": "nearest",
    "legs": "knees",
    "appear": "end a word",
    "reduced": "decimal",
    "isomorphic": "homomorphic",
    "ended": "was planned to end",
    "will": "will not",
    "value": "sign",
    "sum": "squared sum",
    "starts": "finishes",
    "solve": "guess",
    "today": "yesterday",
    "objects": "keys",
}
"""Words that stand in a sentence of ours, and what else might be put there."""

_MODIFIERS = ("roughly half of", "everything but", "the opposite of", "at most", "the tenth of", "the year before")
_MEANING = frozenset(
    "inclusive greatest least common lowest prime clockwise leap capital both weekdays reduced inclusive) including "
    "lowercase total last isomorphic alphabetical sum average jump today plane legs".split()
)
"""Words without which a sentence asks something else, or nothing that is certain."""

_POLITE = ("[please] ", "[hello,] ", "(please|kindly) ")


@dataclass(frozen=True, slots=True)
class Case:
    """A pattern that is added to a procedure, and a request that only this pattern would let in.

    Attributes:
        fault: what is wrong with it; `good` if nothing is.
        request: one that the procedure answers already.
        witness: binds through the pattern unless a gate takes it out.
    """

    procedure: str
    fault: str
    pattern: str
    request: Request
    witness: Request

    @property
    def good(self) -> bool:
        """Whether it ought to stay."""
        return self.fault == "good"


def cases(index: Index, seed: int = PUBLISHED_SEED) -> list[Case]:
    """All cases for the procedures of an index that answer a question of the battery, save those that are served."""
    return [case for case, served in _all(index, seed) if not served]


def served_already(index: Index, seed: int = PUBLISHED_SEED) -> list[Case]:
    """Good patterns that nobody needs, since their own request is served as things are."""
    return [case for case, served in _all(index, seed) if served and case.good]


def _all(index: Index, seed: int) -> list[tuple[Case, bool]]:
    found: dict[tuple[str, str], tuple[Case, bool]] = {}
    for question in questions():
        source = Random(f"{seed} {question.name}")
        for case in _of_question(question, index, source):
            served = isinstance(index.find(case.witness), Hit)
            key = case.procedure, case.pattern
            if key not in found or (found[key][1] and not served):
                found[key] = case, served
    return list(found.values())


def _of_question(question: Question, index: Index, source: Random) -> Iterator[Case]:
    if question.ask.answer is None:
        return
    values = _unmistakable(question, source)
    bound = index.find(_request(question.ask, values))
    if not isinstance(bound, Hit):
        return
    places = _places(question, values, bound.binding)
    if places is None:
        return
    request = _request(question.ask, values)

    def case(fault: str, pattern: str, witness: str) -> Case:
        text = Wording(witness).filled(values)
        return Case(bound.binding.revision.name, fault, _named(pattern, places), request, _asked(text, values))

    ask = escaped(question.ask.text)
    for kind in (Kind.OPERATION, Kind.UNIT, Kind.BOUNDARY, Kind.CLAUSE, Kind.NEGATION):
        for wording in [each for each in question.near.get(kind, ()) if each.answer is None][:2]:
            if all("{" + slot + "}" in wording.text for slot in question.slots):
                yield case(f"another question ({kind})", escaped(wording.text), wording.text)
    for word, other in _OPPOSITES.items():
        if changed := _replaced(ask, word, f"({word}|{other})"):
            yield case("too wide", changed, _replaced(question.ask.text, word, other) or "")
    slot = source.choice(question.slots)
    words = source.choice(_MODIFIERS)
    mark = "{" + slot + "}"
    if mark in ask:
        plain = question.ask.text.replace(mark, f"{words} {mark}", 1)
        yield case("words of meaning are optional", ask.replace(mark, f"[{words}] {mark}", 1), plain)
    for word in sorted(_MEANING):
        if changed := _replaced(ask, word, f"[{word}]"):
            yield case("unanchored meaning", changed, _replaced(question.ask.text, word, "") or "")
    bare = " ".join("{" + slot + "}" for slot in question.slots)
    if len(question.slots) > 1:
        yield case("nothing but values", bare, bare)
    written = [each.text for each in paraphrases() if each.question == question.name]
    for number, text in enumerate(written[:6]):
        yield case("good", escaped(text), text)
        if number < 2:
            polite = _POLITE[number]
            bare_text = text[0].lower() + text[1:]
            yield case("good", polite + escaped(bare_text), f"{'please' if number == 0 else 'hello,'} {bare_text}")


def _replaced(text: str, word: str, other: str) -> str | None:
    changed = re.sub(rf"(?<![\w{{]){re.escape(word)}(?![\w}}])", lambda _: other, text, count=1, flags=re.IGNORECASE)
    return changed if changed != text else None


def escaped(text: str) -> str:
    """A sentence with places as a pattern: its other special characters stand for themselves."""
    parts = re.split(r"(\{[a-z]+\})", text.strip())
    return "".join(part if number % 2 else escape(part) for number, part in enumerate(parts)).rstrip("?.").rstrip("\\")


def _unmistakable(question: Question, source: Random) -> Values:
    """Values of which no two are written alike, so that each can be told from the others."""
    for _ in range(200):
        values = question.drawn(source)
        texts = [values[slot].text for slot in question.slots]
        if len(set(texts)) == len(texts):
            return values
    raise ValueError(f"{question.name} has no distinct values")


def _request(wording: Wording, values: Values) -> Request:
    return _asked(wording.filled(values), values)


def _asked(text: str, values: Values) -> Request:
    inputs: Mapping[str, Attachment] = {}
    if FILE in values:
        inputs = {values["file"].text: Attachment("text/csv", values[FILE].text)}
    return Request(text=re.sub(r"  +", " ", text), inputs=inputs, context={"locale": HOME})


def _places(question: Question, values: Values, binding: Binding) -> dict[str, str] | None:
    """The parameter that each place of the wording binds, found out by changing one value after the other."""
    names = list(binding.revision.types)
    slots = [slot for slot in question.slots if slot != "file"]
    found = {}
    if FILE in values:
        # The name of the file stands where the patterns name the table.
        tables = [name for name in names if name in binding.revision.slots and _is_table(binding, name)]
        names = [name for name in names if name in binding.arguments and not _is_table(binding, name)]
        if "file" in question.slots:
            if len(tables) != 1:
                return None
            found["file"] = tables[0]
    for slot in slots:
        text = values[slot].text
        fitting = [name for name in names if _reads(binding, name, text)]
        if len(fitting) != 1:
            return None
        found[slot] = fitting[0]
    if sorted(name for slot, name in found.items() if slot != "file") != sorted(names):
        return None
    return found


def _is_table(binding: Binding, name: str) -> bool:
    return binding.revision.types[name].name == "table"


def _reads(binding: Binding, name: str, text: str) -> bool:
    """Whether the value of a parameter is what its type reads in this text."""
    return binding.arguments[name] in (text, *binding.revision.types[name].readings(text, HOME.split("-")[1]))


def _named(pattern: str, places: Mapping[str, str]) -> str:
    return _SLOT.sub(lambda match: "{" + places.get(match[1], match[1]) + "}", pattern)
