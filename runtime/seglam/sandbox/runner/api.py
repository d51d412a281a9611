"""The API of a runner; `seglam.sandbox.wire` says what goes over it.

A call is refused at once (503 with Retry-After) when as many run and wait as may, and given up (504) when its caller
waits no longer. Nothing of a request reaches a log.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import closing
from time import monotonic
from typing import TypeVar

from seglam.sandbox import wire
from seglam.sandbox.results import Fault, FaultKind, Mode, Program, Run
from seglam.sandbox.runner.asgi import Gone, Headers, Problem, Receive, Response, Scope, Send, body_of, header
from seglam.sandbox.runner.memory import Memory
from seglam.sandbox.runner.metrics import Metrics
from seglam.sandbox.runner.revisions import Revisions, WrongDigest
from seglam.sandbox.runner.state import State
from seglam.sandbox.runner.workers import Full, Late, Workers
from seglam.sandbox.sandbox import Sandbox
from seglam.sandbox.wire import WireError

_LOG = logging.getLogger("seglam.sandbox.runner")
_DEADLINE = wire.DEADLINE.lower().encode()
LONGEST_SECONDS = 3600.0
"""Deadline of a request that states none, or a later one."""
BATCH_SHARE = 0.5
"""Of the time until the deadline, in which further calls of a batch are begun."""
REPLY_BYTES = 16 << 20
"""Size of a batch's reply beyond which no further call of it is begun."""
_AGAIN: Headers = ((b"retry-after", b"1"),)
_CLOSE: Headers = ((b"connection", b"close"),)
_REVISIONS = "/v1/revisions/"

T = TypeVar("T")


