"""One decision on one request of a log, as `seglam replay` writes it and as the report counts it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from seglam.cli.compare import right
from seglam.cli.loglines import LogLine
from seglam.cli.report import NO_CALLS, Calls, Record, judge


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of a request.

    Attributes:
        outcome: `hit`; or `miss`, `provisional` or `error`, which count as misses.
        reason: why it is no hit.
        procedure, revision: name and digest of what answered, or of what a miss was bound to.
        arguments: canonical texts by name.
        answer: canonical text; a miss has one where its own compilation was approved meanwhile.
        stage: where the outcome was decided: lookup, run or compilation.
        lookup_us, run_us: microseconds; `run_us` is 0 where nothing ran.
        calls: model calls that the request caused.
    """

    outcome: str
    lookup_us: float
    run_us: float = 0.0
    reason: str | None = None
    procedure: str | None = None
    revision: str | None = None
    arguments: Mapping[str, str] | None = None
    answer: str | None = None
    stage: str | None = None
    calls: Calls = NO_CALLS

    @property
    def hit(self) -> bool:
        """Whether code that was there answered it."""
        return self.outcome == "hit"

    def line(self, identity: str | int) -> dict[str, object]:
        """The line that replay writes. `model_calls` counts author and repair; the verifier's are in the summary."""
        content: dict[str, object | None] = {
            "id": identity,
            "outcome": self.outcome,
            "reason": self.reason,
            "procedure": self.procedure,
            "revision": self.revision,
            "arguments": None if self.arguments is None else dict(self.arguments),
            "answer": self.answer,
            "stage": self.stage,
            "lookup_us": round(self.lookup_us, 1),
            "run_us": round(self.run_us, 1),
            "model_calls": self.calls.compiling,
        }
        return {key: value for key, value in content.items() if value is not None}

    def record(self, line: LogLine) -> Record:
        """What the report keeps of it, with the verdict on the answer."""

        def is_right() -> bool:
            return right(self.answer, line.expected, line.compare, line.accept)

        return Record(
            family=line.family,
            hit=self.hit,
            reason=self.reason,
            verdict=judge(self.hit, line.must_miss, line.expected is not None, is_right),
            lookup_us=self.lookup_us,
            run_us=self.run_us,
            calls=self.calls,
            must_miss=line.must_miss,
            noted=line.defect,
        )


def wrong_answer(line: LogLine, decision: Decision) -> dict[str, object]:
    """A wrong answer for the summary: where it is and what was to be."""
    return {
        "line": line.number,
        "id": line.id,
        "procedure": decision.procedure,
        "revision": decision.revision,
        "arguments": dict(decision.arguments or {}),
        "answer": decision.answer,
        "expected": None if line.must_miss else line.expected,
        "must_miss": line.must_miss,
    }
