"""Trying a published version on a request: its procedures alone, each answer in a sandbox of its own."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from seglam.compiler import Bench
from seglam.compiler.running import answer_of, program_of
from seglam.lookup import Binding, Index, Miss
from seglam.packs.pack import Pack
from seglam.procedures import Request, Revision, TextError
from seglam.procedures.patterns import PatternError
from seglam.procedures.values import ValueProblem
from seglam.sandbox import EngineError, Mode
from seglam.web import Problem

AT_ONCE = 2
"""Trials of one process at one time; each has an instance of its own, of the memory that its procedure may use."""
MOST_FUEL = 10_000_000_000
"""Of one trial, about a second. A procedure that needs more is said to have run into the limit of trials."""
MOST_MEMORY_MIB = 64
KEPT = 16
WAIT_S = 5.0
SHOWN = 2_000


@dataclass(frozen=True, slots=True)
class Trial:
    """What a version does with a request.

    Attributes:
        outcome: `hit` or `miss`.
        explanation: why.
        answer: canonical text; None for a miss.
        procedure: that was bound; also of a miss whose code gave no answer.
        arguments: canonical texts by name.
    """

    outcome: str
    explanation: str
    answer: str | None = None
    procedure: str | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)


class Trials:
    """Asks packs. Nothing is kept of a request.

    Args:
        bench: the sandbox; `EngineError` without engines.
    """

    def __init__(self, bench: Callable[[], Bench]) -> None:
        self._bench = bench
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        self._indexes: OrderedDict[str, Index] = OrderedDict()
        self._lock = threading.Lock()

    def attempt(self, pack: Pack, request: Request) -> Trial:
        """Ask the procedures of a pack. Blocks as long as the limits allow.

        Raises:
            Problem: 422 for a text that no lookup takes, 503 where all turns are taken or there is no sandbox.
        """
        with self._turn():
            try:
                found = self._index(pack).find(request)
            except TextError as error:
                raise Problem(422, "invalid", str(error)) from error
            except PatternError as error:  # of a mirrored pack, which its origin verified and this registry did not
                raise Problem(422, "procedures", f"the pack has a pattern that cannot be read: {error}") from error
            if isinstance(found, Miss):
                return Trial("miss", found.explanation)
            return self._run(found.binding, found.explanation)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._turns.acquire(timeout=WAIT_S):
            words = "others are trying packs now; try again in a moment"
            raise Problem(503, "trials-busy", words, headers={"Retry-After": "5"})
        try:
            yield
        finally:
            self._turns.release()

    def _run(self, binding: Binding, explanation: str) -> Trial:
        revision = binding.revision
        bound = (revision.name, dict(binding.arguments))
        try:
            sandbox = self._bench().first
        except (EngineError, OSError) as error:
            raise Problem(
                503, "sandbox-unavailable", "there is no sandbox here to try it in", headers={"Retry-After": "60"}
            ) from error
        memory = min(revision.memory_mib, MOST_MEMORY_MIB)
        program = program_of(revision.spec.code, min(revision.fuel, MOST_FUEL), memory)
        try:
            arguments = binding.tagged()
        except ValueProblem as problem:
            return Trial("miss", f"{revision.name} was not run: {problem}", None, *bound)
        # A tenant of its own, so that nothing here is warm from a publication or for one.
        answer = answer_of(revision, sandbox.run(program, arguments, mode=Mode.SINGLE_USE, tenant="trials"))
        if answer.text is None:
            limited = "; a trial may use less than a service" if answer.limited else ""
            return Trial("miss", f"{revision.name} gave no answer: {str(answer.fault)[:SHOWN]}{limited}", None, *bound)
        return Trial("hit", explanation, answer.text, *bound)

    def _index(self, pack: Pack) -> Index:
        """The procedures of a pack to look requests up in; made once, since packs do not change."""
        with self._lock:
            known = self._indexes.get(pack.digest)
            if known is None:
                known = Index()
                for document in pack.procedures():
                    known.add(Revision.of(document))
                self._indexes[pack.digest] = known
                while len(self._indexes) > KEPT:
                    self._indexes.popitem(last=False)
            self._indexes.move_to_end(pack.digest)
        return known
