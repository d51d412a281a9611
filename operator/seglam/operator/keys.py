"""What is reconciled, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Key(NamedTuple):
    """One thing to reconcile. `kind` names the controller; `namespace` is empty for what stands in none."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Result:
    """What a reconcile that did not fail asks for: to be called again after so many seconds, or only at a change."""

    requeue_after: float | None = None


DONE = Result()
