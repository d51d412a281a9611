"""What a blind verifier is asked about a newcomer's wordings, and what is taken out when it does not agree.

Each optional part and each alternative of a pattern or of a rule of the procedure's own, and each further name of a
vocabulary's value, becomes a pair of sentences that differ in nothing else. Shared rules were reviewed as a whole, and
so was the frame that is made of them.
Each further pattern becomes a pair with a sentence that the procedure is known for, since a whole sentence may ask
something else without a single choice in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from seglam.compiler.assemble import with_patterns, with_spec
from seglam.compiler.framing import within_frame
from seglam.lookup.machine import Machine
from seglam.lookup.overlap import accepts
from seglam.procedures.document import Pattern, ReasoningProcedure, Rule, Spec, Vocabulary
from seglam.procedures.patterns import Choice, Node, Words, parse, shared_rules, slots_of
from seglam.procedures.patterns import Sequence as Parts
from seglam.procedures.patterns.function_words import MARKS, meaning
from seglam.procedures.patterns.paths import Taken, path_of
from seglam.procedures.patterns.sentences import Contrast, Path, contrasts, plain_sentence, reject
from seglam.procedures.request import Request
from seglam.procedures.revision import Revision
from seglam.procedures.text import Text
from seglam.procedures.values import Sample

_ENDING = re.compile(r"(?:y|ie|e)?s?$")
_VALUE = re.compile(r"\{[^{}]*\}")
_WITHOUT_MARKS = dict.fromkeys(map(ord, MARKS))
_HOLE = "zzholezz"
"""Stands for a rule in a sentence until a wording of it is written there; a word that no pattern holds."""


@dataclass(frozen=True, slots=True)
class Question:
    """A pair of sentences, and what is taken out unless they mean the same.

    `pattern` and `rule` say where the contrast's choice is; a question about a vocabulary has neither, and one about a
    whole pattern has no contrast. `strict` marks a pattern that stays only if it is known to mean the same: one of
    several values without a word that says what they are for, and one that nothing but a request vouches for.
    """

    left: str
    right: str
    contrast: Contrast | None = None
    pattern: int | None = None
    rule: str | None = None
    member: tuple[str, str, str] | None = None  # vocabulary, value, name
    strict: bool = False

    @property
    def pair(self) -> tuple[str, str]:
        """The two sentences."""
        return self.left, self.right

    def rejected(self, verdict: str | None) -> bool:
        """Whether the verdict takes the alternative out. A choice goes unless it is known to change nothing.

        A whole pattern goes if it asks something else: where nobody can tell, gates that run it have to.
        """
        return verdict == "different" if self.whole and not self.strict else verdict != "same"

    @property
    def whole(self) -> bool:
        """Whether it is about a pattern as a whole."""
        return self.contrast is None and self.pattern is not None

    @property
    def shown(self) -> str:
        """Where the alternative is."""
        if self.member is not None:
            return "vocabulary {}: {} = {}".format(*self.member)
        return f"rule <{self.rule}>" if self.rule is not None else f"pattern {self.pattern}"


def questions(
    document: ReasoningProcedure,
    request: Request,
    base: Spec | None = None,
    *,
    own_way: bool = False,
    alike: Sequence[str] = (),
) -> list[Question]:
    """All questions about a newcomer, but for what `base`, the revision that it extends, was asked before.

    A pattern is asked about with the wording that somebody used: the request's, or the first of `alike` that it binds;
    only if there is none with its plainest sentence, which may leave out what everybody said. With `own_way` the
    alternatives of rules are compared with the request's own too, which then stay, else with the plainest.
    """
    asked = (request, *(request._replace(text=text) for text in alike))
    revision = Revision.of(document)
    rules = {rule.name: rule.text for rule in document.spec.rules or ()}
    settled = {pattern.text for pattern in (base.match.patterns if base else None) or ()}
    ways = {
        number: _first_way(revision, pattern.text, asked)
        for number, pattern in enumerate(document.spec.match.patterns or ())
        if pattern.text not in settled
    }
    found = list(_of_patterns(document, revision, request, base, ways))
    for number, pattern in enumerate(document.spec.match.patterns or ()):
        if number in ways:
            tree = parse(pattern.text, rules)
            found += [
                Question(contrast.left.text, contrast.right.text, contrast, pattern=number)
                for contrast in contrasts(tree, masks(revision), ways[number], pattern.language)
                if contrast.choice.span is None or not within_frame(pattern.text, contrast.choice.span)
            ]
    old_rules = {rule.name: rule.text for rule in (base.rules if base else None) or ()}
    for rule in document.spec.rules or ():
        if rule.name not in shared_rules() and rule.text != old_rules.get(rule.name):
            path = _way_through(revision, rule, rules, request) if own_way else None
            found += _of_rule(revision, rule, old_rules.get(rule.name), path)
    found += _of_vocabularies(revision, base)
    return found


def _of_patterns(
    document: ReasoningProcedure,
    revision: Revision,
    request: Request,
    base: Spec | None,
    ways: Mapping[int, Path | None],
) -> Iterator[Question]:
    """Each new pattern's sentence, on its way, against a known one: the base's first, else the request's wording."""
    rules = {rule.name: rule.text for rule in document.spec.rules or ()}
    settled = [pattern.text for pattern in (base.match.patterns if base else None) or ()]
    known: str | None = None
    if settled:
        known = plain_sentence(parse(settled[0], rules), masks(revision)).text
    written = []
    for number, pattern in enumerate(document.spec.match.patterns or ()):
        if number in ways:
            tree = parse(pattern.text, rules)
            written.append((number, plain_sentence(tree, masks(revision), ways[number]).text))
            if known is None and taken_by(revision, tree, request) is not None:
                known = written[-1][1]
    for number, sentence in written:
        if known is not None and sentence != known:
            yield Question(known, sentence, pattern=number, strict=_is_bare(sentence))


