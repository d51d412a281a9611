"""Whether an author's reply fits a request that missed: its own patterns must bind it. A label never counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from seglam.compiler.assemble import core_digest, document_of, extended, with_patterns, without_faulty_patterns
from seglam.compiler.framing import framed
from seglam.compiler.negative import compile_all, matches, readable
from seglam.compiler.replies import AuthorReply, ExtensionReply, NotCompilableReply
from seglam.compiler.subjects import AuthorSubject
from seglam.lookup import Hit, Index
from seglam.procedures.document import ReasoningProcedure
from seglam.procedures.patterns import State
from seglam.procedures.request import Request
from seglam.procedures.revision import Revision
from seglam.procedures.text import Text


class Fitting:
    """Decides for many replies and requests; what it makes of a reply is kept, since misses come often."""

    def __init__(self) -> None:
        self._cores: dict[str, str] = {}
        self._indexes: dict[str, tuple[str, Index | None]] = {}
        self._states: dict[str, Sequence[State]] = {}
        self._frames: dict[str, tuple[object, ExtensionReply]] = {}

    def fit(
        self, name: str, reply: AuthorReply, base: str | None, subject: AuthorSubject, *, frame: bool = False
    ) -> AuthorReply | None:
        """The reply if it fits; an extension then names its base as it is named now.

        Args:
            name: stands for the reply in what is kept.
            reply: what the author wrote; a faulty document fits nothing.
            base: core digest of the code that an extension was made for.
            subject: the request that missed and the active revisions.
            frame: whether the patterns of an extension will get their frame.
        """
        request = subject.missed.request
        if reply.extend is not None:
            return self._extension(name, reply, reply.extend, base, subject, frame)
        if reply.not_compilable is not None:
            return reply if matches(self._refused(name, reply.not_compilable), request) else None
        assert reply.procedure is not None
        procedure = reply.procedure
        index = self._index(name, "", lambda: document_of(procedure))
        if index is None or not _hits(index, request):
            return None
        (own,) = index
        # If its code is active already, or was withdrawn, this reply is not what the request lacks.
        withdrawn = subject.missed.withdrawn
        useless = subject.known if withdrawn is None else (*subject.known, withdrawn)
        return None if self._core(own) in map(self._core, useless) else reply

    def _extension(
        self,
        name: str,
        reply: AuthorReply,
        extension: ExtensionReply,
        base: str | None,
        subject: AuthorSubject,
        frame: bool,
    ) -> AuthorReply | None:
        known = next((revision for revision in subject.known if self._core(revision) == base), None)
        request = subject.missed.request
        if known is None or request.text is None or not _may_matter(extension, request.text):
            return None
        added = self._framed(name, extension, known) if frame else extension
        index = self._index(name, known.digest, lambda: _own_part(known, added))
        if index is None or not _hits(index, request):
            return None
        return reply.model_copy(update={"extend": extension.model_copy(update={"procedure": known.name})})

    def _framed(self, name: str, extension: ExtensionReply, base: Revision) -> ExtensionReply:
        """The extension with its frames, which stay while the base's further patterns come."""
        key = (tuple(base.rules.items()), tuple(kind.key for kind in base.slots.values()), base.returns.key)
        kept = self._frames.get(name)
        if kept is None or kept[0] != key:
            kept = self._frames[name] = (key, framed(extension, base))
        return kept[1]

    def _refused(self, name: str, refusal: NotCompilableReply) -> Sequence[State]:
        if name not in self._states:
            parameters = [{"name": each.name, "type": each.type} for each in refusal.parameters]
            self._states[name] = compile_all(readable(refusal.patterns, parameters), parameters)
        return self._states[name]

    def _core(self, revision: Revision) -> str:
        if revision.digest not in self._cores:
            self._cores[revision.digest] = core_digest(revision.spec)
        return self._cores[revision.digest]

    def _index(self, name: str, base: str, document: Callable[[], ReasoningProcedure]) -> Index | None:
        """An index of one document; None if it is faulty. That of an extension is made anew when its base changes."""
        kept = self._indexes.get(name)
        if kept is None or kept[0] != base:
            index = Index(explains=False)
            try:
                index.add(Revision.of(document()))
                kept = (base, index)
            except ValueError:  # a reply that was recorded although its document is faulty
                kept = (base, None)
            self._indexes[name] = kept
        return kept[1]


def _may_matter(extension: ExtensionReply, text: str) -> bool:
    """Whether a request has some word of what the extension adds; a filter only, since adding costs time."""
    added = [pattern if isinstance(pattern, str) else pattern.text for pattern in extension.patterns]
    added += [rule.text for rule in extension.rules]
    for vocabulary in extension.vocabularies:
        added += [name for member in vocabulary.values for name in (member.value, *(member.names or ()))]
    return not set(Text(text).tokens).isdisjoint(token for each in added for token in Text(each).tokens)


def _own_part(known: Revision, extension: ExtensionReply) -> ReasoningProcedure:
    """The extended procedure without faulty patterns, with the new ones only where nothing else is new."""
    document, _ = without_faulty_patterns(extended(known, extension), known.spec)
    if extension.rules or extension.vocabularies:
        return document
    old = {pattern.text for pattern in known.spec.match.patterns or ()}
    return with_patterns(document, [p for p in document.spec.match.patterns or () if p.text not in old])


def _hits(index: Index, request: Request) -> bool:
    return isinstance(index.find(request), Hit)
