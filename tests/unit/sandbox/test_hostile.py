"""Procedures that misbehave, on purpose or not: each gets a fault with words, and the next call works."""

from __future__ import annotations

import pytest

from seglam.sandbox import Engine, FaultKind, Mode, Program, Sandbox

HONEST = Program("sha256:honest", "def solve(n): return n + 1")

FAULTS = {
    # endless loops
    "loop": ("def solve():\n    while True: pass", FaultKind.FUEL, ""),
    "loop that catches everything": (
        "def solve():\n    while True:\n        try:\n            while True: pass\n        except BaseException: pass",
        FaultKind.FUEL,
        "",
    ),
    "loop in C": ("def solve(): return sum(iter(int, 1))", FaultKind.FUEL, ""),
    "loop at import": ("while True: pass\ndef solve(): return 1", FaultKind.FUEL, ""),
    "endless generator": ("import itertools\ndef solve(): return max(itertools.count())", FaultKind.FUEL, ""),
    "regular expression bomb": ("import re\ndef solve(): return re.match('(a|a)*b', 'a' * 60)", FaultKind.FUEL, ""),
    "huge power": ("def solve(): return len(str(3 ** (10 ** 8)))", FaultKind.FUEL, ""),
    "huge integer as text": ("def solve(): return len(str(7 ** 1_000_000)) and 1 // 0", FaultKind.FUEL, ""),
    # memory
    "memory bomb": ("def solve(): return len('x' * 10 ** 9)", FaultKind.MEMORY, "memory"),
    "growing list": ("def solve():\n    x = []\n    while True: x.append(x[:] or [0] * 999)", FaultKind.MEMORY, ""),
    "huge answer": ("def solve(): return 'x' * 100_000_000", FaultKind.MEMORY, ""),
    # recursion, in Python and below it
    "recursion": ("def solve(): return solve()", FaultKind.STACK, "recursion"),
    "recursion through repr": (
        "class A:\n    def __repr__(self): return repr(self)\ndef solve(): return repr(A())",
        FaultKind.STACK,
        "recurs",
    ),
    "nested lists": (
        "def solve():\n    x = []\n    for _ in range(100_000): x = [x]\n    return repr(x)",
        FaultKind.STACK,
        "",
    ),
    "nested JSON": ("import json\ndef solve(): return json.loads('[' * 100_000)", FaultKind.STACK, ""),
    "deep copy": (
        "import copy\ndef solve():\n    x = []\n    for _ in range(100_000): x = [x]\n    return copy.deepcopy(x)",
        FaultKind.STACK,
        "",
    ),
    "generators in generators": ("def g(): yield from g()\ndef solve(): return list(g())", FaultKind.STACK, ""),
    "nested source": ("import ast\ndef solve(): return ast.parse('-' * 9_000 + '1') and 1", FaultKind.MEMORY, ""),
    # output
    "large answer": (
        "def solve(): return 'x' * 2_000_000",
        FaultKind.OUTPUT,
        "2,000,002 bytes; the limit",
    ),
    # what does not exist
    "missing module": ("import numpy\ndef solve(): return 1", FaultKind.IMPORT, "'numpy' is not in the engine"),
    "submodule": ("import json.tool\ndef solve(): return 1", FaultKind.IMPORT, "'json.tool'"),
    "relative import": ("from . import x\ndef solve(): return 1", FaultKind.IMPORT, ""),
    "missing name": ("from math import nothing\ndef solve(): return 1", FaultKind.IMPORT, "nothing"),
    "random": ("import random\ndef solve(): return random.random()", FaultKind.IMPORT, "'random'"),
    "os": ("import os\ndef solve(): return os.environ", FaultKind.IMPORT, "'os'"),
    "sys": ("import sys\ndef solve(): return sys.argv", FaultKind.IMPORT, "'sys'"),
    "modules of modules": ("import json\ndef solve(): return json.codecs", FaultKind.RAISED, "no attribute 'codecs'"),
    "time": ("import time\ndef solve(): return time.time()", FaultKind.IMPORT, "'time'"),
    "now": ("import datetime\ndef solve(): return datetime.datetime.now()", FaultKind.RAISED, "no clock"),
    "utcnow": ("from datetime import datetime\ndef solve(): return datetime.utcnow()", FaultKind.RAISED, "no clock"),
    "today": ("from datetime import date\ndef solve(): return date.today()", FaultKind.RAISED, "no clock"),
    "open": ("def solve(): return open('/etc/passwd').read()", FaultKind.RAISED, "open() does not exist"),
    "io.open": ("import io\ndef solve(): return io.open('/etc/passwd').read()", FaultKind.TRAP, "a file"),
    "input": ("def solve(): return input()", FaultKind.RAISED, "input() does not exist"),
    "unknown encoding": ("def solve(): return 'a'.encode('nothing')", FaultKind.RAISED, "LookupError"),
    # exits and odd exceptions
    "SystemExit": ("def solve(): raise SystemExit(3)", FaultKind.RAISED, "SystemExit: 3"),
    "KeyboardInterrupt": ("def solve(): raise KeyboardInterrupt", FaultKind.RAISED, "KeyboardInterrupt"),
    "GeneratorExit": ("def solve(): raise GeneratorExit", FaultKind.RAISED, "GeneratorExit"),
    "exception without text": (
        "class E(Exception):\n    def __str__(self): raise E\ndef solve(): raise E",
        FaultKind.RAISED,
        "its message raised E",
    ),
    "exception with a long text": ("def solve(): raise ValueError('x' * 10 ** 6)", FaultKind.RAISED, "xxx ..."),
    "at import": ("1 / 0\ndef solve(): return 1", FaultKind.RAISED, "ZeroDivisionError"),
    # code that is none
    "syntax": ("def solve(:", FaultKind.SYNTAX, "invalid syntax"),
    "unclosed": ("def solve(): return (1", FaultKind.SYNTAX, "was never closed"),
    "null": ("def solve(): return '\0'", FaultKind.SYNTAX, "null"),
    "surrogate": ("def solve(): return '\ud800'", FaultKind.SYNTAX, "surrogates"),
    "brackets": ("def solve(): return " + "(" * 9_000 + "1" + ")" * 9_000, FaultKind.SYNTAX, ""),
    "no solve": ("def solver(): return 1", FaultKind.SYNTAX, "no function solve"),
    "solve is a value": ("solve = 5", FaultKind.SYNTAX, "no function solve"),
    "empty": ("", FaultKind.SYNTAX, "no function solve"),
}


