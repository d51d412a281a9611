"""Running programs on instances of an engine. Thread-safe; a call blocks its thread while the procedure runs."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Mapping, Sequence
from time import perf_counter
from types import TracebackType
from typing import Self

from seglam.sandbox import protocol
from seglam.sandbox.engine import Engine
from seglam.sandbox.native import Instance, Trap
from seglam.sandbox.pool import MIB, Prepared, SparePool, WarmPool
from seglam.sandbox.results import Fault, FaultKind, Inspection, Mode, Program, Run, Statistics

SPARES = 4
SWIFT_STEPS = 2_000_000
"""Steps of a call that may be made where nothing may wait: a fifth of a millisecond."""
MOST_SLOW = 4096
INSPECTION_FUEL = 10_000_000_000
INSPECTION_MEMORY_MIB = 64
_WARM_UP = Program(digest="", code="def solve(): return 0")
# What a call leaves behind with these is not known or not wanted: a memory that has grown, an interpreter half changed.
_ENDING = frozenset((FaultKind.FUEL, FaultKind.MEMORY, FaultKind.TRAP))


def _reusable(reply: protocol.Reply) -> bool:
    return not reply.spoiled and (reply.fault is None or reply.fault.kind not in _ENDING)


class _Unprepared(Exception):
    """The program's code could not be compiled in an instance, which is closed."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault


