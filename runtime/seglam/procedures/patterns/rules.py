"""Shared, reviewed rules: parts of sentences that many procedures need and that mean the same in all of them.

A document that names a shared rule carries a copy of its text, so that its digest fixes what it matches.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

import yaml


@cache
def shared_rules() -> dict[str, str]:
    """Texts of the shared rules, by name."""
    source = resources.files(__package__).joinpath("rules.yaml").read_text(encoding="utf-8")
    return {entry["name"]: " ".join(entry["text"].split()) for entry in yaml.safe_load(source)["rules"]}
