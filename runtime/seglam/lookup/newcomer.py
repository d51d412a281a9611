"""What a newcomer gives up, so that it cannot silence an elder by ambiguity.

Wherever a pattern of the newcomer and one of an active revision may match one request, an alternative of the newcomer
is taken from it: of those that lose the fewest requests which it was written for, one that removes the overlap and
leaves the most sentences; where no single one does, the one that leaves the most, again and again; in the end the whole
pattern. A rule is written out where one of its alternatives is to go. Elders are never touched.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from collections.abc import Sequence as Sequence_
from dataclasses import dataclass

from seglam.lookup.index import Index
from seglam.lookup.machine import Machine
from seglam.lookup.overlap import accepts, apart, may_share_a_request, meet, overlaps, speech_of, together
from seglam.lookup.results import Hit
from seglam.procedures.document import Example, Pattern, ReasoningProcedure
from seglam.procedures.patterns import slots_of
from seglam.procedures.patterns.compiled import MAX_LENGTH
from seglam.procedures.patterns.paths import path_of
from seglam.procedures.patterns.rewrite import Cut, choices_of, cut
from seglam.procedures.request import Request, request_of
from seglam.procedures.revision import Revision
from seglam.procedures.text import Text

MAX_CUTS = 24
"""Alternatives that one elder may take from one pattern before the whole pattern goes; from the half of them on, also
such as requests that it was written for need."""
MAX_LOOKAHEAD = 3
"""Cuts of which it is asked whether they end an overlap."""
MAX_OPENED = 3
"""Rules that are written out for one alternative."""


class NothingRemains(ValueError):
    """A newcomer that has nothing left of its own, or no longer binds the request that it was made for.

    `left` is what is left of it in the second case.
    """

    left: Yielded | None = None


@dataclass(frozen=True, slots=True)
class Removal:
    """What was taken from a pattern: its text before, the part, and the request that it shared with an elder.

    `pattern` and `removed` are "structured" where the whole structured form was taken.
    """

    pattern: str
    removed: str
    witness: str
    elder: str


@dataclass(frozen=True, slots=True)
class Yielded:
    """The newcomer without what overlapped. `examples` are requests of examples that went with it."""

    document: ReasoningProcedure
    removed: tuple[Removal, ...]
    examples: tuple[str, ...] = ()


def yield_to(
    newcomer: ReasoningProcedure,
    elders: Iterable[Revision],
    must_bind: Request | None = None,
    settled: Collection[str] = (),
    wanted: Iterable[str] = (),
) -> Yielded:
    """Take from a newcomer what it shares with active revisions.

    Args:
        newcomer: a valid document.
        elders: active revisions, without older ones of the same procedure, which the newcomer is to replace.
        must_bind: the request that the newcomer was made for.
        settled: texts of patterns that are active beside these elders already and share nothing with them.
        wanted: texts of other requests that it should bind where it can.

    Raises:
        NothingRemains: if no pattern and no structured form is left, or `must_bind` no longer binds.
        PatternError: if a pattern of the newcomer cannot be read.
    """
    revision = Revision.of(newcomer)
    fresh = _without(newcomer, settled)
    elders = [elder for elder in elders if elder.digest != revision.digest and not apart(revision, elder)]
    near = [elder for elder in elders if fresh is not None and may_share_a_request(fresh, elder)]
    must = Text(must_bind.text, must_bind.region) if must_bind and must_bind.text is not None else None
    others = [Text(text, must_bind.region if must_bind else None) for text in dict.fromkeys(wanted)]
    kept: list[Pattern] = []
    removed: list[Removal] = []
    for pattern in newcomer.spec.match.patterns or ():
        if pattern.text in settled:
            kept.append(pattern)
            continue
        yielding = _Yielding(revision, pattern.text, must, others)
        for elder in near:
            yielding.to(elder)
        removed += yielding.removed
        if yielding.text is not None:
            kept.append(pattern.model_copy(update={"text": yielding.text}))
    structured = newcomer.spec.match.structured
    bare = newcomer.spec.match.model_copy(update={"patterns": None})
    for overlap in overlaps(Revision.of(_with(newcomer, match=bare)), elders) if structured else ():
        structured = None
        removed.append(Removal("structured", "structured", overlap.witness, overlap.elder.name))
    document, examples = newcomer, list[Example]()
    if removed:
        match = newcomer.spec.match.model_copy(update={"patterns": kept or None, "structured": structured})
        document, examples = _without_lost_examples(newcomer, _with(newcomer, match=match))
    yielded = Yielded(document, tuple(removed), tuple(example.request or example.value or "" for example in examples))
    _check(yielded, must_bind)
    return yielded


def _without(newcomer: ReasoningProcedure, settled: Collection[str]) -> Revision | None:
    """The newcomer without patterns that share nothing with elders; None if no other is left. What these few may share
    is found in a small part of the time that all take.
    """
    new = [pattern for pattern in newcomer.spec.match.patterns or () if pattern.text not in settled]
    return Revision.of(_with(newcomer, match=newcomer.spec.match.model_copy(update={"patterns": new}))) if new else None


def _with(document: ReasoningProcedure, **fields: object) -> ReasoningProcedure:
    return document.model_copy(update={"spec": document.spec.model_copy(update=fields)})


def _check(yielded: Yielded, must_bind: Request | None) -> None:
    document = yielded.document
    name = document.metadata.name
    taken = "; ".join(f"{each.elder} shares {each.witness!r}" for each in yielded.removed) or "nothing was taken"
    if not document.spec.match.patterns and not document.spec.match.structured:
        raise NothingRemains(f"nothing of {name} is its own: {taken}")
    if must_bind is not None:
        index = Index()
        index.add(Revision.of(document))
        found = index.find(must_bind)
        if not isinstance(found, Hit):
            problem = NothingRemains(f"{name} does not bind the request it was made for: {found.explanation} ({taken})")
            problem.left = yielded
            raise problem


def _without_lost_examples(
    before: ReasoningProcedure, after: ReasoningProcedure
) -> tuple[ReasoningProcedure, list[Example]]:
    """The document without examples that only what was taken could bind, and those examples."""
    old, new = Index(), Index()
    old.add(Revision.of(before))
    if after.spec.match.patterns or after.spec.match.structured:
        new.add(Revision.of(after))
    lost = [
        example
        for example in before.spec.examples or ()
        if isinstance(old.find(request_of(example)), Hit) and not isinstance(new.find(request_of(example)), Hit)
    ]
    if not lost:
        return after, lost
    left = [example for example in before.spec.examples or () if example not in lost]
    return _with(after, examples=left or None), lost


class _Readable:
    """A pattern's text with what is made of it."""

    def __init__(self, text: str, revision: Revision) -> None:
        self.text = text
        self.types = revision.slots
        self.tree, start = revision.patterns.read(text)
        self.machine = Machine(start)
        self.slots = frozenset(slots_of(self.tree))

    def bound(self, texts: Sequence_[Text]) -> list[Text]:
        """Those of some requests that the pattern matches."""
        return [text for text in texts if accepts(self.machine, text)]


