"""A blind verifier's verdicts on pairs of sentences, kept as data: `judgements/*.jsonl` beside this file.

Each line is {"left", "right", "verdict", "origin"}. A pair that nobody judged is `unsure`, as with any recording.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent / "judgements"
Pair = tuple[str, str]


@cache
def judgements() -> dict[Pair, str]:
    """All verdicts that are kept."""
    found: dict[Pair, str] = {}
    for path in sorted(HERE.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            each = json.loads(line)
            found[each["left"], each["right"]] = each["verdict"]
    return found


@dataclass(slots=True)
class KeptJudge:
    """Answers from what is kept, and remembers what is not."""

    known: dict[Pair, str] = field(default_factory=judgements)
    unknown: dict[Pair, None] = field(default_factory=dict)

    def __call__(self, pairs: Sequence[Pair]) -> list[str]:
        """A verdict for each pair."""
        self.unknown |= {pair: None for pair in pairs if pair not in self.known}
        return [self.known.get(pair, "unsure") for pair in pairs]
