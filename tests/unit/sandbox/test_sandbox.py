"""Instances: who gets which, when they end, and what they count."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from seglam.sandbox import Engine, FaultKind, Mode, Program, Sandbox

DOUBLE = Program("sha256:double", "def solve(n): return n * 2")
ENDLESS = Program("sha256:endless", "def solve(n):\n    while n: pass\n    return n", fuel=50_000_000)
HEAVY = Program("sha256:heavy", "def solve(n): return len(bytes(n << 20).replace(b'\\0', b'a'))", memory_mib=64)


@pytest.mark.parametrize("mode", list(Mode))
def test_a_run_tells_what_it_took(sandbox: Sandbox, engine: Engine, mode: Mode) -> None:
    run = sandbox.run(DOUBLE, {"n": 10**50}, mode=mode)
    assert (run.ok, run.answer, run.fault, run.stdout) == (True, 2 * 10**50, None, "")
    assert (run.engine, run.mode) == (engine.digest, mode)
    assert run.fuel_used > 0
    assert run.elapsed_us > 0


def test_none_is_an_answer(sandbox: Sandbox) -> None:
    run = sandbox.run(Program("sha256:none", "def solve(): return None"), {})
    assert (run.ok, run.answer) == (True, None)


def test_plain_and_tagged_arguments_arrive_as_they_are(sandbox: Sandbox) -> None:
    same = Program("sha256:same", "def solve(**given): return [[name, given[name]] for name in sorted(given)]")
    plain = {"a": '{"$decimal": "1"}', "b": None, "c": True, "d": -(10**60), "e": 'é"\\\n', "f": 10**36}
    for arguments in ({}, plain, {**plain, "g": {"$decimal": "1.10"}}, {**plain, "h": [1, [True, None]]}):
        run = sandbox.run(same, arguments)
        # As texts, in which True and 1 differ.
        assert (run.fault, repr(run.answer)) == (None, repr([list(each) for each in sorted(arguments.items())]))


def test_what_a_call_imported_or_printed_the_next_does_not_see(sandbox: Sandbox) -> None:
    code = """
def solve(n):
    if n == 1:
        import contextlib, io, decimal
        print("first")
        contextlib.ExitStack().enter_context(contextlib.redirect_stdout(io.StringIO()))
        decimal.setcontext(decimal.Context(prec=3))
    if n == 2:
        print("second")
    if n == 3:
        global seen
        seen = 1
    if n == 4:
        from dataclasses import make_dataclass
        return make_dataclass("Point", ["x", ("y", "int")])(1, 2).y
    try:
        return seen == 1
    except NameError:
        return False