class Sandbox:
    """Runs programs on one engine.

    Args:
        engine: the loaded engine.
        budget_mib: memory that the idle warm instances of one tenant may take; the least recently used are closed
            beyond it.
    """

    def __init__(self, engine: Engine, *, budget_mib: int = 512) -> None:
        self.engine = engine
        self._warm = WarmPool(budget_mib * MIB)
        self._spares = SparePool(self._make_spare, SPARES)
        self._inspector: Instance | None = None
        self._lock = threading.Lock()  # of the counters and the inspector
        self._calls = self._made = self._discarded = 0
        self._slow: dict[tuple[str, str], None] = {}  # a tenant's digests that were thought swift and are not
        self._closed = False

    def run(
        self, program: Program, arguments: Mapping[str, object], *, mode: Mode = Mode.WARM, tenant: str = "default"
    ) -> Run:
        """One call of `solve` with tagged JSON arguments by name. What goes wrong in it is `Run.fault`, never
        raised."""
        return self.run_many(program, (arguments,), mode=mode, tenant=tenant)[0]

    def swiftly(
        self, program: Program, arguments: Mapping[str, object], *, tenant: str = "default", steps: int = SWIFT_STEPS
    ) -> Run | None:
        """A warm call that takes at most so many steps, or None.

        None is returned where no idle instance has shown that its calls take few steps, and where this one took more
        than it had: then nothing is known of its outcome. Code has no effects, so the same call may be made again.
        """
        self._check_open()
        if self._slow and (tenant, program.digest) in self._slow:
            return None
        held = self._warm.take(tenant, program, steps)
        if held is None:
            return None
        started = perf_counter()
        reply, fuel = self._call(held, arguments, min(steps, program.fuel), True)
        elapsed = (perf_counter() - started) * 1e6
        if _reusable(reply):
            self._warm.give(held)
        else:
            self._spares.retire(held.instance)  # closing takes longer than a call
            with self._lock:
                self._discarded += 1
        if reply.fault is not None and reply.fault.kind is FaultKind.FUEL:
            with self._lock:
                while len(self._slow) >= MOST_SLOW:
                    self._slow.pop(next(iter(self._slow)))
                self._slow[(tenant, program.digest)] = None
            return None
        return Run(reply.answer, reply.fault, reply.stdout, fuel, elapsed, self.engine.digest, Mode.WARM)

    def run_many(
        self,
        program: Program,
        arguments: Sequence[Mapping[str, object]],
        *,
        mode: Mode = Mode.FRESH,
        tenant: str = "default",
    ) -> list[Run]:
        """Several calls in order, each in a fresh namespace.

        Mode fresh makes one instance for the whole batch (and another after a call that ended or changed it);
        single-use takes one for each call; warm is the same as `run` for each.
        """
        return list(self.stream(program, arguments, mode=mode, tenant=tenant))

    def stream(
        self,
        program: Program,
        arguments: Iterable[Mapping[str, object]],
        *,
        mode: Mode = Mode.FRESH,
        tenant: str = "default",
    ) -> Generator[Run, None, None]:
        """The runs of `run_many` one at a time; closing the generator leaves out the calls that were not asked for."""
        self._check_open()
        held: Prepared | None = None
        calls = 0
        try:
            for each in arguments:
                started = perf_counter()
                try:
                    held = held or self._take(program, tenant, mode)
                    reply, fuel = self._call(held, each)
                except _Unprepared as problem:
                    reply, fuel = protocol.Reply(None, problem.fault), 0
                elapsed = (perf_counter() - started) * 1e6
                calls += 1
                if held is not None and not _reusable(reply):
                    self._discard(held)
                    held = None
                elif held is not None and mode is not Mode.FRESH:
                    self._give_back(held, mode)
                    held = None
                yield Run(reply.answer, reply.fault, reply.stdout, fuel, elapsed, self.engine.digest, mode)
        finally:
            if held is not None:
                held.instance.close()
            if mode is not Mode.WARM:  # the pool counts those
                with self._lock:
                    self._calls += calls

    def inspect(self, code: str, example_values: Iterable[object] = ()) -> Inspection:
        """What the code holds, by the engine's own parser; nothing of it runs.

        `example_values` are the examples' arguments and answers, as tagged values or canonical texts: a comparison with
        one of them is a finding. Leave out those of closed vocabularies, which code may well compare with.
        """
        self._check_open()
        request = protocol.inspection_request(code, example_values)
        with self._lock:
            instance, self._inspector = self._inspector, None
        instance = instance or self._make(INSPECTION_MEMORY_MIB)
        try:
            text, _ = instance.call("inspect", INSPECTION_FUEL, request)
        except Trap as trap:
            instance.close()
            return Inspection(Fault(FaultKind.SYNTAX, f"the code cannot be parsed: {trap.fault.message}"))
        except BaseException:
            instance.close()
            raise
        with self._lock:
            instance, self._inspector = self._inspector, instance
        if instance is not None:  # another thread was here meanwhile
            instance.close()
        return protocol.read_inspection(text)

    @property
    def statistics(self) -> Statistics:
        """Counts since the sandbox was made, and what it holds now."""
        return Statistics(
            calls=self._calls + self._warm.calls,
            warm_hits=self._warm.hits,
            instances_made=self._made,
            instances_discarded=self._discarded,
            instances_evicted=self._warm.evicted,
            instances_idle=self._warm.idle + self._spares.ready,
            charged_mib=self._warm.charged / MIB,
        )

    def close(self) -> None:
        """Close every idle instance; calls at work end on their own. Later calls raise RuntimeError."""
        self._closed = True
        self._spares.close()
        self._warm.close()
        with self._lock:
            inspector, self._inspector = self._inspector, None
        if inspector is not None:
            inspector.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("the sandbox is closed")

    def _take(self, program: Program, tenant: str, mode: Mode) -> Prepared:
        """An instance with the program compiled, or `_Unprepared`."""
        if program.memory_mib < self.engine.memory_floor_mib:
            floor = self.engine.memory_floor_mib
            message = f"a limit of {program.memory_mib} MiB is below what the engine itself takes, {floor} MiB"
            raise _Unprepared(Fault(FaultKind.MEMORY, message))
        if mode is Mode.WARM and (found := self._warm.take(tenant, program)):
            return found
        if mode is Mode.SINGLE_USE:
            instance = self._spares.take()
            instance.limit_memory(program.memory_mib)
        else:
            instance = self._make(program.memory_mib)
        try:
            text, _ = instance.call("prepare", program.fuel, protocol.settings_of(program))
            fault = protocol.read_prepared(text)
        except Trap as trap:
            fault = trap.fault
        if fault is not None:
            instance.close()
            raise _Unprepared(fault)
        return Prepared(tenant, program, instance)

    def _call(
        self, held: Prepared, arguments: Mapping[str, object], steps: int | None = None, alone: bool = False
    ) -> tuple[protocol.Reply, int]:
        text = protocol.encode_arguments(arguments)
        if isinstance(text, Fault):
            return protocol.Reply(None, text), 0
        try:
            reply, fuel = held.instance.call("call", steps or held.program.fuel, text, alone)
        except Trap as trap:
            return protocol.Reply(None, trap.fault, spoiled=True), trap.fuel_used
        held.used(fuel)
        return protocol.read_reply(reply), fuel

    def _discard(self, held: Prepared) -> None:
        held.instance.close()
        with self._lock:
            self._discarded += 1

    def _give_back(self, held: Prepared, mode: Mode) -> None:
        if mode is Mode.WARM:
            self._warm.give(held)
        elif mode is Mode.SINGLE_USE:
            self._spares.retire(held.instance)
        else:
            held.instance.close()

    def _make_spare(self) -> Instance:
        """An instance that has run something of ours: its first call would otherwise spend its time on page faults."""
        spare = self._make(INSPECTION_MEMORY_MIB)
        spare.call("prepare", INSPECTION_FUEL, protocol.settings_of(_WARM_UP))
        spare.call("call", INSPECTION_FUEL, "[]")
        return spare

    def _make(self, memory_mib: int) -> Instance:
        instance = self.engine.instantiate(memory_mib)
        with self._lock:
            self._made += 1
        return instance
