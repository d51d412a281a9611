"""From questions to pairs: every kind of change, with values redrawn, each second request once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from random import Random

from benchmarks.near_miss.changes import HOME, in_formats, joined, looking_alike, negated, with_clause
from benchmarks.near_miss.oracles import ORACLES
from benchmarks.near_miss.paraphrases import Paraphrase
from benchmarks.near_miss.question import (
    Kind,
    Question,
    Wording,
    questions,
    swapped,
    with_one_changed,
    with_text,
)
from benchmarks.near_miss.values import FILE, Values
from seglam.procedures.request import Attachment, Request

PUBLISHED_SEED = 20261121
PER_KIND = 16
"""Pairs of one question and one kind."""

PER_PARAPHRASE = 3
"""How often each paraphrase is asked, with other values each time."""

_TRIES = 20
_GROUPED = re.compile(r"-?\d{1,3}[.,]\d{3}")
"""A number that one region reads with a fraction and another with a group of thousands."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two requests.

    Attributes:
        first: what was asked before, with `first_answer`.
        second: what is asked then. `expected` is its right answer, None where any answer is wrong.
        wording: the second one's sentence without its values, which says how many sentences were tried.
        first_file: content of the file attached to the first one.
        part: of which part of the paraphrases the second one is; empty for the other kinds.
    """

    question: str
    kind: Kind
    first: str
    first_answer: str
    second: Request
    expected: str | None
    compare: str
    wording: str
    first_file: str = ""
    part: str = ""


@dataclass(slots=True)
class _Made:
    """The second request so far, before it is one."""

    text: str
    values: Values
    expected: str | None
    wording: str
    locale: str | None = HOME
    compare: str | None = None


@dataclass(slots=True)
class Generator:
    """All pairs of a seed. `per_kind` and `per_paraphrase` say how many there are at most."""

    seed: int = PUBLISHED_SEED
    per_kind: int = PER_KIND
    per_paraphrase: int = PER_PARAPHRASE
    _seen: set[tuple[str, str, str | None]] = field(default_factory=set)

    def pairs(self, paraphrases: Sequence[Paraphrase] = ()) -> Iterator[Pair]:
        """Pairs of every question and kind, then those of the paraphrases."""
        for question in questions():
            others = [Wording(each.text, question.ask.answer) for each in paraphrases if each.question == question.name]
            for kind in Kind:
                if kind is not Kind.PARAPHRASE:
                    yield from self._of_kind(question, kind, others)
        by_name = {question.name: question for question in questions()}
        for number, paraphrase in enumerate(paraphrases):
            question = by_name[paraphrase.question]
            source = Random(f"{self.seed} {paraphrase.question} {number}")
            wording = Wording(paraphrase.text, question.ask.answer)
            for _ in range(self.per_paraphrase):
                if pair := self.distinct(question, Kind.PARAPHRASE, source, wording):
                    yield replace(pair, part=paraphrase.part)

    def _of_kind(self, question: Question, kind: Kind, others: Sequence[Wording]) -> Iterator[Pair]:
        """Half of the changes that fit any sentence are made to paraphrases instead of the question's own sentence."""
        source = Random(f"{self.seed} {question.name} {kind}")
        wordings: Sequence[Wording | None] = question.near.get(kind) or (None,)
        for number in range(self.per_kind):
            ask = source.choice(others) if others and number // 2 % 2 else question.ask
            if pair := self.distinct(question, kind, source, wordings[number % len(wordings)], number, ask):
                yield pair

    def distinct(
        self,
        question: Question,
        kind: Kind,
        source: Random,
        wording: Wording | None,
        number: int = 0,
        ask: Wording | None = None,
    ) -> Pair | None:
        """A pair whose second request no earlier pair has; None if there is none."""
        ask = ask or question.ask
        for _ in range(_TRIES):
            values = question.drawn(source)
            made = _made(question, kind, values, source, wording, number, ask)
            if made is None:
                return None
            content = made.values[FILE].text if FILE in made.values else ""
            first, attached = ask.filled(values), values[FILE].text if FILE in values else ""
            key = (made.text, content, made.locale)
            if key not in self._seen and (made.text, content) != (first, attached):
                self._seen.add(key)
                return _pair(question, kind, values, made, ask)
        return None


