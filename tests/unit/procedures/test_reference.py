from __future__ import annotations

from pathlib import Path

from seglam.procedures.patterns import parse, shared_rules
from seglam.procedures.patterns.rules import rule_summaries
from seglam.procedures.reference import reference

PAGE = Path(__file__).parents[3] / "docs" / "reference.md"


def test_the_reference_page_is_what_the_models_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), (
        "run: python -m seglam.procedures.reference > docs/reference.md"
    )


def test_every_shared_rule_can_be_read_and_says_what_it_means() -> None:
    rules = shared_rules()
    assert rules.keys() == rule_summaries().keys()
    for text in rules.values():
        parse(text, rules)
