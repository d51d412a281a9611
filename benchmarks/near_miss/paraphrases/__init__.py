"""Paraphrases that were written without sight of any pattern: JSON lines beside this file.

Each line is {"question", "text", "origin"}; `text` holds places for values in braces, `origin` says how it came to be.
The parts `learned` to `learned6` are what the procedures' alias rounds were about. `unseen` was written by two other
minds during the seventh and played no part in any. No sentence of a part is in an earlier one, marks and case aside.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Paraphrase:
    """One sentence for a question, with places for its values; `part` is the file's stem."""

    question: str
    text: str
    origin: str
    part: str


@cache
def paraphrases() -> Sequence[Paraphrase]:
    """All of them, in the order of the files; one that two files have is the first one's."""
    found: dict[tuple[str, str], Paraphrase] = {}
    for path in sorted(Path(__file__).parent.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            each = Paraphrase(**json.loads(line), part=path.stem)
            found.setdefault((each.question, each.text), each)
    return tuple(found.values())
