"""What the sandbox takes and returns; nothing here does any work."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Mode(StrEnum):
    """Which instance runs a call. A call always has a fresh namespace; the mode says what it may share beneath it."""

    WARM = "warm"  # an instance kept for one tenant and one revision
    SINGLE_USE = "single-use"  # an instance made ahead, never used before and never again
    FRESH = "fresh"  # an instance made for the call


class FaultKind(StrEnum):
    """Why there is no answer."""

    SYNTAX = "syntax"  # the engine's Python does not compile the code, or it defines no solve
    RAISED = "raised"  # the procedure raised an exception
    REFUSED = "refused"  # the procedure called refuse: the request does not fix its answer
    IMPORT = "import"  # the procedure imported what the engine does not have
    FUEL = "fuel"  # the step limit
    MEMORY = "memory"  # the memory limit
    OUTPUT = "output"  # the answer is larger than the limit
    STACK = "stack"  # recursion too deep, in Python or below it
    TRAP = "trap"  # the instance ended for another reason
    ARGUMENTS = "arguments"  # the arguments are not tagged JSON, or are not those of solve
    ANSWER = "answer"  # the answer has no form in tagged JSON


@dataclass(frozen=True, slots=True)
class Program:
    """One revision to run. `digest` names it, `code` defines `solve`. `fuel` is about 10^10 a second."""

    digest: str
    code: str
    fuel: int = 10_000_000_000
    memory_mib: int = 32
    answer_bytes: int = 1 << 20


@dataclass(frozen=True, slots=True)
class Fault:
    """Why there is no answer, in words; `line` is one of the procedure's code where it is known."""

    kind: FaultKind
    message: str
    line: int | None = None

    def __str__(self) -> str:
        where = "" if self.line is None else f" (line {self.line})"
        return f"{self.kind}: {self.message}{where}"


class Run(NamedTuple):
    """The outcome of one call. `answer` is tagged JSON, and null is an answer too: ask `ok`.

    `stdout` is what the procedure printed, at most 64 Ki characters, with a mark where it was cut. `fuel_used` counts
    the call alone, without the compilation of its code. `engine` is the digest of the component that ran.
    """

    answer: object | None
    fault: Fault | None
    stdout: str
    fuel_used: int
    elapsed_us: float
    engine: str
    mode: Mode

    @property
    def ok(self) -> bool:
        """Whether there is an answer."""
        return self.fault is None


@dataclass(frozen=True, slots=True)
class FunctionInfo:
    """A function at the top level of the code."""

    name: str
    parameters: tuple[str, ...]  # those that may be given by position or by name
    keyword_only: tuple[str, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a static rule objects to."""

    rule: str
    message: str
    line: int


@dataclass(frozen=True, slots=True)
class Inspection:
    """What the code holds, read without running it. `ok` says only that it parses; `findings` are for the caller to
    judge."""

    error: Fault | None
    imports: tuple[str, ...] = ()
    unavailable_imports: tuple[str, ...] = ()
    functions: tuple[FunctionInfo, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the engine's Python parses the code."""
        return self.error is None


@dataclass(frozen=True, slots=True)
class Statistics:
    """Counts since the sandbox was made, and what it holds now."""

    calls: int
    warm_hits: int  # calls of mode warm that found an instance
    instances_made: int
    instances_discarded: int  # after a trap, a memory fault or a change that later calls would have seen
    instances_evicted: int  # to keep the budget
    instances_idle: int
    charged_mib: float
