"""The index: from a request to exactly one binding, or a miss with its reason.

A binding is decided by structure alone. In order: a memo of exact requests, stamped with the index's epoch; the key
of a structured request; the trie of all patterns. A pattern matches a whole request or nothing, and more than one
distinct binding is a miss.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

from seglam.lookup.bind import Refusal, bind, bind_plainly, is_foreign, left_open
from seglam.lookup.explain import Neighbours, describe
from seglam.lookup.results import Binding, Hit, Miss, MissReason
from seglam.lookup.structured import Key, key_of, key_of_value, slots_of
from seglam.lookup.trie import MAX_STEPS, Template, TooComplex, Trie
from seglam.procedures.request import Request
from seglam.procedures.revision import Revision
from seglam.procedures.text import MAX_BYTES, Text

MEMO_SIZE = 4096
_NOTHING = Miss(MissReason.UNKNOWN, "")
SHORT_CHARACTERS, SHORT_STEPS = 1_000, 1_000
"""Of a text that is decided where nothing may wait."""
QUICK_GROWTH = 10_000
"""Patterns that may be looked through there for the first time: about a millisecond."""
ATTEMPTS = 8
"""Readings without a lock, each spoiled by a change, after which one waits for its turn."""


class Index:
    """Active revisions, ready for lookup. Readers need no lock; writers take turns.

    A change shows at once and as a whole: patterns enter the trie before their revision is among those that count, and
    leave it afterwards, and a reading during which that set has changed is done again.

    Args:
        explains: whether a miss names the patterns near it, which costs far more than the decision.
    """

    def __init__(self, *, explains: bool = True) -> None:
        self._explains = explains
        self._trie = Trie()
        self._near = Neighbours()
        self._templates: dict[str, list[Template]] = {}
        self._revisions: dict[str, Revision] = {}
        self._structured: dict[Key, tuple[Revision, ...]] = {}
        self._memo: dict[tuple[str, str | None], tuple[int, Hit]] = {}
        self._epoch = 0
        self._writer = threading.Lock()

    def add(self, revision: Revision) -> None:
        """Add a revision; adding it again changes nothing. `PatternError` if a pattern cannot be read."""
        templates = templates_of(revision)
        with self._writer:
            if revision.digest not in self._revisions:
                self._insert(revision, templates)
                self._revisions[revision.digest] = revision
                self._changed()

    def remove(self, digest: str) -> None:
        """Remove a revision; `KeyError` if it is not there."""
        with self._writer:
            revision = self._revisions.pop(digest)
            self._changed()
            self._prune(revision)

    def replace(self, old: str, revision: Revision) -> None:
        """Put a revision in the place of another: a request finds the one or the other, never both and never neither.

        `KeyError` if the old one is not there; `PatternError` if a pattern cannot be read.
        """
        templates = templates_of(revision)
        with self._writer:
            replaced = self._revisions[old]
            if old == revision.digest:
                return
            if revision.digest not in self._revisions:
                self._insert(revision, templates)
            left = {digest: each for digest, each in self._revisions.items() if digest != old}
            self._revisions = {**left, revision.digest: revision}  # one step, which readers see done or not
            self._changed()
            self._prune(replaced)

    def _insert(self, revision: Revision, templates: list[Template]) -> None:
        self._templates[revision.digest] = templates
        for template in templates:
            self._trie.add(template)
            if self._explains:
                self._near.add(template)
        if structured := revision.spec.match.structured:
            key = key_of(structured)
            self._structured[key] = (*self._structured.get(key, ()), revision)

    def _prune(self, revision: Revision) -> None:
        for template in self._templates.pop(revision.digest):
            self._trie.remove(template)
            if self._explains:
                self._near.remove(template)
        if structured := revision.spec.match.structured:
            key = key_of(structured)
            left = tuple(other for other in self._structured[key] if other.digest != revision.digest)
            self._structured[key] = left
            if not left:
                del self._structured[key]

    def _changed(self) -> None:
        self._epoch += 1
        self._memo = {}

    def __contains__(self, digest: object) -> bool:
        return digest in self._revisions

    def __len__(self) -> int:
        return len(self._revisions)

    def __iter__(self) -> Iterator[Revision]:
        return iter(list(self._revisions.values()))

    def get(self, digest: str) -> Revision | None:
        """The revision of that digest, if it is in the index."""
        return self._revisions.get(digest)

    def find(self, request: Request) -> Hit | Miss:
        """Decide a request. `TextError` if its text is no well-formed Unicode."""
        for _ in range(ATTEMPTS):
            epoch = self._epoch
            result = self._found(request, epoch)
            if self._epoch == epoch:
                return result
        with self._writer:
            return self._found(request, self._epoch)

    def hit(self, request: Request) -> Hit | None:
        """The hit of a request that is decided in a small part of a millisecond; None for every other request, which
        `find` decides. `TextError` as there."""
        if request.text is None or len(request.text) > SHORT_CHARACTERS or request.inputs:
            return None
        epoch = self._epoch
        result = self._found(request, epoch, SHORT_STEPS)
        return result if isinstance(result, Hit) and self._epoch == epoch else None

    def _found(self, request: Request, epoch: int, steps: int = MAX_STEPS) -> Hit | Miss:
        if request.text is None:
            return self._find_structured(request)
        if request.inputs or (request.context and request.context.keys() - {"locale"}):
            return self._find_text(request.text, request.region, request, steps)
        region = request.region if request.context else None
        key = (request.text, request.context.get("locale") if region else None)
        known = self._memo.get(key)
        if known is not None and known[0] == epoch:
            return known[1]
        result = self._find_text(request.text, region, request, steps)
        if isinstance(result, Hit):
            if len(self._memo) >= MEMO_SIZE:
                self._memo = {}  # whole: to find its oldest entry a dictionary reads past all that were taken out
            self._memo[key] = (epoch, result)
        return result

    def _find_text(self, content: str, region: str | None, request: Request, steps: int) -> Hit | Miss:
        if len(content) > MAX_BYTES or (not content.isascii() and len(content.encode("utf-8", "replace")) > MAX_BYTES):
            return Miss(MissReason.TOO_LARGE, f"the text is longer than {MAX_BYTES} bytes; attach data as inputs")
        text = Text(content, region)
        active = self._revisions
        try:
            parses = self._trie.parses(text, steps, None if steps == MAX_STEPS else QUICK_GROWTH)
        except TooComplex:
            return Miss(MissReason.TOO_LARGE, "the text can be read in too many ways")
        closer = bool(request.inputs) or (bool(request.context) and request.bound)
        outcomes: list[Binding | Refusal] = []
        for template, names, values in parses:
            revision = template.owner
            assert isinstance(revision, Revision)
            if revision.digest not in active:
                continue
            foreign = region is not None and is_foreign(revision, template.number, request)
            plain = None if closer or foreign else bind_plainly(revision, template.number, names, values)
            if plain is not None:
                outcomes.append(plain)
                continue
            slots = [
                (name, canonical, text.slice(start, end))
                for name, (canonical, start, end) in zip(names, values, strict=True)
            ]
            open_here = left_open(revision, slots, request) if foreign else None
            outcomes.append(open_here or bind(revision, template.number, slots, request))
        decided = _decide(outcomes)
        if decided is None:
            return self._explained(text) if steps == MAX_STEPS else _NOTHING
        return decided

    def _find_structured(self, request: Request) -> Hit | Miss:
        key = key_of_value(request.value)
        if key is None:
            return Miss(MissReason.UNKNOWN, "a structured request is a JSON object")
        active = self._revisions
        outcomes: list[Binding | Refusal] = []
        reasons: list[str] = []
        for revision in self._structured.get(key, ()):
            assert revision.spec.match.structured
            if revision.digest not in active:
                continue
            slots = slots_of(revision, revision.spec.match.structured, request)
            if isinstance(slots, str):
                reasons.append(f"{revision.name}: {slots}")
            else:
                outcomes.append(bind(revision, None, slots, request))
        decided = _decide(outcomes)
        if decided is not None:
            return decided
        return Miss(
            MissReason.UNKNOWN,
            "; ".join(reasons) or f"no procedure takes the members {', '.join(sorted(key))}",
        )

    def _explained(self, text: Text) -> Miss:
        if not self._explains:
            return Miss(MissReason.UNKNOWN, "no pattern explains the whole text")
        near = self._near.near(text)
        shown = describe(near)
        for template, alignment in near:
            if alignment.only_values:
                assert isinstance(template.owner, Revision)
                what = "; ".join(f"{value!r} is no value of {{{name}}}" for name, value in alignment.rejected)
                return Miss(
                    MissReason.VALUE_REJECTED,
                    f"{template.owner.name} explains every word, but {what}",
                    near=shown,
                )
        if not shown:
            return Miss(MissReason.UNKNOWN, "no pattern shares a word with the text")
        return Miss(
            MissReason.UNKNOWN,
            f"no pattern explains the whole text; the nearest, {shown[0].revision.name}: {shown[0].difference}",
            near=shown,
        )


def templates_of(revision: Revision) -> list[Template]:
    """The automata of a revision's patterns. `PatternError` if one cannot be read."""
    patterns = revision.patterns
    return [
        Template(revision, number, patterns.read(pattern.text).start)
        for number, pattern in enumerate(revision.spec.match.patterns or ())
    ]


def _decide(outcomes: list[Binding | Refusal]) -> Hit | Miss | None:
    """One distinct binding is a hit, several are ambiguous, none but refusals is a guard; None if nothing matched."""
    if len(outcomes) == 1 and isinstance(outcomes[0], Binding):
        return Hit(outcomes[0])
    distinct: dict[tuple[str, tuple[tuple[str, str], ...]], Binding] = {}
    refusals: list[Refusal] = []
    for outcome in outcomes:
        if isinstance(outcome, Refusal):
            refusals.append(outcome)
        else:
            distinct.setdefault((outcome.revision.digest, tuple(outcome.arguments.items())), outcome)
    bindings = tuple(distinct.values())
    if len(bindings) == 1:
        return Hit(bindings[0])
    if bindings:
        readings = "; ".join(f"{binding.revision.name}({binding.shown()})" for binding in bindings[:4])
        return Miss(MissReason.AMBIGUOUS, f"the request has {len(bindings)} readings: {readings}", bindings)
    if refusals:
        return Miss(refusals[0].reason, refusals[0].explanation)
    return None
