"""Which known procedures a miss may be another wording of: those that it is worth to ask the smallest question about.

Nothing here decides a hit. The model says whether a procedure computes what was asked and writes the patterns, and
these go through the gates like any extension.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import islice

from seglam.compiler.results import Missed
from seglam.lookup import MissReason
from seglam.lookup.trie import readings_at
from seglam.procedures.revision import Revision
from seglam.procedures.text import Text

ASKED_ABOUT = 4
"""Procedures in one question."""

OPERATIONS = frozenset("+*/×÷=")
"""Signs that may be all that says what is to be done; a minus is no such sign, since dates and names have it."""
ANY_WORD = "zzholezz"
"""Whatever reads this reads any word, so that a reading says nothing."""


def candidates(missed: Missed, known: Sequence[Revision]) -> tuple[Revision, ...]:
    """Procedures whose values can be read somewhere in a request's text, all but one at most, and that take what came.

    Where no value tells them apart, since they have none or one that any word may be, they must have half of the
    text's words. Those that share the rarest words with the text, in their summary or patterns, come first. A request
    that misses for a value, an ambiguity or a guard lacks no wording, and one in a context that binds is of another
    type.
    """
    request = missed.request
    if request.text is None or request.bound or missed.miss.reason is not MissReason.UNKNOWN:
        return ()
    text = Text(request.text, request.region)
    asked = _words(text.tokens)
    shared = {each.digest: _own_words(each) & asked for each in known}
    having = Counter(word for words in shared.values() for word in words)
    rank = {digest: sum(1 / having[word] for word in words) for digest, words in shared.items()}
    likely = sorted((each for each in known if rank[each.digest]), key=lambda each: (-rank[each.digest], each.name))
    most = {each.digest for each in likely if 2 * len(shared[each.digest]) >= len(asked)}
    found = (e for e in likely if (e.digest in most or _tells(e)) and _could_be(e, text, bool(request.inputs)))
    return tuple(islice(found, ASKED_ABOUT))


def _tells(revision: Revision) -> bool:
    """Whether some value in the text is of a type that not just any word is."""
    kinds = [revision.types[each.name] for each in revision.spec.parameters or () if each.in_patterns]
    return any(not kind.readings(ANY_WORD) for kind in kinds)


def _could_be(revision: Revision, text: Text, with_inputs: bool) -> bool:
    parameters = revision.spec.parameters or ()
    if not revision.spec.match.patterns or with_inputs != any(each.origin == "input" for each in parameters):
        return False
    wanted = [revision.types[each.name] for each in parameters if each.in_patterns]
    unread = sum(not any(readings_at(text, kind, at) for at in range(len(text))) for kind in wanted)
    return unread == 0 or (unread == 1 and len(wanted) > 1)  # a value may be part of a word: "Fridays"


def _own_words(revision: Revision) -> frozenset[str]:
    return _words_of(revision.spec.summary, *(pattern.text for pattern in revision.spec.match.patterns or ()))


@lru_cache(maxsize=10_000)
def _words_of(*texts: str) -> frozenset[str]:
    """Kept, since every miss asks for the words of all procedures."""
    return _words(token for each in texts for token in Text(each).tokens)


def _words(tokens: Iterable[str]) -> frozenset[str]:
    """Words long enough to be about something, and the signs of operations."""
    return frozenset(token for token in tokens if token in OPERATIONS or (len(token) > 2 and token.isalpha()))
