"""An answer that code gave, as both APIs need it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from seglam.gateway.outcomes import Answer

SHOWN_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer of a procedure.

    Attributes:
        id: of the answer, by which it can be traced.
        text: the answer.
        created: seconds since 1970.
    """

    id: str
    text: str
    procedure: str
    revision: str
    created: int

    @classmethod
    def of(cls, answer: Answer, created: int) -> Self:
        """From a hit."""
        assert answer.answer is not None
        assert answer.procedure is not None
        assert answer.revision is not None
        return cls(answer.id, answer.answer, answer.procedure, answer.revision, created)

    @property
    def model(self) -> str:
        """What answered in the place of a model: procedure and revision, which logs and traces of clients then show."""
        return f"seglam/{self.procedure}@{self.revision.removeprefix('sha256:')[:SHOWN_DIGITS]}"
