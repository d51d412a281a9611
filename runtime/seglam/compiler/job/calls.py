"""Calls of a Job: to the gateway, to the API server, and to runners that may not be there yet."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from time import monotonic, sleep
from typing import TypeVar

from seglam.compiler.job.settings import JobSettings
from seglam.compiler.jobresult import Work
from seglam.sandbox import (
    TLS,
    Address,
    EngineInfo,
    Executor,
    Inspection,
    Mode,
    Program,
    RemoteSandbox,
    Run,
    RunnersUnavailable,
)
from seglam.sandbox.connections import Broken, Connections, Reply

T = TypeVar("T")

CALL_SECONDS = 30.0
PATIENCE = 120.0
"""Seconds for which a gateway, a runner or an API server that does not answer is asked again: a pod's network may begin
after the pod does, and the first compilation may be what starts the runners."""

_PAUSE = 0.2
_LONGEST_PAUSE = 5.0
_PASSING = frozenset({429, 500, 502, 503, 504})


class CallFailed(Exception):
    """A call that the Job needs was refused or not answered. The message says which, and what to look at."""


class Caller:
    """Calls of one server, over kept connections; asked again while it does not answer.

    Args:
        name: of the server, for messages.
        patience: seconds after which a call is given up.
    """

    def __init__(self, name: str, address: Address, tls: TLS, patience: float = PATIENCE) -> None:
        self._name = name
        self._address = address
        self._patience = patience
        self._connections = Connections(tls, CALL_SECONDS)

    def call(self, method: str, path: str, body: bytes = b"") -> Reply:
        """The first reply that is no passing failure; `CallFailed` if there is none in time."""
        until, pause, why = monotonic() + self._patience, _PAUSE, ""
        while True:
            try:
                reply = self._connections.exchange(self._address, method, path, body, monotonic() + CALL_SECONDS)
                if reply.status not in _PASSING:
                    return reply
                why = words(reply)
            except Broken as problem:
                why = str(problem)
            except TimeoutError:
                why = f"no reply within {CALL_SECONDS:g} s"
            if monotonic() + pause > until:
                raise CallFailed(f"the {self._name} gives no answer: {why}")
            sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def close(self) -> None:
        """Close kept connections."""
        self._connections.close()


def words(reply: Reply) -> str:
    """A refusal in words: the problem's detail, or the message of an API server's Status."""
    try:
        found = json.loads(reply.body)
    except (ValueError, RecursionError):
        found = {}
    said = (found.get("detail") or found.get("message")) if isinstance(found, dict) else None
    return f"status {reply.status}" + (f", {str(said)[:500]}" if said else "")


def work_of(settings: JobSettings) -> Work:
    """What the gateway wants compiled.

    Raises:
        CallFailed: the gateway refuses or does not answer; the message says what to look at.
    """
    caller = Caller("gateway", settings.gateway, gateway_tls(settings))
    try:
        reply = caller.call("GET", settings.prefix)
    finally:
        caller.close()
    if reply.status == 404:
        raise CallFailed(
            f"the gateway does not hold the request any more ({words(reply)}); the next miss brings it back"
        )
    if reply.status != 200:
        raise CallFailed(f"the gateway refuses the work: {words(reply)}")
    try:
        return Work.read(reply.body)
    except ValueError as problem:
        raise CallFailed(f"the gateway's work cannot be read: {type(problem).__name__}") from problem


def gateway_tls(settings: JobSettings) -> TLS:
    """How the gateway is called: its certificate is checked, the Job is known by its token."""
    return TLS.bearer(settings.authority, settings.token)


def runners(settings: JobSettings, build: str) -> Executor:
    """The verification runners of one build, behind the gateway."""
    remote = RemoteSandbox(
        lambda: [settings.gateway], gateway_tls(settings), build=build, prefix=f"{settings.prefix}/sandbox"
    )
    return Patient(remote)


class Patient:
    """An executor that is asked again while no runner answers: what a model wrote is too dear to be lost to a restart.

    Args:
        patience: seconds after which one call is given up.
    """

    def __init__(self, executor: Executor, patience: float = PATIENCE) -> None:
        self._executor = executor
        self._patience = patience

    @property
    def engine(self) -> EngineInfo:
        """See `Executor`."""
        return self._tried(lambda: self._executor.engine)

    def run(
        self, program: Program, arguments: Mapping[str, object], *, mode: Mode = Mode.WARM, tenant: str = "default"
    ) -> Run:
        """See `Executor`."""
        return self._tried(lambda: self._executor.run(program, arguments, mode=mode, tenant=tenant))

    def run_many(
        self,
        program: Program,
        arguments: Sequence[Mapping[str, object]],
        *,
        mode: Mode = Mode.FRESH,
        tenant: str = "default",
    ) -> list[Run]:
        """See `Executor`."""
        return self._tried(lambda: self._executor.run_many(program, arguments, mode=mode, tenant=tenant))

    def inspect(self, code: str, example_values: Iterable[object] = ()) -> Inspection:
        """See `Executor`."""
        values = list(example_values)
        return self._tried(lambda: self._executor.inspect(code, values))

    def _tried(self, call: Callable[[], T]) -> T:
        until, pause = monotonic() + self._patience, _PAUSE
        while True:
            try:
                return call()
            except RunnersUnavailable as problem:
                wait = max(pause, problem.retry_after or 0.0)
                if monotonic() + wait > until:
                    raise
            sleep(wait)
            pause = min(pause * 2, _LONGEST_PAUSE)
