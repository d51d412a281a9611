"""Shared, reviewed rules: parts of sentences that many procedures need and that mean the same in all of them.

A document that names a shared rule carries a copy of its text, so that its digest fixes what it matches.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

import yaml

from seglam.procedures.patterns.grammar import Branch, Choice, parse


@cache
def _entries() -> tuple[dict[str, str], ...]:
    source = resources.files(__package__).joinpath("rules.yaml").read_text(encoding="utf-8")
    return tuple(
        {key: " ".join(value.split()) for key, value in entry.items()} for entry in yaml.safe_load(source)["rules"]
    )


def shared_rules() -> dict[str, str]:
    """Texts of the shared rules, by name."""
    return {entry["name"]: entry["text"] for entry in _entries()}


def rule_summaries() -> dict[str, str]:
    """What each shared rule says about an answer, by the rule's name."""
    return {entry["name"]: entry["summary"] for entry in _entries()}


def is_shared(choice: Choice) -> bool:
    """Whether a choice is a rule that stands for exactly what the shared rule of that name does."""
    return choice.rule in shared_rules() and choice.branches == _shared_branches(choice.rule)


@cache
def _shared_branches(rule: str) -> tuple[Branch, ...]:
    tree = parse(f"<{rule}>", shared_rules())
    assert isinstance(tree, Choice)
    return tree.branches
