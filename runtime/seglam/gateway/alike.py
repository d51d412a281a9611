"""Requests of one tenant that missed lately, so that one compilation learns from several people's words.

What is chosen here is shown to the author of a procedure, as a question; whether a pattern matches any of it is decided
by the pattern and the gates alone.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict

from seglam.compiler import Missed

KEPT = 256
SHOWN = 16
LONGEST = 600
"""Characters; longer texts hold data rather than words."""
LEAST = 0.3
"""Share of words in common from which a text is shown though another procedure is nearest to it."""

_Kind = tuple[str, bool]
"""A text, and whether inputs were attached to it."""
_Ranked = tuple[float, str, frozenset[str]]
"""How unlike a text is, the text, and who sent it."""


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

        The likest come first, but a wording that was shown already, with other values, only after all other wordings.
        """
        text = missed.request.text
        if text is None or missed.request.bound:
            return (), ()
        near, words, attached = _nearest(missed), _words(text), bool(missed.request.inputs)
        with self._lock:
            seen = list(self._seen.items())
        ranked = []
        for (other, theirs_attached), (senders, theirs, held) in seen:
            share = len(words & held) / max(len(words | held), 1)
            if (
                other != text
                and theirs_attached is attached
                and (share >= LEAST or (near is not None and near == theirs))
            ):
                ranked.append((-share, other, senders))
        chosen = _each_wording_first(sorted(ranked, key=lambda each: each[:2]), text)[:SHOWN]
        return tuple(other for _, other, _ in chosen), tuple(sorted(frozenset().union(*(each[2] for each in chosen))))

    def forget(self, text: str | None) -> None:
        """A request that hits by now."""
        with self._lock:
            for attached in (False, True):
                self._seen.pop((text or "", attached), None)


def _nearest(missed: Missed) -> str | None:
    return missed.miss.near[0].revision.name if missed.miss.near else None


def _each_wording_first(ranked: list[_Ranked], text: str) -> list[_Ranked]:
    """The first of each wording in the order that they have, then the second of each, and so on."""
    seen = Counter([_wording(text)])
    turns = list[tuple[int, _Ranked]]()
    for each in ranked:
        wording = _wording(each[1])
        turns.append((seen[wording], each))
        seen[wording] += 1
    return [each for _, each in sorted(turns, key=lambda turn: turn[0])]


def _wording(text: str) -> str:
    """A text's first line without what is likely a value: words with capitals in them, save the first, and digits."""
    first, *others = text.split("\n", 1)[0].split() or [""]
    return " ".join([first.lower(), *(word for word in others if word.islower())])


def _words(text: str) -> frozenset[str]:
    return frozenset(word.lower() for word in text.split())