def _is_bare(sentence: str) -> bool:
    """Whether there is nothing but values, so that no word says what is to be done with them."""
    words = _VALUE.sub(" ", sentence)
    return len(_VALUE.findall(sentence)) > 1 and not words.translate(_WITHOUT_MARKS).strip()


def masks(revision: Revision) -> dict[str, Sample]:
    """Each parameter's name in braces, in the place of a value."""
    return {name: Sample("{" + name + "}", "{" + name + "}") for name in revision.types}


def taken_by(revision: Revision, tree: Node, request: Request) -> Taken | None:
    """The way of the request through a pattern, if it has one."""
    if request.text is None:
        return None
    return path_of(tree, Text(request.text, request.region), revision.slots)


def way_through(revision: Revision, pattern: str, request: Request) -> Taken | None:
    """As `taken_by`. Whether there is a way at all is quicker asked of the pattern's automaton."""
    tree, start = revision.patterns.read(pattern)
    if request.text is None or not accepts(Machine(start), Text(request.text, request.region)):
        return None
    return taken_by(revision, tree, request)


def _first_way(revision: Revision, pattern: str, asked: Sequence[Request]) -> Path | None:
    """The way of the first request that has one through a pattern."""
    taken = next((found for each in asked if (found := way_through(revision, pattern, each)) is not None), None)
    return taken.path if taken is not None else None


def _way_through(revision: Revision, rule: Rule, rules: Mapping[str, str], request: Request) -> Path | None:
    """The way that the longest part of a request's text takes through a rule."""
    text, tree = Text(request.text or ""), parse(rule.text, rules)
    for length in range(len(text), 0, -1):
        for start in range(len(text) - length + 1):
            taken = path_of(tree, Text(text.slice(start, start + length), request.region), revision.slots)
            if taken is not None:
                return taken.path
    return None


def _of_rule(revision: Revision, rule: Rule, old: str | None, path: Path | None) -> Iterator[Question]:
    """Alternatives of a rule that its old text does not have, within a sentence of the first pattern that uses it."""
    frame = _frame(revision, rule.name)
    if frame is None:
        return  # no pattern uses the rule, so it matches nothing
    rules = {each.name: each.text for each in revision.spec.rules or ()}
    before = len(_alternatives_of(old, rules)) if old is not None else 0
    for contrast in contrasts(parse(rule.text, rules), masks(revision), path):
        span = contrast.choice.span
        assert span is not None
        if old is not None and span[1] <= len(old):
            continue
        if (
            old is not None
            and span == (0, len(rule.text))
            and isinstance(contrast.branch, int)
            and contrast.branch < before
        ):
            continue
        left, right = (frame.replace(_HOLE, side.text) for side in (contrast.left, contrast.right))
        yield Question(left, right, contrast, rule=rule.name)


def _alternatives_of(text: str, rules: Mapping[str, str]) -> Sequence[object]:
    """The alternatives that a rule's text has at its top."""
    tree = parse(text, rules)
    return tree.branches if isinstance(tree, Choice) and tree.span == (0, len(text)) else (tree,)


def _frame(revision: Revision, name: str) -> str | None:
    """The plainest sentence that holds the rule, with a hole in its place."""
    rules = revision.rules
    naming = {f"<{each}>" for each in _naming(name, rules)}
    for pattern in revision.spec.match.patterns or ():
        if any(each in pattern.text for each in naming):
            tree = parse(pattern.text, {**rules, name: _HOLE})
            path = _path_to_hole(tree)
            if path is not None:
                return plain_sentence(tree, masks(revision), path).text
    return None


