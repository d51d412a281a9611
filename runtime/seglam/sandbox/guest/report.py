"""Where static rules leave what they find."""

from __future__ import annotations

import ast
from typing import Any


class Report:
    """Findings in the order of their lines, each once."""

    def __init__(self) -> None:
        self._found: set[tuple[int, str, str]] = set()

    def add(self, rule: str, message: str, node: ast.AST | None) -> None:
        """Object to a node (None: to the code as a whole)."""
        self._found.add((getattr(node, "lineno", 1), rule, message))

    def sorted(self) -> list[dict[str, Any]]:
        """As `{rule, message, line}`."""
        return [{"rule": rule, "message": message, "line": line} for line, rule, message in sorted(self._found)]
