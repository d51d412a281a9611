"""Wordings that somebody used, as patterns of their own.

A wide pattern goes, or loses parts, where its alternatives mean different things or belong to an elder. What a request
said is one sentence of it, and may be right where the pattern was not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seglam.compiler.framing import core_of
from seglam.lookup import Hit, Index
from seglam.lookup.machine import Machine
from seglam.lookup.overlap import accepts
from seglam.procedures.document import Pattern, ReasoningProcedure
from seglam.procedures.patterns import Choice, Node
from seglam.procedures.patterns import Sequence as Parts
from seglam.procedures.patterns.grammar import escape
from seglam.procedures.patterns.paths import path_of
from seglam.procedures.patterns.sentences import plain_sentence
from seglam.procedures.request import Request
from seglam.procedures.revision import Revision
from seglam.procedures.text import Text
from seglam.procedures.values import Sample

_BEGIN, _END = "\ue000", "\ue001"
"""Around a parameter's name in a sentence, so that its braces are not taken for text: characters for private use."""


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
    patterns = [(each, Machine(revision.patterns.read(each.text).start)) for each in document.spec.match.patterns or ()]
    made: dict[str, Pattern] = {}
    for request in requests:
        if request.text is None:
            continue
        text = Text(request.text, request.region)
        for pattern, machine in patterns:
            if accepts(machine, text) and (said := _said(revision, pattern.text, text)) is not None:
                if said not in made:
                    made[said] = pattern.model_copy(update={"text": said})
                    yield made[said]
                break


def _said(revision: Revision, pattern: str, text: Text) -> str | None:
    """The one sentence of a pattern that a text is, within the pattern's frame."""
    tree = revision.patterns.read(pattern).tree
    taken = path_of(tree, text, revision.slots)
    if taken is None:
        return None
    begin, end = core_of(pattern)
    bare = dict.fromkeys(_frame(tree, begin, end))
    masks = {name: Sample(_BEGIN + name + _END, name) for name in revision.types}
    core = escape(plain_sentence(tree, masks, {**taken.path, **bare}).text)
    return pattern[:begin] + core.replace(_BEGIN, "{").replace(_END, "}") + pattern[end:]


def _frame(tree: Node, begin: int, end: int) -> Iterator[Choice]:
    """Choices that a pattern writes outside of its core."""
    for item in tree.items if isinstance(tree, Parts) else ():
        if isinstance(item, Choice) and item.span is not None and (item.span[1] <= begin or item.span[0] >= end):
            yield item
