"""A pattern without the alternatives between which a near miss of its own sentence lies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from seglam.compiler.gates.alternatives import way_through
from seglam.procedures.patterns import Choice, slots_of
from seglam.procedures.patterns.rewrite import Cut, cut
from seglam.procedures.request import Request
from seglam.procedures.revision import Revision

MAX_NARROWED = 24
"""Pairs of alternatives that are taken from one pattern, and rules that are written out for them, before it goes as a
whole."""

Path = Mapping[Choice, int | None]


def narrower(
    revision: Revision, pattern: str, own: Sequence[tuple[str, str]], foreign: Sequence[tuple[str, str]]
) -> str | None:
    """The pattern without what explains near misses; None if it has to go as a whole.

    Which of two words means the wrong thing is not known here, so both go, and the pattern stays with what else may
    stand there. It goes where nothing else may, where one of the two is a word left out, and where a near miss is
    explained by two patterns together.

    Args:
        revision: whose rules and slots the pattern has.
        pattern: its text.
        own: its sentences, each with a near miss of it that matches.
        foreign: sentences of other patterns, each with a near miss of it.
    """
    if any(_path(revision, pattern, near) is None for _, near in own):
        return None
    text: str | None = pattern
    for _ in range(MAX_NARROWED):
        if text is None:
            return None
        wide = next((pair for pair in (*own, *foreign) if _path(revision, text, pair[1]) is not None), None)
        if wide is None:
            return text
        text = _step(revision, text, *wide)
    return None


def _step(revision: Revision, text: str, sentence: str, near: str) -> str | None:
    """The pattern without two alternatives, one of the sentence and one of its near miss; or with the rules written out
    within which they part."""
    tree = revision.patterns.read(text).tree
    taken, own = _path(revision, text, near), _path(revision, text, sentence)
    assert taken is not None
    if own is None:
        return None
    for one, other in _apart(taken, own):
        left = cut(text, [one, other])
        if left is None or set(slots_of(revision.patterns.read(left).tree)) != set(slots_of(tree)):
            continue
        if _path(revision, left, near) is None and _path(revision, left, sentence) is None:
            return left
    return revision.patterns.opened(text, taken)


def _apart(taken: Path, own: Path) -> Iterator[tuple[Cut, Cut]]:
    """Alternatives outside of rules where two ways part, both with words."""
    for choice, branch in taken.items():
        if choice.span is not None and choice.rule is None and choice in own:
            other = own[choice]
            if branch is not None and other is not None and other != branch:
                yield Cut(choice, branch), Cut(choice, other)


def _path(revision: Revision, pattern: str, text: str) -> Path | None:
    """The way of a text through a pattern, None if there is none."""
    taken = way_through(revision, pattern, Request(text=text))
    return taken.path if taken is not None else None
