"""Requests of one tenant that missed lately, so that one compilation learns from several people's words.

What is chosen here is shown to the author of a procedure, as a question; whether a pattern matches any of it is decided
by the pattern and the gates alone.
"""

from __future__ import annotations

import re
import threading
from collections import Counter, OrderedDict
from dataclasses import dataclass

from seglam.compiler import Missed

KEPT = 256
SHOWN = 16
LONGEST = 600
"""Characters; longer texts hold data rather than words."""
LEAST = 0.25
"""Share of words in common from which a text is shown though another procedure is nearest to it."""

_Kind = tuple[str, bool]
"""A text, and whether inputs were attached to it."""


@dataclass(frozen=True, slots=True)
class _Other:
    """A text like that of a miss, who sent it, its words, and their share that is the miss's too."""

    text: str
    senders: frozenset[str]
    words: frozenset[str]
    share: float


class Recent:
    """The last misses of a tenant, in memory alone: texts, who sent them, and the procedure nearest to them."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._seen: OrderedDict[_Kind, tuple[frozenset[str], str | None, frozenset[str]]] = OrderedDict()
        self._lock = threading.Lock()

    def note(self, missed: Missed, requester: str) -> None:
        """Remember a miss. Requests in a context that binds, such as a system prompt, are another type and left out.

        Of a request with attached inputs the text is kept, never what was attached.
        """
        text = missed.request.text
        if text is None or len(text) > LONGEST or missed.request.bound:
            return
        kind = (text, bool(missed.request.inputs))
        with self._lock:
            senders = self._seen[kind][0] if kind in self._seen else frozenset()
            self._seen[kind] = (senders | {requester}, _nearest(missed), _words(text))
            self._seen.move_to_end(kind)
            while len(self._seen) > self._kept:
                self._seen.popitem(last=False)

    def like(self, missed: Missed) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Texts like that of a miss, and who sent them: with inputs if it has some, else without.

        The likest comes first, then what is like the request and unlike those before it; see `_varied`.
        """
        text = missed.request.text
        if text is None or missed.request.bound:
            return (), ()
        near, words, attached = _nearest(missed), _words(text), bool(missed.request.inputs)
        with self._lock:
            seen = list(self._seen.items())
        found = [
            _Other(other, senders, held, share)
            for (other, theirs_attached), (senders, theirs, held) in seen
            if other != text and theirs_attached is attached
            if (share := _share(words, held)) >= LEAST or (near is not None and near == theirs)
        ]
        chosen = _varied(found, text)
        return tuple(each.text for each in chosen), tuple(sorted(frozenset().union(*(e.senders for e in chosen))))

    def forget(self, text: str | None) -> None:
        """A request that hits by now."""
        with self._lock:
            for attached in (False, True):
                self._seen.pop((text or "", attached), None)


def _nearest(missed: Missed) -> str | None:
    return missed.miss.near[0].revision.name if missed.miss.near else None


def _varied(found: list[_Other], text: str) -> list[_Other]:
    """A few that are like the request and unlike each other, a wording once before any comes again."""
    shown = Counter([_wording(text)])
    nearest = dict.fromkeys(found, 0.0)  # the share of words with what was chosen, the greatest
    chosen: list[_Other] = []
    while nearest and len(chosen) < SHOWN:
        best = min(nearest, key=lambda each: (shown[_wording(each.text)], nearest[each] - each.share, each.text))
        chosen.append(best)
        shown[_wording(best.text)] += 1
        nearest = {each: max(s, _share(each.words, best.words)) for each, s in nearest.items() if each != best}
    return chosen


def _wording(text: str) -> str:
    """A text's first line without what is likely a value: words with capitals in them, save the first, and digits."""
    first, *others = text.split("\n", 1)[0].split() or [""]
    return " ".join([first.lower(), *(word for word in others if word.islower())])


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text.lower()))


def _share(left: frozenset[str], right: frozenset[str]) -> float:
    return len(left & right) / max(len(left | right), 1)
