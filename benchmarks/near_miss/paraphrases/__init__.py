"""Paraphrases that were written without sight of any pattern: JSON lines beside this file.

Each line is {"question", "text", "origin"}; `text` holds places for values in braces, `origin` says how it came to be.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Paraphrase:
    """One sentence for a question, with places for its values."""

    question: str
    text: str
    origin: str


@cache
def paraphrases() -> Sequence[Paraphrase]:
    """All of them, in the order of the files."""
    found = []
    for path in sorted(Path(__file__).parent.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            found.append(Paraphrase(**json.loads(line)))
    return tuple(found)
