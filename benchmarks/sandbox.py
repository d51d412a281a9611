"""The sandbox: a call in each mode, loading, memory and speed of code, beside plain Python on the host."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from collections.abc import Callable

from benchmarks.machine import resident_kib
from benchmarks.report import Report
from benchmarks.timing import NOISE, each, interleave, together
from seglam.sandbox import Engine, Mode, Program, Run, Sandbox

FLOOR = "bare function call"
AIM_WARM_US = 60

TIMES = Program("sha256:benchmark-times", "def solve(a, b):\n    return a * b\n")
ARGUMENTS = {"a": 12, "b": 7}
LOOP = Program(
    "sha256:benchmark-loop",
    "def solve(n):\n    total = 0\n    for i in range(n):\n        total += i * i % 7\n    return total\n",
)
ITERATIONS = 100_000
INSTANCES = 40


def run(quick: bool) -> Report:
    """Everything; `quick` takes fewer rounds and calls."""
    rounds, calls = (5, 60) if quick else (15, 400)
    engine = Engine.load()
    report = Report("sandbox")
    with Sandbox(engine) as sandbox:
        call = _caller(sandbox, TIMES, ARGUMENTS)
        loop = _caller(sandbox, LOOP, {"n": ITERATIONS})
        series = interleave(
            {
                FLOOR: lambda: together(_bare, range(10_000)),
                "warm call": lambda: each(call, [Mode.WARM] * calls),
                "single-use call": lambda: each(call, [Mode.SINGLE_USE] * (calls // 20)),
                "fresh call": lambda: each(call, [Mode.FRESH] * (calls // 20)),
                "loading the engine": lambda: each(lambda _: Engine.load(), range(1)),
                "loop in the sandbox": lambda: each(loop, [Mode.WARM] * 3),
                "loop in plain Python": lambda: each(_plain_loop, [ITERATIONS] * 3),
            },
            rounds,
        )
    floor, plain = series[FLOOR], series["loop in plain Python"]
    report.noise = series[NOISE].spread
    report.add(FLOOR, floor.at(0.5), "us")
    for name, aim in {"warm call": AIM_WARM_US, "single-use call": None, "fresh call": None}.items():
        report.add(f"{name} p50", series[name].at(0.5), "us", series[name].ratio(floor), FLOOR, aim)
        report.add(f"{name} p99", series[name].at(0.99), "us", series[name].ratio(floor, 0.99), FLOOR)
    loading = series["loading the engine"]
    report.add("loading the engine", loading.at(0.5) / 1000, "ms", loading.ratio(floor), FLOOR)
    report.add(f"loop of {ITERATIONS:,} in plain Python", plain.at(0.5) / 1000, "ms", plain.ratio(floor), FLOOR)
    inside = series["loop in the sandbox"]
    report.add(
        f"loop of {ITERATIONS:,} in the sandbox", inside.at(0.5) / 1000, "ms", inside.ratio(plain), "plain Python"
    )
    command = [sys.executable, "-m", "benchmarks.sandbox"]
    memory = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    report.add("memory of the engine with one instance", memory["engine_mib"], "MiB")
    report.add("memory of a warm instance", memory["instance_mib"], "MiB")
    report.notes.append(
        "A call takes two integers, has a fresh namespace and fuel, and its answer is read back. Single-use instances "
        "come from a pool refilled by a thread beside the calls. Memory of an instance is its own, without pages of "
        f"the component that all share; the mean of {INSTANCES}."
    )
    return report


def _solve(a: int, b: int) -> int:
    return a * b


def _bare(_: int) -> int:
    return _solve(12, 7)


def _plain_loop(n: int) -> int:
    total = 0
    for i in range(n):
        total += i * i % 7
    return total


def _caller(sandbox: Sandbox, program: Program, arguments: dict[str, int]) -> Callable[[Mode], Run]:
    def call(mode: Mode) -> Run:
        run = sandbox.run(program, arguments, mode=mode)
        if run.fault:
            raise RuntimeError(str(run.fault))
        return run

    return call


def _memory() -> dict[str, float]:
    """MiB of a loaded engine with its first instance, and of each further instance that has answered a call."""
    gc.collect()
    before = resident_kib()
    with Sandbox(Engine.load(), budget_mib=4096) as sandbox:
        programs = [Program(f"sha256:benchmark-{number}", TIMES.code) for number in range(INSTANCES + 1)]
        _caller(sandbox, programs[0], ARGUMENTS)(Mode.WARM)
        first, own = resident_kib(), resident_kib("Anonymous")
        for program in programs[1:]:
            _caller(sandbox, program, ARGUMENTS)(Mode.WARM)
        return {
            "engine_mib": (first - before) / 1024,
            "instance_mib": (resident_kib("Anonymous") - own) / 1024 / INSTANCES,
        }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_memory()))
