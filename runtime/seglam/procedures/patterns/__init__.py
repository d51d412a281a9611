"""The pattern language: notation, shared rules and automata."""

from seglam.procedures.patterns.automaton import FINAL_MARKS, State, compile_pattern, states_of
from seglam.procedures.patterns.compiled import Compiled, Patterns, patterns_of
from seglam.procedures.patterns.grammar import (
    Branch,
    Choice,
    Node,
    PatternError,
    Sequence,
    Slot,
    Words,
    escape,
    parse,
    slots_of,
)
from seglam.procedures.patterns.rules import shared_rules

__all__ = [
    "FINAL_MARKS",
    "Branch",
    "Choice",
    "Compiled",
    "Node",
    "PatternError",
    "Patterns",
    "Sequence",
    "Slot",
    "State",
    "Words",
    "compile_pattern",
    "escape",
    "parse",
    "patterns_of",
    "shared_rules",
    "slots_of",
    "states_of",
]
