"""Whether an answer to a line is right.

Each family has one rule. Where an answer has one canonical text, only that text is right. The other rules forgive style
and nothing else: they are as strict as the scorers of reasoning-gym about values, and stricter where those are lax (its
number_sorting accepts every number within 1 of the right one). The rules are those of `seglam replay`.
"""

from __future__ import annotations

from examples.streams.lines import Line
from seglam.cli.compare import RULES, Unreadable, right

__all__ = ["COMPARE", "RULES", "Unreadable", "score"]

COMPARE = {
    "fraction_simplification": "fraction",
    "number_sorting": "numbers",
    "complex_arithmetic": "complex",
    "capital": "name",
    "multiplication": "number",
    "csv_to_json": "json",
    "pivot_table": "csv",
}
"""The rule of each family that is not judged by `text`, the exact text."""


def score(line: Line, answer: object) -> bool:
    """Whether `answer` is right for `line`; no answer is right for a line that must miss.

    An answer is a text, or a JSON value (a list of numbers, a list of objects, a boolean), which stands for its text.
    """
    return right(answer, line["expected"], line["compare"], line.get("accept", []))