def _pair(question: Question, kind: Kind, values: Values, made: _Made, ask: Wording) -> Pair:
    inputs: Mapping[str, Attachment] = {}
    if FILE in made.values:
        inputs = {made.values["file"].text: Attachment("text/csv", made.values[FILE].text)}
    context = {"locale": made.locale} if made.locale else {}
    first = ask.filled(values)
    answer = ask.expected(values)
    return Pair(
        question=question.name,
        kind=kind,
        first=first,
        first_answer=answer if answer is not None else f"the answer to: {first}",
        second=Request(text=made.text, inputs=inputs, context=context),
        expected=made.expected,
        compare=made.compare or question.compare,
        wording=made.wording,
        first_file=values[FILE].text if FILE in values else "",
    )


def _made(
    question: Question, kind: Kind, values: Values, source: Random, wording: Wording | None, number: int, ask: Wording
) -> _Made | None:
    if kind is Kind.VALUE or kind is Kind.VALUES:
        other = with_one_changed(question, values, source) if kind is Kind.VALUE else question.drawn(source)
        return _Made(ask.filled(other), other, ask.expected(other), ask.text)
    if kind is Kind.ROLES and question.swap and (wording is None or number % 2):
        other = swapped(values, *source.choice(question.swap))
        return _Made(ask.filled(other), other, ask.expected(other), ask.text)
    if kind is Kind.NEGATION and (wording is None or number % 2):
        text = source.choice(list(negated(ask.text)))
        return _Made(Wording(text).filled(values), values, None, text)
    if kind is Kind.CLAUSE and (wording is None or number % 2):
        text = source.choice(list(with_clause(ask.text)))
        return _Made(Wording(text).filled(values), values, None, text)
    if kind is Kind.TWO:
        return _two(ask, question, values, source)
    if kind is Kind.LOOKALIKE:
        looking = looking_alike(question, ask.text, values, source)
        expected = ask.expected(looking.values) if looking.meant else None
        # What is attached keeps its name, of which the text may name a look-alike.
        attached = {name: values[name] for name in ("file",) if name in values}
        return _Made(looking.text, {**looking.values, **attached}, expected, ask.text)
    if kind is Kind.LOCALE:
        return _elsewhere(question, ask, source)
    if wording is None:
        return None
    return _Made(
        wording.filled(values), values, wording.expected(values), wording.text, compare=_rule(question, wording)
    )


_RULES = {"capital": "name", "product_of": "number", "sum_of": "number", "difference_of": "number"}


def _rule(question: Question, wording: Wording) -> str:
    """Another oracle's answers may need another rule."""
    if wording.answer is None or wording.answer == question.ask.answer:
        return question.compare
    return _RULES.get(wording.answer, question.compare)


def _two(ask: Wording, question: Question, values: Values, source: Random) -> _Made:
    if source.random() < 0.5:
        other_question, other = question, question.drawn(source)
    else:
        other_question = source.choice([each for each in questions() if each.draw != "table"])
        other = other_question.drawn(source)
    text = joined(ask.filled(values), other_question.ask.filled(other), source)
    return _Made(text, values, None, f"{ask.text} {other_question.ask.text}")


def _elsewhere(question: Question, ask: Wording, source: Random) -> _Made | None:
    """One value as another region writes it; values that no region writes otherwise are made larger first."""
    if not question.written:
        return None
    for _ in range(100):
        values = question.drawn(source)
        name = source.choice(question.written)
        value = values[name].value
        if isinstance(value, int):
            value = source.randint(1_000, 40_000) if question.draw == "two_integers" else value + 4_000
            if question.draw == "small_range":  # both ends, so that they stay a range
                values = {**values, "high": with_text(values, "high", str(value + 90), value + 90)["high"]}
                name = "low"
        formats = in_formats(value)
        if not formats:
            continue
        written = source.choice(formats)
        if any(_GROUPED.fullmatch(drawn.text) for other, drawn in values.items() if other != name):
            continue  # 34.661 is another number there
        after = with_text(values, name, written.text, written.value)
        expected = None
        if written.value is not None and (isinstance(written.value, int | date) or ask.answer == "product_of"):
            expected = ask.expected(after)
        return _Made(ask.filled(after), after, expected, ask.text, written.locale)
    return None


def check_oracles() -> list[str]:
    """Oracles that questions name and that do not exist; for the tests."""
    named = {w.answer for q in questions() for w in (q.ask, *(w for ws in q.near.values() for w in ws)) if w.answer}
    return sorted(named - ORACLES.keys())
