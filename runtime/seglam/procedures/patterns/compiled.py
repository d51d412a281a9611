"""Patterns ready for lookup, kept for a while.

A document's patterns share their rules and much of their wording, and each is asked for several times: when the
document is validated, when it is compared with others, and when it becomes active. So those with the same rules and the
same slots are compiled by one compiler.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock
from typing import NamedTuple

from seglam.procedures.patterns.automaton import Compiler, State
from seglam.procedures.patterns.grammar import Choice, Node, PatternError, parse
from seglam.procedures.patterns.rewrite import written_out
from seglam.procedures.patterns.rules import shared_rules
from seglam.procedures.values import ValueType

KEPT = 4
"""Sets of patterns that are kept."""
MAX_LENGTH = 4096
"""Characters of a pattern's text, as documents have it."""
MAX_KEPT_STATES = 50_000
"""States of one set, past which it begins anew: some tens of MiB."""


class Compiled(NamedTuple):
    """A pattern's tree and its automaton's first state."""

    tree: Node
    start: State


class Patterns:
    """Patterns that may name the same rules and have slots for the same parameters. Threads may share it."""

    def __init__(self, rules: Mapping[str, str], slots: Mapping[str, ValueType]) -> None:
        self._rules = dict(rules)
        self._slots = dict(slots)
        self._lock = Lock()
        self._begin()

    def _begin(self) -> None:
        self._compiler = Compiler(self._slots)
        self._known: dict[str, Compiled] = {}

    def read(self, text: str) -> Compiled:
        """A pattern's tree and automaton. `PatternError` if it cannot be read or compiled."""
        with self._lock:
            known = self._known.get(text)
            if known is None:
                if len(self._compiler) > MAX_KEPT_STATES:
                    self._begin()
                tree = parse(text, self._rules)
                known = self._known[text] = Compiled(tree, self._compiler.compile(tree))
            return known

    def opened(self, text: str, path: Mapping[Choice, int | None]) -> str | None:
        """A pattern with the rules written out that a way through it takes; None if it takes none, or if that would be
        past a bound of patterns. Shared rules stay, since they stand around every pattern.
        """
        own = {name: rule for name, rule in self._rules.items() if name not in shared_rules()}
        opened = written_out(text, self.read(text).tree, path, own)
        if opened is None or len(opened) > MAX_LENGTH:
            return None
        try:
            self.read(opened)
        except PatternError:
            return None
        return opened


_Key = tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]
_KEPT: OrderedDict[_Key, Patterns] = OrderedDict()
_LOCK = Lock()


def patterns_of(rules: Mapping[str, str], slots: Mapping[str, ValueType], *, anew: bool = False) -> Patterns:
    """Patterns with these rules and slots; types of one key read and mean the same.

    Args:
        rules: texts of the rules, by name.
        slots: value types of the parameters that a pattern may have slots for, by name.
        anew: start empty, so that what is refused does not depend on what was read before.
    """
    key = (tuple(rules.items()), tuple((name, kind.key) for name, kind in slots.items()))
    with _LOCK:
        known = None if anew else _KEPT.get(key)
        if known is None:
            known = _KEPT[key] = Patterns(rules, slots)
        _KEPT.move_to_end(key)
        if len(_KEPT) > KEPT:
            _KEPT.popitem(last=False)
        return known
