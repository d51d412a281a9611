"""A warm call on a runner in another process, over mutual TLS on loopback, beside the same call in this process."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from benchmarks.report import Report
from benchmarks.timing import NOISE, each, interleave
from seglam.sandbox import Engine, Program, RemoteSandbox, Sandbox
from seglam.sandbox.connections import Connections
from tests.certificates import Authority
from tests.runners import Admitted, runner, tls

FLOOR = "no-op request to the runner"
IN_PROCESS = "warm call in process"
REMOTE = "warm call on the runner"
CODE = "def solve(a, b):\n    return a * b\n"


def run(quick: bool) -> Report:
    """Everything; `quick` takes fewer rounds and calls."""
    rounds, calls = (5, 60) if quick else (15, 400)
    known = Admitted()
    program = known.add(CODE)
    authority = Authority.new()
    with ExitStack() as stack:
        here = Path(stack.enter_context(TemporaryDirectory(prefix="seglam-benchmark-")))
        started = stack.enter_context(runner(here / "runner", authority))
        there = stack.enter_context(known.sandbox(authority, started))
        local = stack.enter_context(Sandbox(Engine.load()))
        kept = Connections(tls(authority), 1)
        stack.callback(kept.close)

        def no_op(_: int) -> None:
            reply = kept.exchange(started.address, "GET", "/v1/engines", b"", monotonic() + 30)
            if reply.status != 200:
                raise RuntimeError(f"not the reply that is measured: {reply.status}")

        series = interleave(
            {
                FLOOR: lambda: each(no_op, range(calls)),
                IN_PROCESS: lambda: each(lambda n: _call(local, program, n), range(calls)),
                REMOTE: lambda: each(lambda n: _call(there, program, n), range(calls)),
            },
            rounds,
        )
    report = Report("runner", noise=series[NOISE].spread)
    report.add(f"{FLOOR} p50", series[FLOOR].at(0.5), "us")
    report.add(f"{FLOOR} p99", series[FLOOR].at(0.99), "us", series[FLOOR].ratio(series[FLOOR], 0.99), FLOOR)
    for name in (IN_PROCESS, REMOTE):
        for label, share in (("p50", 0.5), ("p99", 0.99)):
            report.add(f"{name} {label}", series[name].at(share), "us", series[name].ratio(series[FLOOR], share), FLOOR)
    remote = series[REMOTE]
    report.add(f"{REMOTE} p50", remote.at(0.5), "us", remote.ratio(series[IN_PROCESS]), IN_PROCESS)
    report.notes.append(
        "One client with one kept connection. The no-op is GET /v1/engines: TLS, HTTP and a short reply, but neither a "
        "thread nor an instance. A call takes two integers; each answer is checked."
    )
    return report


def _call(sandbox: Sandbox | RemoteSandbox, program: Program, factor: int) -> None:
    made = sandbox.run(program, {"a": factor, "b": 7})
    if made.answer != 7 * factor:
        raise RuntimeError(f"not the call that is measured: {made}")
