"""Taking parts out of a pattern: surgery on its text, so that everything else stays as its author wrote it.

A cut takes one alternative of one choice: a branch, or leaving the choice out. What remains describes exactly the
sentences of the pattern that took none of the alternatives cut. Choices are found by their spans, so all cuts of one
call must come from one reading of the very text that is given.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from seglam.procedures.patterns.grammar import Choice, Node, Sequence

_CLOSING = {"(": ")", "[": "]", "{": "}", "<": ">"}


@dataclass(frozen=True, slots=True)
class Cut:
    """One alternative of a choice: the index of a branch, or None for leaving the choice out."""

    choice: Choice
    branch: int | None


def alternatives_of(text: str) -> tuple[str, ...]:
    """The alternatives that a rule's text has at its top, also where one group holds all of it; the text itself where
    its brackets do not fit together.
    """
    try:
        if text.startswith("(") and _end(text, 0) == len(text):
            text = text[1:-1]
        return tuple(text[start:end].strip() for start, end in _pieces(text, 0, len(text)))
    except (IndexError, KeyError, ValueError):
        return (text,)


def without_branch(pattern: str, choice: Choice, branch_index: int) -> str | None:
    """The pattern without one branch of a choice; None if no sentence remains."""
    return cut(pattern, [Cut(choice, branch_index)])


def require(pattern: str, choice: Choice) -> str:
    """The pattern with an optional part made mandatory."""
    left = cut(pattern, [Cut(choice, None)])
    assert left is not None, "a choice has at least one branch"
    return left


def drop(pattern: str, choice: Choice) -> str | None:
    """The pattern without an optional part. A choice that is not optional takes with it what cannot be said without
    it; None if no sentence remains.
    """
    return cut(pattern, [Cut(choice, branch) for branch in range(len(choice.branches))])


def keep_only(pattern: str, choice: Choice, branch_index: int) -> str:
    """The pattern with one branch of a choice and no other alternative."""
    others: list[int | None] = [branch for branch in range(len(choice.branches)) if branch != branch_index]
    left = cut(pattern, [Cut(choice, branch) for branch in [*others, None]])
    assert left is not None, "one branch is left"
    return left


def cut(pattern: str, cuts: Iterable[Cut]) -> str | None:
    """The pattern without some alternatives; None if no sentence remains.

    Raises:
        ValueError: if a choice lies inside a rule, which can only be cut as a whole, or is none of this pattern.
    """
    by_span: dict[tuple[int, int], tuple[Choice, set[int | None]]] = {}
    for one in cuts:
        if one.choice.span is None:
            raise ValueError("a choice inside a rule cannot be cut; cut the rule where the pattern names it")
        by_span.setdefault(one.choice.span, (one.choice, set()))[1].add(one.branch)
    surgery = _Surgery(pattern, by_span)
    left = surgery.run()
    if surgery.cuts:
        raise ValueError(f"there is no choice at {min(surgery.cuts)} of {pattern!r}")
    if left is None:
        return None
    # Space that stood around what is gone.
    return "".join(_single_spaces(left)).strip() if left != pattern else left


class _Surgery:
    def __init__(self, pattern: str, cuts: dict[tuple[int, int], tuple[Choice, set[int | None]]]) -> None:
        self.pattern = pattern
        self.cuts = cuts

    def run(self) -> str | None:
        # A group that is the whole pattern has the same span as the pattern's own alternatives.
        length = len(self.pattern)
        pieces = list(_pieces(self.pattern, 0, length))
        if len(pieces) == 1:
            return self._sequence(0, length)
        _, gone = self.cuts.pop((0, length), (None, set()))
        kept = self._alternatives(pieces, gone)
        return "|".join(kept) if kept else None

    def _sequence(self, at: int, end: int) -> str | None:
        """What is left of the text from `at` up to `end`, which holds no alternatives of its own."""
        parts: list[str | None] = []
        while at < end:
            word = next((span for span in self.cuts if span[0] == at and _is_word(self.pattern, span)), None)
            if word is not None:
                parts.append(_word(*self.cuts.pop(word)))
                at = word[1]
                continue
            after = _end(self.pattern, at)
            if self.pattern[at] in "([":
                parts.append(self._group(at, after))
            else:
                rule = self.cuts.pop((at, after), None) if self.pattern[at] == "<" else None
                parts.append(None if rule and 0 in rule[1] else self.pattern[at:after])
            at = after
        kept = [part for part in parts if part is not None]
        return "".join(kept) if len(kept) == len(parts) else None

    def _group(self, start: int, end: int) -> str | None:
        _, gone = self.cuts.pop((start, end), (None, set()))
        pieces = list(_pieces(self.pattern, start + 1, end - 1))
        written = [piece for piece in pieces if not self._blank(*piece)]
        left = self._alternatives(pieces, gone)
        kept = [text for text in left if text.strip()]
        # An alternative of which only optional parts were cut may now be empty.
        optional = (self.pattern[start] == "[" or len(written) < len(pieces)) and None not in gone
        optional = optional or len(kept) < len(left)
        return _group(kept, optional, bare=bool(gone) or len(kept) < len(written))

    def _alternatives(self, pieces: list[tuple[int, int]], gone: set[int | None]) -> list[str]:
        """What is left of each alternative that is written and not cut."""
        written = [piece for piece in pieces if not self._blank(*piece)]
        left = [self._sequence(*piece) for piece in written]  # also those that go, to be done with cuts inside them
        return [text for number, text in enumerate(left) if text is not None and number not in gone]

    def _blank(self, at: int, end: int) -> bool:
        """Whether an alternative is empty, which makes its group optional."""
        while at < end:
            after = _end(self.pattern, at)
            if not self.pattern[after - 1].isspace():
                return False
            at = after
        return True


def _group(kept: list[str], optional: bool, bare: bool) -> str | None:
    """A group of what is kept; without brackets, if `bare`, where it needs none."""
    if not kept:
        return "" if optional else None
    if optional:
        return "[" + "|".join(kept) + "]"
    return kept[0] if bare and len(kept) == 1 else "(" + "|".join(kept) + ")"


def _word(choice: Choice, gone: set[int | None]) -> str | None:
    """What is left of a word and the groups that touch it: its whole forms."""
    kept = [branch.source for number, branch in enumerate(choice.branches) if number not in gone]
    return _group(kept, choice.optional and None not in gone, bare=True)


def _end(pattern: str, at: int) -> int:
    """Where the character, escape, slot, rule or group at `at` ends."""
    opening = pattern[at]
    if opening == "\\":
        return at + 2
    if opening in "{<":
        return pattern.index(_CLOSING[opening], at) + 1
    if opening not in "([":
        return at + 1
    at += 1
    while pattern[at] != _CLOSING[opening]:
        at = _end(pattern, at)
    return at + 1


def _is_word(pattern: str, span: tuple[int, int]) -> bool:
    """Whether a span is a word with the groups that touch it, rather than one group or rule."""
    start, end = span
    if pattern[start] in "([<" and _end(pattern, start) == end:
        return False
    return any(char in "([" for char in pattern[start:end])


def _pieces(pattern: str, at: int, end: int) -> Iterator[tuple[int, int]]:
    """The alternatives written between `at` and `end`."""
    begin = at
    while at < end:
        if pattern[at] == "|":
            yield begin, at
            begin = at + 1
        at = _end(pattern, at)
    yield begin, end


def _single_spaces(pattern: str) -> Iterator[str]:
    """The pattern's characters, each run of white space that is not escaped made one space."""
    at, spaced = 0, False
    while at < len(pattern):
        after = at + 2 if pattern[at] == "\\" else at + 1
        if not pattern[at].isspace():
            yield pattern[at:after]
        elif not spaced:
            yield " "
        spaced = pattern[at].isspace()
        at = after


def written_out(pattern: str, tree: Node, path: Mapping[Choice, int | None], rules: Mapping[str, str]) -> str | None:
    """The pattern with the text of each rule that a way takes in place of the rule's name, so that parts of it can be
    cut; None if the way takes none.

    Args:
        pattern: its text.
        tree: what was read from that text.
        path: the way, as `path_of` tells it.
        rules: texts of the rules that may be written out, by name.
    """
    taken = sorted(
        (choice.span, rules[choice.rule])
        for choice in choices_of(tree)
        if choice.span is not None and choice.rule is not None and choice.rule in rules and choice in path
    )
    text = pattern
    for (start, end), rule in reversed(taken):
        before, after = (" " if text[at : at + 1].isalnum() else "" for at in (start - 1, end))
        text = f"{text[:start]}{before}({rule}){after}{text[end:]}"
    return " ".join(text.split()) if taken else None


def choices_of(node: Node) -> Iterator[Choice]:
    """Choices that a pattern itself writes, rules that it names among them; none within these."""
    match node:
        case Sequence(items):
            for item in items:
                yield from choices_of(item)
        case Choice(branches, _, span, rule) if span is not None:
            yield node
            for branch in branches if rule is None else ():
                yield from choices_of(branch.node)