def _naming(name: str, rules: Mapping[str, str]) -> set[str]:
    """A rule and those that name it, themselves or through others."""
    found, waiting = {name}, [name]
    while waiting:
        inner = f"<{waiting.pop()}>"
        more = {each for each, text in rules.items() if inner in text} - found
        found |= more
        waiting += more
    return found


def _path_to_hole(node: Node) -> dict[Choice, int | None] | None:
    match node:
        case Words(tokens):
            return {} if _HOLE in tokens else None
        case Parts(items):
            return next((path for item in items if (path := _path_to_hole(item)) is not None), None)
        case Choice(branches):
            for number, branch in enumerate(branches):
                path = _path_to_hole(branch.node)
                if path is not None:
                    return {**path, node: number}
    return None


def _of_vocabularies(revision: Revision, base: Spec | None) -> Iterator[Question]:
    """Each further name of a value against the value itself, within the plainest sentence that has a slot for it."""
    old = {
        (vocabulary.name, member.value, name)
        for vocabulary in (base.vocabularies if base else None) or ()
        for member in vocabulary.values
        for name in member.names or ()
    }
    for vocabulary in revision.spec.vocabularies or ():
        frame = _slot_frame(revision, vocabulary.name)
        for member in vocabulary.values if frame else ():
            for name in member.names or ():
                if (vocabulary.name, member.value, name) not in old and not same_word(member.value, name):
                    assert frame is not None
                    left, right = (frame.replace(_HOLE, text) for text in (member.value, name))
                    yield Question(left, right, member=(vocabulary.name, member.value, name))


def _slot_frame(revision: Revision, vocabulary: str) -> str | None:
    using = [p.name for p in revision.parameters.values() if p.vocabulary == vocabulary]
    rules = revision.rules
    for pattern in revision.spec.match.patterns or ():
        if using and not pattern.language:
            values = {**masks(revision), using[0]: Sample(_HOLE, _HOLE)}
            text = plain_sentence(parse(pattern.text, rules), values).text
            if _HOLE in text:
                return text
    return None


def same_word(value: str, name: str) -> bool:
    """Whether two names differ only in articles, or in an ending that makes a plural."""
    left, right = (meaning([token.lower() for token in text.split()]) for text in (value, name))
    return [_ENDING.sub("", word) for word in left] == [_ENDING.sub("", word) for word in right]


def without(document: ReasoningProcedure, rejected: Sequence[Question]) -> tuple[ReasoningProcedure, list[str]]:
    """The document without rejected alternatives, and what was changed, in words."""
    said: list[str] = []
    patterns: list[Pattern] = []
    whole = {q.pattern for q in rejected if q.whole}
    for number, pattern in enumerate(document.spec.match.patterns or ()):
        if number in whole:
            said.append(f"pattern {pattern.text!r} asks something else")
            continue
        gone = [q.contrast for q in rejected if q.pattern == number and q.contrast is not None]
        left = reject(pattern.text, gone) if gone else pattern.text
        if left != pattern.text:
            said.append(f"pattern {pattern.text!r} became {left!r}")
        if left is not None:
            patterns.append(pattern.model_copy(update={"text": left}))
    rules: list[Rule] = []
    for rule in document.spec.rules or ():
        gone = [q.contrast for q in rejected if q.rule == rule.name and q.contrast is not None]
        text = (reject(rule.text, gone) if gone else rule.text) or rule.text
        if text != rule.text:
            said.append(f"rule <{rule.name}> {rule.text!r} became {text!r}")
        rules.append(rule.model_copy(update={"text": text}))
    names = {q.member for q in rejected if q.member is not None}
    said += [f"vocabulary {vocabulary}: {name!r} is no name of {value!r}" for vocabulary, value, name in sorted(names)]
    vocabularies = [_without_names(vocabulary, names) for vocabulary in document.spec.vocabularies or ()]
    patterns = [pattern for pattern in patterns if _complete(document.spec, pattern.text, rules)]
    changed = with_spec(with_patterns(document, patterns), rules=rules or None, vocabularies=vocabularies or None)
    return changed, said


def _complete(spec: Spec, text: str, rules: Sequence[Rule]) -> bool:
    """Whether a pattern that lost parts, itself or through its rules, still has a slot for each parameter."""
    needed = {parameter.name for parameter in spec.parameters or () if parameter.in_patterns}
    return needed <= set(slots_of(parse(text, {rule.name: rule.text for rule in rules})))


def _without_names(vocabulary: Vocabulary, gone: set[tuple[str, str, str]]) -> Vocabulary:
    values = []
    for member in vocabulary.values:
        names = [name for name in member.names or () if (vocabulary.name, member.value, name) not in gone]
        values.append(member.model_copy(update={"names": names or None}))
    return vocabulary.model_copy(update={"values": values})