class Api:
    """The application on the port for calls.

    Args:
        sandboxes: by build; the first runs warm calls.
        memory: of calls at work.
        warm: whether it takes warm calls at all.
        body_bytes: size of one request.
    """

    def __init__(
        self,
        sandboxes: Mapping[str, Sandbox],
        workers: Workers,
        memory: Memory,
        revisions: Revisions,
        state: State,
        metrics: Metrics,
        *,
        warm: bool,
        body_bytes: int,
    ) -> None:
        self._sandboxes = sandboxes
        self._first = next(iter(sandboxes.values()))
        self._workers = workers
        self._memory = memory
        self._revisions = revisions
        self._state = state
        self._metrics = metrics
        self._warm = warm
        self._body_bytes = body_bytes
        self._posts: dict[str, Callable[[bytes, float], Awaitable[bytes]]] = {
            "/v1/runs": self._run,
            "/v1/batches": self._batch,
            "/v1/inspections": self._inspect,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            response = await self._answer(scope, receive)
        except Gone:
            return
        except Problem as problem:
            self._metrics.refused(problem.kind)
            response = Response.of(problem)
        except Exception as error:  # noqa: BLE001  its message and its frames may hold what users sent
            _LOG.error("a request failed: %s in %s", type(error).__name__, _place(error))
            self._metrics.refused("internal")
            response = Response.of(Problem(500, "internal", f"the runner failed ({type(error).__name__})"))
        if self._state.draining:
            response = Response(response.status, response.body, response.content_type, response.headers + _CLOSE)
        await response.send(send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        method, path = scope["method"], scope["path"]
        if (method, path) == ("GET", "/v1/engines"):
            return Response(body=wire.write_engines(_described(self._sandboxes)))
        post = self._posts.get(path)
        if post is None and not path.startswith(_REVISIONS):
            raise Problem(404, "path", "there are /v1/engines, /v1/revisions/, /v1/runs, /v1/batches, /v1/inspections")
        if method != ("PUT" if post is None else "POST"):
            raise Problem(405, "method", f"{method} is not for this path")
        if (hindrance := self._state.hindrance) is not None:
            raise Problem(503, "not-ready", f"the runner takes no calls: {hindrance}", _AGAIN)
        deadline = _deadline(header(scope, _DEADLINE))
        body = await body_of(scope, receive, self._body_bytes)
        try:
            if post is not None:
                return Response(body=await post(body, deadline))
            await self._work(lambda: self._revisions.admit(path.removeprefix(_REVISIONS), body), deadline)
            return Response(204)
        except WrongDigest as problem:
            raise Problem(422, "wrong-digest", str(problem)) from None
        except WireError as problem:
            raise Problem(400 if post else 422, "malformed", str(problem)) from None

    async def _run(self, body: bytes, deadline: float) -> bytes:
        if not self._warm:
            raise Problem(403, "no-warm-calls", "this runner verifies: it keeps no instance between calls")

        def job() -> bytes:
            call = wire.read_call(body)
            program = self._revisions.find(call.revision)
            if program is None:
                raise Problem(404, "unknown-revision", "the revision is not here; PUT its document, then ask again")
            if (fault := self._beyond(program)) is not None:
                return self._written(_not_run(fault, self._first, Mode.WARM))
            with self._memory.of(program.memory_mib, deadline):
                return self._written(self._first.run(program, call.arguments))

        return await self._work(job, deadline)

    async def _batch(self, body: bytes, deadline: float) -> bytes:
        def job() -> bytes:
            batch = wire.read_batch(body)
            sandbox = self._sandbox(batch.build)
            if (fault := self._beyond(batch.program)) is not None:
                return wire.write_runs([self._written(_not_run(fault, sandbox, batch.mode)) for _ in batch.arguments])
            with self._memory.of(batch.program.memory_mib, deadline):
                last = deadline - BATCH_SHARE * (deadline - monotonic())
                with closing(sandbox.stream(batch.program, batch.arguments, mode=batch.mode)) as runs:
                    return wire.write_runs(self._some(runs, last))

        return await self._work(job, deadline)

    def _some(self, runs: Iterator[Run], last: float) -> Sequence[bytes]:
        """As many runs as time and room allow, at least one."""
        written: list[bytes] = []
        size = 0
        for run in runs:
            written.append(self._written(run))
            size += len(written[-1])
            if size > REPLY_BYTES or monotonic() > last:
                break
        return written

    async def _inspect(self, body: bytes, deadline: float) -> bytes:
        def job() -> bytes:
            wanted = wire.read_examination(body)
            return wire.write_inspection(self._sandbox(wanted.build).inspect(wanted.code, wanted.examples))

        return await self._work(job, deadline)

    def _sandbox(self, build: str) -> Sandbox:
        found = self._sandboxes.get(build)
        if found is None:
            raise Problem(404, "unknown-build", f"this runner has builds {', '.join(self._sandboxes)}")
        return found

    def _beyond(self, program: Program) -> Fault | None:
        """Why a program is not run here, if its memory is more than there is."""
        if self._memory.holds(program.memory_mib):
            return None
        message = f"a limit of {program.memory_mib} MiB is more than this runner has for calls, {self._memory.mib} MiB"
        return Fault(FaultKind.MEMORY, message)

    def _written(self, run: Run) -> bytes:
        self._metrics.ran(run)
        return wire.write_run(run)

    async def _work(self, job: Callable[[], T], deadline: float) -> T:
        try:
            return await self._workers.do(job, deadline)
        except Full:
            raise Problem(503, "overloaded", "as many calls run and wait as may", _AGAIN) from None
        except Late:
            raise Problem(504, "late", "the deadline passed before there was a reply") from None


def _not_run(fault: Fault, sandbox: Sandbox, mode: Mode) -> Run:
    return Run(None, fault, "", 0, 0.0, sandbox.engine.digest, mode)


def _described(sandboxes: Mapping[str, Sandbox]) -> Iterator[wire.EngineDescription]:
    for build, sandbox in sandboxes.items():
        engine = sandbox.engine
        yield wire.EngineDescription(build, engine.digest, engine.modules, engine.memory_floor_mib)


def _deadline(stated: bytes | None) -> float:
    """When the caller waits no longer, by `time.monotonic`."""
    if stated is None:
        return monotonic() + LONGEST_SECONDS
    if not stated.isdigit() or len(stated) > 12:
        raise Problem(400, "malformed", f"{wire.DEADLINE} is no number of milliseconds")
    return monotonic() + min(int(stated) / 1000, LONGEST_SECONDS)


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "?" if trace is None else f"{trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}"
