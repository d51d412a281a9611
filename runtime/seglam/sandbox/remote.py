"""A sandbox elsewhere: the same calls, answered by the runners of a cluster."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import count
from time import monotonic
from types import TracebackType
from typing import Self, TypeVar

from seglam.sandbox import wire
from seglam.sandbox.breaker import Breakers
from seglam.sandbox.connections import TLS, Address, Broken, Connections, Headers, Reply
from seglam.sandbox.results import Fault, FaultKind, Inspection, Mode, Program, Run
from seglam.sandbox.wire import EngineDescription, Unwritable, WireError

T = TypeVar("T")

SUSPECT_SECONDS = 2.0
"""For which an address that could not be reached is asked last."""
MOST_ENDED = 2
"""Connections that one call may see end before it is given up: it may be what ends the runners."""
BATCH_BYTES = 4 << 20
"""Arguments of one batch, unless a single one is larger; runners take twice as much."""
STEPS_PER_SECOND = 1_000_000_000
"""Fuel that even a busy runner burns; an idle one burns ten times as much."""

WITHIN: ContextVar[float | None] = ContextVar("seglam_within", default=None)
"""When whoever asked waits no longer, by `time.monotonic`, if that is before the end of a call's own time. It is stated
beside the call, since an executor in this process has no use for it: that ends by its fuel."""

Addresses = Callable[[], Sequence[Address]]
Documents = Callable[[str], bytes | None]
Ask = Callable[[str, str, bytes], Reply]
"""One exchange with the runner that was chosen: method, path below the prefix, body."""


class RunnersUnavailable(Exception):
    """No runner took the call or answered it, so that nothing is known of its outcome. The message says why.

    Attributes:
        retry_after: seconds after which a runner said that it may be asked again.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: for making a connection; for a call, beside what its steps may take; for one part of a batch."""

    connect: float = 1.0
    call: float = 5.0
    batch: float = 120.0


class RemoteSandbox:
    """Runs programs on runners; an `Executor`. Thread-safe; calls block their threads.

    Every request may be repeated without harm. So another address is asked when no connection could be made, when it
    was closed before the reply was whole (twice at most), or when the runner was full; never when a reply is late or of
    a wrong form. An address that fails again and again is left alone for a while (`seglam.sandbox.breaker`).

    Args:
        addresses: gives the runners' current addresses; read for each call.
        tls: how to connect to them, and as whom.
        build: the build of the engine on which batches and inspections run. Warm calls run on a runner's first.
        documents: gives the canonical JSON of a revision, for runners that do not have it yet.
        prefix: path before the API's own.
        timeouts: see there.
        headers: gives further headers of each request, such as those of its trace.
    """

    def __init__(
        self,
        addresses: Addresses,
        tls: TLS,
        *,
        build: str = "a",
        documents: Documents = lambda _: None,
        prefix: str = "/v1",
        timeouts: Timeouts | None = None,
        headers: Headers = dict,
    ) -> None:
        self._addresses = addresses
        self._build = build
        self._documents = documents
        self._prefix = prefix
        self._timeouts = timeouts or Timeouts()
        self._connections = Connections(tls, self._timeouts.connect, headers)
        self._engine: EngineDescription | None = None
        self._turns = count()
        self._lock = threading.Lock()  # of the two below
        self._at_work: Counter[Address] = Counter()
        self._suspect: dict[Address, float] = {}
        self._breakers: Breakers[Address] = Breakers()

    @property
    def engine(self) -> EngineDescription:
        """The engine of the runners; asked for once, and again after a run on another. `RunnersUnavailable`."""
        known = self._engine
        if known is None:
            body = self._asked(lambda ask: ask("GET", "/engines", b""), self._timeouts.call)
            found = {each.build: each for each in _read(wire.read_engines, body)}
            if self._build not in found:
                raise RunnersUnavailable(f"the runners have builds {', '.join(sorted(found))}, not {self._build}")
            known = self._engine = found[self._build]
        return known

    def run(
        self, program: Program, arguments: Mapping[str, object], *, mode: Mode = Mode.WARM, tenant: str = "default"
    ) -> Run:
        """One call of `solve`; see `Sandbox.run`. A runner belongs to one tenant, so `tenant` chooses nothing.

        In mode warm the runner takes code and limits from the revision's document, never from `program`.

        Raises:
            RunnersUnavailable: see there.
        """
        if mode is not Mode.WARM:
            return self.run_many(program, (arguments,), mode=mode, tenant=tenant)[0]
        try:
            body = wire.write_call(program.digest, wire.write_arguments(arguments))
        except Unwritable as problem:
            return self._unwritable(problem, mode)

        def ask_warm(ask: Ask) -> Reply:
            reply = ask("POST", "/runs", body)
            if reply.status != 404 or _problem(reply).get("type") != "unknown-revision":
                return reply
            document = self._documents(program.digest)
            if document is None:
                raise RunnersUnavailable(
                    f"the runners do not know {program.digest}, and its document is not known here"
                )
            admitted = ask("PUT", f"/revisions/{program.digest}", document)
            return ask("POST", "/runs", body) if admitted.status == 204 else admitted

        run = _read(lambda reply: wire.read_run(reply, mode), self._asked(ask_warm, self._seconds(program)))
        self._ran_on(run.engine)
        return run

    def run_many(
        self,
        program: Program,
        arguments: Sequence[Mapping[str, object]],
        *,
        mode: Mode = Mode.FRESH,
        tenant: str = "default",
    ) -> list[Run]:
        """Several calls in order; see `Sandbox.run_many`. Large batches are asked for in parts.

        Raises:
            RunnersUnavailable: see there; nothing is known of the whole batch then.
        """
        if mode is Mode.WARM:
            return [self.run(program, each, mode=mode, tenant=tenant) for each in arguments]
        runs: dict[int, Run] = {}
        written: list[tuple[int, bytes]] = []
        for position, each in enumerate(arguments):
            try:
                written.append((position, wire.write_arguments(each)))
            except Unwritable as problem:
                runs[position] = self._unwritable(problem, mode)
        while written:
            part = _part(written)
            found = self._batch(program, [body for _, body in part], mode)
            runs.update((position, run) for (position, _), run in zip(part, found, strict=False))
            del written[: len(found)]
        return [runs[position] for position in range(len(arguments))]

    def inspect(self, code: str, example_values: Iterable[object] = ()) -> Inspection:
        """What the code holds; see `Sandbox.inspect`.

        Raises:
            RunnersUnavailable: see there.
        """
        body = wire.write_examination(wire.Examination(self._build, code, list(example_values)))
        return _read(
            wire.read_inspection,
            self._asked(lambda ask: ask("POST", "/inspections", body), self._seconds(Program("", code))),
        )

    def close(self) -> None:
        """Close kept connections."""
        self._connections.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _batch(self, program: Program, arguments: Sequence[bytes], mode: Mode) -> list[Run]:
        """The runs of the first arguments, at least of one."""
        body = wire.write_batch(self._build, mode, program, arguments)
        seconds = max(self._timeouts.batch, self._seconds(program))
        reply = self._asked(lambda ask: ask("POST", "/batches", body), seconds)
        runs = _read(lambda read: wire.read_runs(read, mode, len(arguments)), reply)
        for run in runs:
            self._ran_on(run.engine)
        return runs

    def _seconds(self, program: Program) -> float:
        return self._timeouts.call + program.fuel / STEPS_PER_SECOND

    def _unwritable(self, problem: Unwritable, mode: Mode) -> Run:
        return Run(None, Fault(FaultKind.ARGUMENTS, f"the arguments: {problem}"), "", 0, 0.0, self.engine.digest, mode)

    def _ran_on(self, digest: str) -> None:
        if self._engine is not None and self._engine.digest != digest:
            self._engine = None  # the runners were replaced by newer ones

    def _asked(self, question: Callable[[Ask], Reply], seconds: float) -> bytes:
        """The body of the first reply that settles a question, from whichever runner gives it."""
        deadline, within = monotonic() + seconds, WITHIN.get()
        hurried = within is not None and within < deadline
        if within is not None and hurried:
            deadline = within
            seconds = max(0.0, within - monotonic())
        failures: list[str] = []
        waits: list[float] = []
        ended = 0
        for address in self._in_order():
            if (rest := self._breakers.wait(address)) > 0:
                failures.append(f"{address}: left alone for {rest:.1f} s, since it failed again and again")
                waits.append(rest)
                continue
            ending = self._breakers.unknown
            try:
                with _Counted(self._at_work, address, self._lock):
                    reply = question(self._asking(address, deadline))
                ending = self._breakers.succeeded
            except Broken as problem:
                ending = self._breakers.failed
                failures.append(str(problem))
                with self._lock:
                    self._suspect[address] = monotonic() + SUSPECT_SECONDS
                ended += problem.sent
                if ended == MOST_ENDED:
                    break
                continue
            except TimeoutError:
                if not hurried:
                    ending = self._breakers.failed
                failures.append(f"{address}: no reply within {seconds:g} s")
                break
            finally:
                ending(address)
            if reply.status in (200, 204):
                return reply.body
            failures.append(f"{address}: {_words(reply)}")
            if reply.status not in (502, 503):
                break
            if reply.retry_after is not None:
                waits.append(reply.retry_after)
        raise RunnersUnavailable("; ".join(failures) or "no runner is ready", min(waits, default=None))

    def _asking(self, address: Address, deadline: float) -> Ask:
        def ask(method: str, path: str, body: bytes) -> Reply:
            return self._connections.exchange(address, method, self._prefix + path, body, deadline)

        return ask

    def _in_order(self) -> list[Address]:
        """All addresses: those last that could not be reached, before them those with the most calls at work."""
        known = list(self._addresses())
        if len(known) < 2:
            return known
        first = next(self._turns) % len(known)
        now = monotonic()
        with self._lock:
            self._suspect = {each: until for each, until in self._suspect.items() if until > now}
            return sorted(known[first:] + known[:first], key=lambda each: (each in self._suspect, self._at_work[each]))


class _Counted:
    """Counts a call at work on an address."""

    def __init__(self, at_work: Counter[Address], address: Address, lock: threading.Lock) -> None:
        self._at_work, self._address, self._lock = at_work, address, lock

    def __enter__(self) -> None:
        with self._lock:
            self._at_work[self._address] += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._at_work[self._address] -= 1
            if not self._at_work[self._address]:
                del self._at_work[self._address]


def _part(written: Sequence[tuple[int, bytes]]) -> Sequence[tuple[int, bytes]]:
    """As many of the first arguments as one batch takes; at least one."""
    size = 0
    for number, (_, body) in enumerate(written[: wire.MAX_BATCH]):
        size += len(body)
        if size > BATCH_BYTES and number:
            return written[:number]
    return written[: wire.MAX_BATCH]


def _read(read: Callable[[bytes], T], body: bytes) -> T:
    try:
        return read(body)
    except WireError as problem:
        raise RunnersUnavailable(f"a runner's reply cannot be read: {problem}") from problem


def _problem(reply: Reply) -> dict[str, object]:
    try:
        found = json.loads(reply.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _words(reply: Reply) -> str:
    detail = _problem(reply).get("detail")
    return f"status {reply.status}" + (f", {detail[:300]}" if isinstance(detail, str) else "")
