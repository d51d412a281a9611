"""The frame around what a pattern asks: politeness or a wish before it, and a wish for nothing but the answer after it.

It is made of shared rules alone, which say nothing about what is asked, so that whoever writes another wording need not
think of them and nobody has to be asked about them.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from itertools import chain, islice

from seglam.compiler.assemble import extended, mended, with_patterns
from seglam.compiler.replies import ExtensionReply, PatternReply
from seglam.procedures.document import ReasoningProcedure
from seglam.procedures.patterns import Choice, Node, PatternError, Slot, Words, parse, patterns_of, shared_rules
from seglam.procedures.patterns import Sequence as Parts
from seglam.procedures.revision import Revision
from seglam.procedures.values import ValueType

POLITE = "[<please>]"
OPENING = "[<opening>] "
_FRAME_BEHIND = re.compile(r" \[\[[^\[\]]*\] \(<closing>(?:\|<[a-z-]+>)*\)\]$")
MARKS = "[.|,|?|;|:| -| –]"
WORD = "thanks"
SAMPLES = 12
"""Values of a type beside which a word is tried."""
BY_TYPE = {"integer": "only-number", "decimal": "only-figure", "weekday": "only-weekday"}
BY_RULE = {"as-yes-or-no": "only-yes-or-no", "as-true-or-false": "only-true-or-false"}
"""Which wish for the form of an answer changes nothing: by the answer's type, and by a rule that the procedure has."""


def framed(reply: ExtensionReply, base: Revision) -> ExtensionReply:
    """An extension whose patterns in English have a frame each, where it cannot be taken for a value beside it."""
    reply = mended(reply, base)
    rules = {rule.name: rule.text for rule in (*(base.spec.rules or ()), *reply.rules)} | shared_rules()
    return reply.model_copy(update={"patterns": [_framed(each, base, rules) for each in reply.patterns]})


def reframed(document: ReasoningProcedure) -> ReasoningProcedure:
    """The document with today's shared rules and frames, where it has those of an earlier day or none.

    Nothing else of it changes.
    """
    old = document.spec.match.patterns
    if not old:
        return document
    bare = [PatternReply(text=_without_frame(each.text), language=each.language) for each in old]
    reply = framed(ExtensionReply(procedure=document.metadata.name, patterns=list(bare)), Revision.of(document))
    changed = extended(Revision.of(with_patterns(document, [])), reply)
    return document.model_copy(update={"spec": changed.spec})


def core_of(pattern: str) -> tuple[int, int]:
    """Where a pattern's own text begins and ends within its frame."""
    behind = _FRAME_BEHIND.search(pattern)
    return len(OPENING) if pattern.startswith(OPENING) else 0, behind.start() if behind else len(pattern)


def within_frame(pattern: str, span: tuple[int, int]) -> bool:
    """Whether a part of a pattern is a part of the frame as it is put around patterns today: of shared rules alone."""
    begin, end = _within_standard(pattern)
    return span[1] <= begin or span[0] >= end


def unframed(pattern: str) -> str:
    """What a pattern says without the frame as it is put around patterns today, which may always be left out."""
    begin, end = _within_standard(pattern)
    return pattern[begin:end]


def _within_standard(pattern: str) -> tuple[int, int]:
    """Where a pattern's own text begins and ends; what stands behind it is a frame only if of shared rules alone."""
    begin, end = core_of(pattern)
    behind = re.fullmatch(rf" \[{re.escape(MARKS)} \(((?:<[a-z-]+>\|?)+)\)\]", pattern[end:])
    ours = behind is not None and {name.strip("<>") for name in behind[1].split("|")} <= shared_rules().keys()
    return begin, end if ours else len(pattern)


def _without_frame(pattern: str) -> str:
    begin, end = core_of(pattern)
    return pattern[begin:end]


def _framed(pattern: str | PatternReply, base: Revision, rules: Mapping[str, str]) -> str | PatternReply:
    if isinstance(pattern, PatternReply):
        if pattern.language:
            return pattern
        return pattern.model_copy(update={"text": _with_frame(pattern.text, base, rules)})
    return _with_frame(pattern, base, rules)


def _with_frame(pattern: str, base: Revision, rules: Mapping[str, str]) -> str:
    """The pattern with its frame; as it is if it cannot be read, or not with the frame."""
    text = pattern
    try:
        tree = parse(text, rules)
        if not _swallows(_outer(tree, first=True), base, first=True):
            if text.startswith(POLITE):
                text = OPENING + text.removeprefix(POLITE).lstrip()
            elif "<please>" not in text:
                text = OPENING + text
        if not _swallows(_outer(tree, first=False), base, first=False):
            text += f" [{MARKS} ({'|'.join(f'<{name}>' for name in _endings(base))})]"
        patterns_of(rules, base.slots).read(text)
    except PatternError:
        return pattern
    return text


def _endings(base: Revision) -> Iterator[str]:
    yield "closing"
    if base.returns.name in BY_TYPE:
        yield BY_TYPE[base.returns.name]
    yield from (BY_RULE[rule.name] for rule in base.spec.rules or () if rule.name in BY_RULE)


def _swallows(slots: Iterator[str], base: Revision, *, first: bool) -> bool:
    """Whether a word beside one of these slots could be part of its value."""
    return any(name not in base.slots or _takes(base.slots[name], first) for name in slots)


def _takes(kind: ValueType, first: bool) -> bool:
    values = [sample.text for sample in islice(kind.samples(random.Random(0)), SAMPLES)]
    pairs = [(WORD, value) if first else (value, WORD) for value in values]
    beside = (left + mark + right for left, right in pairs for mark in (" ", ", ", "; "))
    return any(kind.readings(text) for text in chain((WORD,), beside))


def _outer(node: Node, *, first: bool) -> Iterator[str]:
    """Slots with which a sentence may begin, or end if not `first`."""
    match node:
        case Slot(parameter):
            yield parameter
        case Choice(branches):
            for branch in branches:
                yield from _outer(branch.node, first=first)
        case Parts(items):
            for item in items if first else reversed(items):
                yield from _outer(item, first=first)
                if not _may_be_empty(item):
                    return


def _may_be_empty(node: Node) -> bool:
    match node:
        case Words(tokens):
            return not tokens
        case Choice(branches, optional):
            return optional or any(_may_be_empty(branch.node) for branch in branches)
        case Parts(items):
            return all(_may_be_empty(item) for item in items)
    return False
