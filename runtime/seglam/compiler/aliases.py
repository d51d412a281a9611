"""Which known procedures a miss may be another wording of: those that it is worth to ask the smallest question about.

Nothing here decides a hit. The model says whether a procedure computes what was asked and writes the patterns, and
these go through the gates like any extension.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from seglam.compiler.results import Missed
from seglam.lookup import MissReason
from seglam.lookup.trie import readings_at
from seglam.procedures.revision import Revision
from seglam.procedures.text import Text

ASKED_ABOUT = 3
"""Procedures in one question."""


def candidates(missed: Missed, known: Sequence[Revision]) -> tuple[Revision, ...]:
    """Procedures all of whose values can be read somewhere in a request's text, and that take what came with it.

    Those that the lookup found near come first, then those that share the most words with the text, in their summary or
    patterns. A request that misses for a value, an ambiguity or a guard lacks no wording, and one in a context that
    binds is of another type.
    """
    request = missed.request
    if request.text is None or request.bound or missed.miss.reason is not MissReason.UNKNOWN:
        return ()
    text = Text(request.text, request.region)
    near = {each.revision.digest: each.revision for each in missed.miss.near}
    shared = {each.digest: len(_words(text.tokens) & _own_words(each)) for each in known if each.digest not in near}
    others = sorted((each for each in known if shared.get(each.digest)), key=lambda each: -shared[each.digest])
    found = (each for each in (*near.values(), *others) if _could_be(each, text, bool(request.inputs)))
    return tuple(each for each, _ in zip(found, range(ASKED_ABOUT), strict=False))


def _could_be(revision: Revision, text: Text, with_inputs: bool) -> bool:
    parameters = revision.spec.parameters or ()
    if not revision.spec.match.patterns or with_inputs != any(each.origin == "input" for each in parameters):
        return False
    wanted = [revision.types[each.name] for each in parameters if each.in_patterns]
    return all(any(readings_at(text, kind, at) for at in range(len(text))) for kind in wanted)


def _own_words(revision: Revision) -> set[str]:
    patterns = (pattern.text for pattern in revision.spec.match.patterns or ())
    return _words(token for each in (revision.spec.summary, *patterns) for token in Text(each).tokens)


def _words(tokens: Iterable[str]) -> set[str]:
    """Words long enough to be about something."""
    return {token for token in tokens if len(token) > 2 and token.isalpha()}