@dataclass(frozen=True, slots=True)
class _Cut:
    """A pattern with one alternative less."""

    pattern: _Readable
    part: str
    binds: bool
    wanted: int
    written: bool

    @property
    def rank(self) -> tuple[bool, int, int, bool]:
        """The best is the one that still binds what must bind, and most of what it was written for; then the one that
        leaves most sentences, and takes something written rather than the freedom to leave it out.
        """
        return self.binds, self.wanted, self.pattern.machine.forms, self.written


class _Yielding:
    """One pattern of the newcomer while elders take from it. `text` is what is left, None if nothing."""

    def __init__(self, revision: Revision, text: str, must: Text | None, wanted: Sequence_[Text]) -> None:
        self.revision = revision
        self.original = text
        self.left: _Readable | None = _Readable(text, self.revision)
        self.must = must
        self.wanted = self.left.bound(wanted)
        self.removed: list[Removal] = []

    @property
    def text(self) -> str | None:
        return self.left.text if self.left else None

    def to(self, elder: Revision) -> None:
        """Give up what is shared with an elder."""
        if self.left is None or not self.left.machine.may_say(self.left.machine.shared_with(speech_of(elder))):
            return
        for theirs in together(elder):
            for number in range(MAX_CUTS):
                witness = meet(self.left.machine, theirs) if self.left else None
                if self.left is None or witness is None:
                    break
                best = self._best(self.left, witness.text, theirs, patient=2 * number < MAX_CUTS)
                if best is None:
                    self._give_up(witness.text, elder)
                else:
                    self.removed.append(Removal(self.left.text, best.part, witness.text, elder.name))
                    self.left = best.pattern
                    self.wanted = self.left.bound(self.wanted)
            else:
                witness = meet(self.left.machine, theirs) if self.left else None
                if witness is not None:
                    self._give_up(witness.text, elder)

    def _give_up(self, witness: str, elder: Revision) -> None:
        self.left = None
        self.removed = [Removal(self.original, self.original, witness, elder.name)]

    def _best(self, pattern: _Readable, witness: str, theirs: Machine, *, patient: bool) -> _Cut | None:
        """The best cut of the pattern; where each loses something that is wanted, also of the pattern with rules
        written out that the witness goes through.
        """
        best = self._best_as_written(pattern, witness, theirs, patient=patient)
        for _ in range(MAX_OPENED):
            if best is not None and best.binds and best.wanted == len(self.wanted):
                break
            opened = self._opened(pattern, witness)
            if opened is None:
                break
            pattern = opened
            better = self._best_as_written(pattern, witness, theirs, patient=patient)
            if better is not None and (best is None or better.rank[:2] > best.rank[:2]):
                best = better
        return best

    def _best_as_written(self, pattern: _Readable, witness: str, theirs: Machine, *, patient: bool) -> _Cut | None:
        """The best cut of the first few that ends the overlap, or the best one if none does; one that loses what must
        bind only where all do, and one that loses more of what is wanted only where patience has an end. Whether a cut
        ends it is the dear question, so it is asked in the order of ranks and no further than needed.
        """
        cuts = sorted(self._cuts(pattern, witness), key=lambda one: one.rank, reverse=True)
        cuts = [one for one in cuts if one.binds is cuts[0].binds]
        if patient:
            cuts = [one for one in cuts if one.wanted == cuts[0].wanted]
        ending = (one for one in cuts[:MAX_LOOKAHEAD] if meet(one.pattern.machine, theirs) is None)
        return next(ending, next(iter(cuts), None))

    def _cuts(self, pattern: _Readable, witness: str) -> Iterator[_Cut]:
        """What can be left of a pattern if one alternative on the witness's path is taken."""
        for one, part in _alternatives(pattern, witness):
            text = cut(pattern.text, [one])
            if text is None or len(text) > MAX_LENGTH:
                continue
            left = _Readable(text, self.revision)
            if left.slots != pattern.slots:
                continue  # it would no longer give every parameter a value
            binds = self.must is None or accepts(left.machine, self.must)
            yield _Cut(left, part, binds, len(left.bound(self.wanted)), one.branch is not None)

    def _opened(self, pattern: _Readable, witness: str) -> _Readable | None:
        """The pattern with the rules written out that the witness goes through; None if its way is not known, or if
        they cannot be.
        """
        taken = path_of(pattern.tree, Text(witness), pattern.types)
        text = self.revision.patterns.opened(pattern.text, taken.path) if taken is not None else None
        return _Readable(text, self.revision) if text is not None else None


def _alternatives(pattern: _Readable, witness: str) -> Iterator[tuple[Cut, str]]:
    """Alternatives that the witness takes, or all if its path is not known; and how the pattern writes them."""
    taken = path_of(pattern.tree, Text(witness), pattern.types)
    for choice in choices_of(pattern.tree):
        if choice.rule is not None:
            continue
        assert choice.span is not None
        written = pattern.text[slice(*choice.span)]
        branches: list[int | None] = list(range(len(choice.branches)))
        if choice.optional:
            branches.append(None)
        if len(branches) < 2:
            continue
        for branch in branches:
            if taken is None or (choice in taken.path and taken.path[choice] == branch):
                part = f"{written} left out" if branch is None else f"{choice.branches[branch].source} of {written}"
                yield Cut(choice, branch), part