@pytest.mark.parametrize(("code", "kind", "words"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_says_what_happened_and_harms_nothing(
    shared_sandbox: Sandbox, code: str, kind: FaultKind, words: str
) -> None:
    for mode in (Mode.FRESH, Mode.WARM):
        run = shared_sandbox.run(Program("sha256:hostile", code, fuel=1_000_000_000), {}, mode=mode)
        assert run.fault is not None
        assert (run.fault.kind, run.answer) == (kind, None), run.fault
        assert words in run.fault.message
        assert len(run.fault.message) < 3_000
        assert shared_sandbox.run(HONEST, {"n": 1}, mode=mode).answer == 2


def test_memory_that_a_procedure_gets_back_is_not_a_fault(sandbox: Sandbox) -> None:
    code = "def solve():\n    try:\n        'x' * 10 ** 9\n    except MemoryError:\n        return 'caught'"
    assert sandbox.run(Program("sha256:caught", code), {}).answer == "caught"


def test_the_memory_limit_is_the_programs(sandbox: Sandbox) -> None:
    code = "def solve(): return len(bytes(40 << 20))"
    assert sandbox.run(Program("sha256:m", code, memory_mib=32), {}).fault.kind is FaultKind.MEMORY  # type: ignore[union-attr]
    for mode in Mode:
        assert sandbox.run(Program("sha256:m", code, memory_mib=80), {}, mode=mode).answer == 40 << 20


def test_a_memory_limit_below_the_engines_own_need_is_a_fault(sandbox: Sandbox) -> None:
    for mode in Mode:
        run = sandbox.run(Program("sha256:m", "def solve(): return 1", memory_mib=4), {}, mode=mode)
        assert run.fault is not None
        assert run.fault.kind is FaultKind.MEMORY


def test_fuel_is_counted_exactly_and_the_limit_is_the_programs(sandbox: Sandbox) -> None:
    program = Program("sha256:f", "def solve(n): return sum(range(n))")
    first, again = (sandbox.run(program, {"n": 10_000}, mode=Mode.FRESH) for _ in range(2))
    assert first.fuel_used == again.fuel_used > 100_000
    short = sandbox.run(Program("sha256:f", program.code, fuel=first.fuel_used // 2), {"n": 10_000}, mode=Mode.FRESH)
    assert short.fault is not None
    assert short.fault.kind is FaultKind.FUEL
    assert short.fuel_used == first.fuel_used // 2


def test_printing_is_kept_and_cut(sandbox: Sandbox) -> None:
    said = sandbox.run(Program("sha256:p", "def solve(): print('a', 1); return 2"), {})
    assert (said.answer, said.stdout) == (2, "a 1\n")
    much = sandbox.run(Program("sha256:p2", "def solve():\n    for n in range(10 ** 5): print(n)\n    return 2"), {})
    assert much.answer == 2
    assert much.stdout.startswith("0\n1\n2\n")
    assert much.stdout.endswith("[output cut]")
    assert len(much.stdout) < (64 << 10) + 100
    failing = sandbox.run(Program("sha256:p3", "def solve(): print('before'); 1 / 0"), {})
    assert (failing.stdout, failing.ok) == ("before\n", False)


def test_lines_are_those_of_the_procedure(sandbox: Sandbox) -> None:
    code = "import json\n\ndef helper(x):\n    return json.loads(x)\n\ndef solve(x):\n    return helper(x)\n"
    run = sandbox.run(Program("sha256:l", code), {"x": "{"})
    assert run.fault is not None
    assert (run.fault.kind, run.fault.line) == (FaultKind.RAISED, 4)
    assert str(run.fault).startswith("raised: JSONDecodeError: ")
    assert str(run.fault).endswith("(line 4)")


def test_refusing(sandbox: Sandbox) -> None:
    code = "def solve(n):\n    try:\n        if n > 1: refuse('too many')\n    except Exception: pass\n    return n"
    program = Program("sha256:r", code)
    assert sandbox.run(program, {"n": 1}).answer == 1
    run = sandbox.run(program, {"n": 2})
    assert run.fault is not None
    assert (run.fault.kind, run.fault.message, run.fault.line) == (FaultKind.REFUSED, "too many", 3)
    assert sandbox.statistics.instances_discarded == 0


@pytest.mark.parametrize("arguments", [{}, {"a": 1, "b": 2}, {"b": 1}])
def test_arguments_that_are_not_solves(sandbox: Sandbox, arguments: dict[str, object]) -> None:
    run = sandbox.run(Program("sha256:a", "def solve(a): return a"), arguments)
    assert run.fault is not None
    assert run.fault.kind is FaultKind.ARGUMENTS
    assert "solve()" in run.fault.message


def test_a_type_error_inside_solve_is_the_procedures(sandbox: Sandbox) -> None:
    run = sandbox.run(Program("sha256:a", "def solve(a): return len(a)"), {"a": 1})
    assert run.fault is not None
    assert (run.fault.kind, run.fault.line) == (FaultKind.RAISED, 1)


# Each first call changes something; the second asks for it.
LEAKS = {
    "globals": ("import math\nX = [0]\ndef solve(change):\n    if change: X[0] = 1\n    return X[0]", 0),
    "decimal context": (
        "from decimal import getcontext\ndef solve(change):\n    if change: getcontext().prec = 2\n"
        "    return getcontext().prec",
        28,
    ),
    "default decimal context": (
        "from decimal import DefaultContext as c\ndef solve(change):\n    if change: c.prec = 2\n    return c.prec",
        28,
    ),
    "module": ("import math\ndef solve(change):\n    if change: math.pi = 3\n    return math.pi > 3.1", True),
    "builtins": (
        "def solve(change):\n    if change: __builtins__['len'] = lambda _: 7\n    return len([1])",
        1,
    ),
    "class of a module": (
        "from fractions import Fraction\ndef solve(change):\n    if change: Fraction.__neg__ = lambda self: 7\n"
        "    return -Fraction(1, 3) == Fraction(-1, 3)",
        True,
    ),
    "predefined class": (
        "def solve(change):\n    if change: setattr(Money, 'currency', 'X')\n    return Money(1, 'EUR').currency",
        "EUR",
    ),
    "class reached by another way": (
        "import fractions\ndef solve(change):\n    if change: fractions.Fraction.__mro__[0].leak = 1\n"
        "    return hasattr(fractions.Fraction, 'leak')",
        False,
    ),
    "calendar": (
        "import calendar as c\ndef solve(change):\n    if change: c.setfirstweekday(6)\n    return c.firstweekday()",
        0,
    ),
    "list of a module": (
        "from keyword import kwlist\ndef solve(change):\n    if change: kwlist.append('x')\n    return 'x' in kwlist",
        False,
    ),
    "removal from a registry": (
        "import csv\ndef solve(change):\n    if change: csv.unregister_dialect('excel')\n"
        "    return 'excel' in csv.list_dialects()",
        True,
    ),
    "registry of a module": (
        "import csv\ndef solve(change):\n    if change: csv.register_dialect('x')\n"
        "    return 'x' in csv.list_dialects()",
        False,
    ),
}


@pytest.mark.parametrize(("code", "clean"), LEAKS.values(), ids=LEAKS.keys())
def test_a_call_does_not_see_what_an_earlier_one_changed(sandbox: Sandbox, code: str, clean: object) -> None:
    program = Program("sha256:leak", code)
    changed = sandbox.run(program, {"change": True})
    assert changed.fault is None
    assert changed.answer != clean, "the attack itself does nothing"
    assert sandbox.run(program, {"change": False}).answer == clean
    both = sandbox.run_many(program, [{"change": True}, {"change": False}], mode=Mode.FRESH)
    assert both[1].answer == clean


def test_tenants_and_programs_share_no_instance(sandbox: Sandbox) -> None:
    """`builtins` reached from below survives calls of one instance; it must not reach another tenant or revision."""
    poison = "def solve(change):\n    top = ().__class__.__base__.__subclasses__()\n"
    poison += "    real = next(c for c in top if c.__name__ == 'catch_warnings').__init__.__globals__['__builtins__']\n"
    poison += "    if change: real['leak'] = 1\n    return 'leak' in real\n"
    program = Program("sha256:poison", poison)
    assert sandbox.run(program, {"change": True}, tenant="one").answer is True
    assert sandbox.run(program, {"change": False}, tenant="two").answer is False
    assert sandbox.run(Program("sha256:other", poison), {"change": False}, tenant="one").answer is False
    for mode in (Mode.SINGLE_USE, Mode.FRESH):
        assert sandbox.run(program, {"change": True}, mode=mode).answer is True
        assert sandbox.run(program, {"change": False}, mode=mode).answer is False


def test_a_forged_reply_is_a_fault_and_ends_the_instance(sandbox: Sandbox) -> None:
    forge = "def solve(reply):\n    top = ().__class__.__base__.__subclasses__()\n"
    forge += "    own = next(c for c in top if c.__name__ == 'Procedure')\n"
    forge += "    own.run = lambda self, text: reply\n    return 1\n"
    program = Program("sha256:forge", forge)
    replies = ["", "[", "5", "[]", "{}", '{"fault": 5}', '{"fault": {"kind": "x", "message": "", "line": 1}}']
    replies += ['{"fault": {"kind": "fuel", "message": "", "line": "1"}}', '{"answer": 1, "stdout": 5}', "[" * 10**5]
    replies += ['{"answer": ' + "9" * 5000 + "}"]
    for reply in replies:
        sandbox.run(program, {"reply": reply})
        forged = sandbox.run(program, {"reply": reply})
        assert forged.fault is not None
        assert forged.fault.kind is FaultKind.TRAP


def test_set_order_differs_between_builds_but_arithmetic_does_not(engine: Engine, other_engine: Engine) -> None:
    assert engine.digest != other_engine.digest
    assert engine.modules == other_engine.modules
    order = Program("sha256:o", "def solve(): return list(set('abcdefghijklmnop'))")
    exact = Program(
        "sha256:e", "import math\ndef solve(): return [math.sin(1e22), sorted(set('hello')), round(2.675, 2)]"
    )
    with Sandbox(engine) as one, Sandbox(other_engine) as other:
        assert one.run(order, {}).answer != other.run(order, {}).answer
        assert one.run(exact, {}).answer == other.run(exact, {}).answer
