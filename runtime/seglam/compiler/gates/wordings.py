"""Wordings that somebody used, as patterns of their own.

A wide pattern goes, or loses parts, where its alternatives mean different things or belong to an elder. What a request
said is one sentence of it, and may be right where the pattern was not.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from seglam.compiler.assemble import with_patterns
from seglam.compiler.framing import core_of
from seglam.compiler.gates.alternatives import Question, masks
from seglam.lookup import Hit, Index
from seglam.lookup.overlap import accepts, machines_of
from seglam.procedures.document import Pattern, ReasoningProcedure
from seglam.procedures.patterns import Choice, Node
from seglam.procedures.patterns import Sequence as Parts
from seglam.procedures.patterns.grammar import escape
from seglam.procedures.patterns.paths import path_of
from seglam.procedures.patterns.sentences import Path, plain_sentence
from seglam.procedures.request import Request, request_of
from seglam.procedures.revision import Revision
from seglam.procedures.text import Text
from seglam.procedures.values import Sample

_BEGIN, _END = "\ue000", "\ue001"
"""Around a parameter's name in a sentence, so that its braces are not taken for text: characters for private use."""
_TOUCHING = re.compile(rf"(?<=[}}{_END}])(?=\w)")
"""Where a word is written right behind a value, which a reader may take for a part of it."""
COMPARED = 3
"""Known sentences that one is compared with."""


def lost(requests: Sequence[Request], before: ReasoningProcedure, after: ReasoningProcedure) -> list[Request]:
    """Those of some requests that a document binds and another does not."""
    old, new = _index(before), _index(after)
    return [each for each in requests if isinstance(old.find(each), Hit) and not isinstance(new.find(each), Hit)]


def _index(document: ReasoningProcedure) -> Index:
    index = Index(explains=False)
    if document.spec.match.patterns or document.spec.match.structured:
        index.add(Revision.of(document))
    return index


def as_said(document: ReasoningProcedure, requests: Sequence[Request]) -> Iterator[Pattern]:
    """A pattern for each wording of some requests that the document binds: the sentence that the request is, with slots
    for its values, no alternatives, and the frame of the pattern that bound it.
    """
    revision = Revision.of(document)
    slots = {name: Sample(_BEGIN + name + _END, name) for name in revision.types}
    made: set[str] = set()
    for request in requests:
        for pattern, sentence in _sentences(revision, request, slots):
            begin, end = core_of(pattern.text)
            core = escape(sentence).replace(_BEGIN, "{").replace(_END, "}")
            said = pattern.text[:begin] + core + pattern.text[end:]
            if said not in made:
                made.add(said)
                yield pattern.model_copy(update={"text": said})


def whether_the_same(document: ReasoningProcedure, known: Collection[int]) -> list[list[Question]]:
    """Questions whether a document's patterns of one sentence mean the same as what the others, those with the numbers
    `known`, are known for: the first one's plainest sentence and the examples. Each is compared with the most alike of
    these, then with the next; the same as any is enough.

    Returns:
        One list for each turn, the comparisons with the most alike ones first.
    """
    revision, patterns = Revision.of(document), document.spec.match.patterns or []
    values = masks(revision)
    trees = [revision.patterns.read(each.text).tree for each in patterns]
    old = [number for number in range(len(patterns)) if number in known]
    others = Revision.of(with_patterns(document, [patterns[number] for number in old]))
    wordings = [plain_sentence(trees[number], values).text for number in old[:1]]
    for example in document.spec.examples or ():
        wordings += [sentence for _, sentence in _sentences(others, request_of(example), values)]
    turns: list[list[Question]] = [[] for _ in range(COMPARED)]
    for number, pattern in enumerate(patterns):
        if number not in known:
            sentence = _core(trees[number], pattern.text, values, {})
            for turn, other in zip(turns, _nearest(wordings, sentence), strict=False):
                turn.append(Question(other, sentence, pattern=number, strict=True))
    return turns


def _sentences(revision: Revision, request: Request, values: Mapping[str, Sample]) -> Iterator[tuple[Pattern, str]]:
    """The first pattern that a request's text is a sentence of, and that sentence with other values and no frame."""
    if request.text is None:
        return
    text = Text(request.text, request.region)
    for pattern, machine in zip(revision.spec.match.patterns or (), machines_of(revision), strict=True):
        tree = revision.patterns.read(pattern.text).tree
        if accepts(machine, text) and (taken := path_of(tree, text, revision.slots)) is not None:
            yield pattern, _core(tree, pattern.text, values, taken.path)
            return


def _core(tree: Node, pattern: str, values: Mapping[str, Sample], path: Path) -> str:
    """A way through a pattern without its frame."""
    begin, end = core_of(pattern)
    parts = tree.items if isinstance(tree, Parts) else ()
    frame = [
        part
        for part in parts
        if isinstance(part, Choice) and part.span is not None and (part.span[1] <= begin or part.span[0] >= end)
    ]
    return _TOUCHING.sub(" ", plain_sentence(tree, values, {**path, **dict.fromkeys(frame)}).text)


def _nearest(known: Sequence[str], sentence: str) -> list[str]:
    """Known sentences, the one with the greatest share of words in common first. It decides only what is asked."""
    words = set(Text(sentence).tokens)

    def share(other: str) -> float:
        theirs = set(Text(other).tokens)
        return len(words & theirs) / max(1, len(words | theirs))

    return sorted(dict.fromkeys(known), key=share, reverse=True)[:COMPARED]
