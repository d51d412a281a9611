"""What a request got."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from seglam.lookup import Hit
from seglam.procedures.request import EMPTY


class Outcome(StrEnum):
    """What became of a request.

    A request whose own compilation it waited for is still a `miss`, with the answer of the code that was approved
    meanwhile; `provisional` is the same with code that waits for review.
    """

    HIT = "hit"
    MISS = "miss"
    PROVISIONAL = "provisional"
    ERROR = "error"


class Stage(StrEnum):
    """Where the outcome was decided."""

    LOOKUP = "lookup"
    RUN = "run"
    COMPILATION = "compilation"


class Reason(StrEnum):
    """Why a request was not answered by a hit, besides the reasons of `seglam.lookup.MissReason` and of compilations.

    `guard` is both: a value that a parameter's bounds refuse, and a procedure that refuses. `unavailable` says that
    nothing could run a hit; the type is known, so it is not compiled again.
    """

    GUARD = "guard"
    POST_CONDITION = "post-condition"
    LIMIT = "limit"
    FAULT = "fault"
    UNAVAILABLE = "unavailable"
    NOT_COMPILABLE = "not-compilable"
    NO_COMPLETION = "no-completion"
    BUDGET = "budget"
    BUSY = "busy"
    COLD = "cold"
    BAD_REQUEST = "bad-request"


class Timings(NamedTuple):
    """Microseconds: of the decision, and of the call in the sandbox (0 where nothing ran)."""

    lookup_us: float = 0.0
    run_us: float = 0.0


_NOTHING_RAN = Timings()


class Answer(NamedTuple):
    """What `POST /v1/requests` returns.

    Attributes:
        id: of the request.
        reason: why it is no hit; None for a hit.
        arguments: canonical texts by name.
        explained: the explanation, or the hit that makes it when somebody asks.
        near: name of the procedure that a miss which ran nothing comes nearest to.
        compilation: id of the compilation that was started or joined.
        started: whether this request caused that compilation.
        trace: W3C `traceparent` of the request's span; None if it is not recorded.
    """

    id: str
    outcome: Outcome
    stage: Stage
    reason: str | None = None
    answer: str | None = None
    procedure: str | None = None
    revision: str | None = None
    arguments: Mapping[str, str] = EMPTY
    explained: Hit | str = ""
    timings: Timings = _NOTHING_RAN
    near: str | None = None
    compilation: str | None = None
    started: bool = False
    trace: str | None = None

    @property
    def explanation(self) -> str:
        """Why the outcome is what it is, for a person."""
        return self.explained if isinstance(self.explained, str) else self.explained.explanation

    def as_json(self) -> dict[str, Any]:
        """The answer as it is sent."""
        return {
            "id": self.id,
            "outcome": self.outcome,
            "reason": self.reason,
            "answer": self.answer,
            "procedure": self.procedure,
            "revision": self.revision,
            "arguments": dict(self.arguments),
            "explanation": self.explanation,
            "stage": self.stage,
            "timings": {
                "lookup_us": round(self.timings.lookup_us, 1),
                "run_us": round(self.timings.run_us, 1),
            },
            "compilation": self.compilation,
        }