"""
    program = Program("sha256:sees", code)
    runs = [sandbox.run(program, {"n": n}) for n in (0, 1, 2, 3, 0, 4, 2, 0)]
    assert [run.fault for run in runs] == [None] * 8
    assert [run.answer for run in runs] == [False, False, False, True, False, 2, False, False]
    assert [run.stdout for run in runs] == ["", "first\n", "second\n", "", "", "", "second\n", ""]


def test_warm_calls_share_an_instance_and_others_do_not(sandbox: Sandbox) -> None:
    for _ in range(3):
        sandbox.run(DOUBLE, {"n": 1})
    assert (sandbox.statistics.instances_made, sandbox.statistics.warm_hits) == (1, 2)
    for _ in range(3):
        sandbox.run(DOUBLE, {"n": 1}, mode=Mode.FRESH)
    assert (sandbox.statistics.instances_made, sandbox.statistics.warm_hits) == (4, 2)
    assert sandbox.statistics.calls == 6
    assert sandbox.statistics.instances_idle == 1


def test_a_warm_instance_belongs_to_one_tenant_and_one_program(sandbox: Sandbox) -> None:
    sandbox.run(DOUBLE, {"n": 1})
    sandbox.run(DOUBLE, {"n": 1}, tenant="other")
    sandbox.run(Program(DOUBLE.digest, "def solve(n): return n * 3"), {"n": 1})
    assert (sandbox.statistics.instances_made, sandbox.statistics.warm_hits) == (3, 0)
    assert sandbox.run(Program(DOUBLE.digest, "def solve(n): return n * 3"), {"n": 1}).answer == 3


def test_an_instance_that_ended_is_replaced(sandbox: Sandbox) -> None:
    assert sandbox.run(ENDLESS, {"n": 0}).answer == 0
    stopped = sandbox.run(ENDLESS, {"n": 1})
    assert stopped.fault is not None
    assert (stopped.fault.kind, stopped.fuel_used) == (FaultKind.FUEL, ENDLESS.fuel)
    assert sandbox.run(ENDLESS, {"n": 0}).answer == 0
    assert (sandbox.statistics.instances_made, sandbox.statistics.instances_discarded) == (2, 1)


@pytest.mark.parametrize("mode", list(Mode))
def test_a_batch_goes_on_after_a_call_that_ended(sandbox: Sandbox, mode: Mode) -> None:
    runs = sandbox.run_many(ENDLESS, [{"n": 0}, {"n": 1}, {"n": False}, {"m": 1}, {"n": 0.5}, {"n": 0}], mode=mode)
    assert [run.answer for run in runs] == [0, None, False, None, None, 0]
    kinds = [run.fault and run.fault.kind for run in runs]
    assert kinds == [None, FaultKind.FUEL, None, FaultKind.ARGUMENTS, FaultKind.ARGUMENTS, None]


def test_a_fresh_batch_takes_one_instance(sandbox: Sandbox) -> None:
    assert [run.answer for run in sandbox.run_many(DOUBLE, [{"n": n} for n in range(50)])] == [2 * n for n in range(50)]
    assert sandbox.statistics.instances_made == 1
    assert sandbox.statistics.instances_idle == 0
    assert sandbox.run_many(DOUBLE, []) == []


def test_code_that_does_not_compile_fails_each_call(sandbox: Sandbox) -> None:
    runs = sandbox.run_many(Program("sha256:bad", "def solve(:"), [{}, {}])
    assert [run.fault and run.fault.kind for run in runs] == [FaultKind.SYNTAX] * 2
    assert [run.fuel_used for run in runs] == [0, 0]


def test_the_least_recently_used_is_evicted(engine: Engine) -> None:
    programs = [Program(f"sha256:{n}", f"def solve(): return {n}") for n in range(5)]
    with Sandbox(engine, budget_mib=13) as sandbox:  # three instances of a little over 4 MiB
        for program in programs[:3]:
            sandbox.run(program, {})
        sandbox.run(programs[0], {})
        sandbox.run(programs[3], {})  # evicts 1
        assert (sandbox.statistics.instances_evicted, sandbox.statistics.instances_idle) == (1, 3)
        assert sandbox.statistics.charged_mib <= 13
        hits = sandbox.statistics.warm_hits
        for program in (programs[0], programs[2], programs[3]):
            sandbox.run(program, {})
        assert sandbox.statistics.warm_hits == hits + 3
        sandbox.run(programs[1], {})
        assert sandbox.statistics.warm_hits == hits + 3


def test_an_instance_that_used_much_memory_counts_for_it(sandbox: Sandbox) -> None:
    assert sandbox.run(DOUBLE, {"n": 1}).ok
    light = sandbox.statistics.charged_mib
    assert 4 <= light < 5
    assert sandbox.run(HEAVY, {"n": 10}).answer == 10 << 20
    assert 14 < sandbox.statistics.charged_mib - light <= 64


def test_a_budget_of_nothing_keeps_nothing(engine: Engine) -> None:
    with Sandbox(engine, budget_mib=0) as sandbox:
        assert [sandbox.run(DOUBLE, {"n": n}).answer for n in range(3)] == [0, 2, 4]
        assert (sandbox.statistics.instances_idle, sandbox.statistics.instances_made) == (0, 3)


def test_threads_get_instances_of_their_own(sandbox: Sandbox) -> None:
    together = threading.Barrier(4)

    def work(worker: int) -> list[object]:
        together.wait()
        return [sandbox.run(DOUBLE, {"n": worker * 1000 + n}).answer for n in range(50)]

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(work, range(4)))
    assert answers == [[2 * (worker * 1000 + n) for n in range(50)] for worker in range(4)]
    assert sandbox.statistics.calls == 200
    assert 1 <= sandbox.statistics.instances_made <= 4
    assert sandbox.statistics.instances_idle == sandbox.statistics.instances_made


def test_threads_use_spares_and_inspect_at_once(sandbox: Sandbox) -> None:
    def work(n: int) -> tuple[object, bool]:
        return sandbox.run(DOUBLE, {"n": n}, mode=Mode.SINGLE_USE).answer, sandbox.inspect(DOUBLE.code).ok

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(24))) == [(2 * n, True) for n in range(24)]


def test_a_closed_sandbox_says_so(engine: Engine) -> None:
    sandbox = Sandbox(engine)
    sandbox.run(DOUBLE, {"n": 1})
    sandbox.run(DOUBLE, {"n": 1}, mode=Mode.SINGLE_USE)
    sandbox.inspect("")
    sandbox.close()
    sandbox.close()
    assert sandbox.statistics.instances_idle == 0
    with pytest.raises(RuntimeError, match="closed"):
        sandbox.run(DOUBLE, {"n": 1})
    with pytest.raises(RuntimeError, match="closed"):
        sandbox.inspect("")


def test_an_interrupted_call_keeps_no_instance(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stop(BaseException):
        pass

    class Stopping(dict[str, object]):
        def values(self):  # type: ignore[no-untyped-def]
            raise Stop

    sandbox.run(DOUBLE, {"n": 1})
    with pytest.raises(Stop):
        sandbox.run(DOUBLE, Stopping(n=1))
    assert sandbox.statistics.instances_idle == 0
    assert sandbox.run(DOUBLE, {"n": 1}).answer == 2
